import logging

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from mmser.models.fusion import AudioFeatures
from mmser.models.fusion.speeds import change_speed


@pytest.fixture
def waveforms() -> AudioFeatures:
    return AudioFeatures(Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False))


@pytest.fixture
def spectrograms() -> AudioFeatures:
    return AudioFeatures(WhisperFeatureExtractor(chunk_length=2))


def test_a_clip_is_normalised_over_its_own_samples_and_padded_with_zeros_after(waveforms, clips):
    batch = waveforms.pad([waveforms.features(clip) for clip in clips])
    short = batch["input_values"][0]
    assert batch["input_values"].shape == (2, 48_000)
    assert short[:16_000].mean().item() == pytest.approx(0, abs=1e-5)
    assert short[:16_000].std(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert not short[16_000:].any()
    assert batch["attention_mask"].sum(-1).tolist() == [16_000, 48_000]


def test_a_clip_shorter_than_one_frame_is_filled_up_to_one(waveforms):
    features = waveforms.features(np.array([1.0, -1.0], dtype=np.float32))
    assert features["input_values"].shape == (400,)
    assert features["attention_mask"].sum() == 400
    assert not features["input_values"][2:].any()


def test_a_silent_clip_has_finite_features(waveforms):
    assert np.isfinite(waveforms.features(np.zeros(1000, dtype=np.float32))["input_values"]).all()


def test_whisper_marks_the_mel_frames_that_hold_sound(spectrograms):
    # 2 s window: 200 frames; 16,001 samples reach into ceil(16001 / 160) = 101 of them
    features = spectrograms.features(np.ones(16_001, dtype=np.float32))
    assert features["input_features"].shape == (80, 200)
    assert features["attention_mask"].tolist() == [1] * 101 + [0] * 99


def test_each_speed_is_a_hearing_and_hearings_are_padded_to_the_longest(waveforms, clips):
    waveforms.feature_extractor.speeds = [1.0, 1.25]
    plain = AudioFeatures(Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False))
    heard = waveforms.features(clips[0])  # 16,000 samples, and 16,000 / 1.25
    assert heard["input_values"].shape == (2, 16_000)
    assert heard["attention_mask"].sum(-1).tolist() == [16_000, 12_800]
    assert np.array_equal(heard["input_values"][0], plain.features(clips[0])["input_values"])
    faster = plain.features(change_speed(clips[0], 1.25))["input_values"]
    assert np.array_equal(heard["input_values"][1, :12_800], faster)
    batch = waveforms.pad([waveforms.features(clip) for clip in clips])
    assert batch["input_values"].shape == batch["attention_mask"].shape == (2, 2, 48_000)
    assert batch["attention_mask"].sum(-1).tolist() == [[16_000, 12_800], [48_000, 38_400]]


def test_what_is_cropped_is_told_in_seconds_as_they_were_recorded(spectrograms, caplog):
    spectrograms.feature_extractor.speeds = [0.8, 1.0]
    with caplog.at_level(logging.WARNING):
        spectrograms.features(np.ones(28_800, dtype=np.float32))  # 1.8 s, which last 2.25 s at 0.8
    assert "A clip of 1.8 s is cropped to the model's window of 1.6 s" in caplog.text
    assert spectrograms.stretch == 2.5  # two hearings, each padded to 1 / 0.8


def test_one_speed_alone_adds_no_axis(spectrograms):
    spectrograms.feature_extractor.speeds = [2.0]
    features = spectrograms.features(np.ones(32_000, dtype=np.float32))
    assert features["input_features"].shape == (80, 200)
    assert features["attention_mask"].sum() == 100


def test_whisper_crops_to_its_window_and_says_so_once(spectrograms, caplog):
    clip = np.random.default_rng(0).normal(size=40_000).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        _, long = (spectrograms.features(clip) for _ in range(2))
    assert np.array_equal(long["input_features"], spectrograms.features(clip[:32_000])["input_features"])
    assert [record.message for record in caplog.records] == [
        "A clip of 2.5 s is cropped to the model's window of 2.0 s, and so is every longer one."
    ]


def test_a_spectrogram_does_not_depend_on_the_batch(spectrograms):
    """Whisper floors a spectrogram at 80 dB below its maximum: a loud neighbour must not raise that floor."""
    rng = np.random.default_rng(0)
    quiet, loud = (rng.normal(0, scale, 16_000).astype(np.float32) for scale in (1e-4, 1.0))
    batch = spectrograms.pad([spectrograms.features(clip) for clip in (quiet, loud)])
    alone = spectrograms.pad([spectrograms.features(quiet)])
    assert torch.equal(batch["input_features"][0], alone["input_features"][0])


def test_features_equal_the_stock_extractor_for_one_clip(waveforms, spectrograms, clips):
    for features in (waveforms, spectrograms):
        extractor = features.feature_extractor
        stock = extractor(clips[0], sampling_rate=16_000, return_tensors="np")[features.input_name][0]
        assert np.array_equal(features.features(clips[0])[features.input_name], stock)


def test_the_input_has_the_name_that_the_model_wants():
    extractor = WhisperFeatureExtractor(chunk_length=1)
    clip = np.ones(1000, dtype=np.float32)
    assert "input_features" in AudioFeatures(extractor).features(clip)
    assert "input_values" in AudioFeatures(extractor, input_name="input_values").features(clip)


@pytest.mark.parametrize("waveform", [np.zeros((2, 100)), np.zeros(0), np.float32(1.0)])
def test_what_is_not_one_channel_is_refused(waveforms, waveform):
    with pytest.raises(ValueError, match="expected one channel of at least one sample"):
        waveforms.features(waveform)


def test_samples_that_are_not_finite_are_refused(waveforms):
    with pytest.raises(ValueError, match="NaN or infinite"):
        waveforms.features(np.array([0.0, np.nan]))


def test_saved_features_load_as_the_stock_extractor(waveforms, tmp_path):
    waveforms.save_pretrained(tmp_path)
    assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path).to_dict() == waveforms.to_dict()
