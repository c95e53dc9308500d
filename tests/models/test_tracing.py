import numpy as np
import pytest
import torch

from mmser.errors import SettingsError
from mmser.models.exported import ExportedModel
from mmser.models.fusion import build_speech
from mmser.models.tracing import name_tokens, trace_clip

CLASSES = ["angry", "happy", "sad"]
TEXT = "kids are talking"


def add_up(trace):
    """All votes and the constant, (C,)."""
    text = 0 if trace.text is None else trace.text.votes.sum(axis=0)
    return trace.audio.votes.sum(axis=0) + text + trace.constant


def trace_alone(model, processor, clip):
    return trace_clip(model, processor.pad([processor.features(clip, TEXT)]))


@pytest.mark.parametrize("audio", ["hubert", "wav2vec2", "wavlm", "whisper"])
def test_votes_of_frames_and_tokens_add_up_to_the_logits_of_a_fusion_model(fusion, clips, audio):
    model, processor = fusion(audio)
    trace = trace_alone(model, processor, clips[0])
    assert np.ptp(trace.logits) > 0.1
    np.testing.assert_allclose(add_up(trace), trace.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("audio", ["hubert", "wav2vec2", "wavlm", "whisper"])
def test_votes_of_frames_add_up_to_the_logits_of_a_stock_classifier(audio_classifier, clips, audio):
    model, features = audio_classifier(audio)
    trace = trace_alone(model, features, clips[0])
    assert trace.text is None
    assert np.ptp(trace.logits) > 0.1
    np.testing.assert_allclose(add_up(trace), trace.logits, rtol=1e-4, atol=1e-5)


def test_frames_of_several_speeds_are_not_laid_on_one_time(checkpoints, clips):
    model, features = build_speech(str(checkpoints / "hubert"), CLASSES, speeds=(1.0, 1.2))
    with pytest.raises(SettingsError, match="hears a clip at 2 speeds, whose frames have no time in common"):
        trace_alone(model, features, clips[0])


@pytest.mark.parametrize("pooling", ["mean", "mean+std", "attention"])
@pytest.mark.parametrize("layers", ["last", "weighted", "1-2"])
def test_votes_add_up_under_every_head(checkpoints, clips, pooling, layers):
    torch.manual_seed(1)
    model, features = build_speech(
        str(checkpoints / "hubert"), CLASSES, window_s=4, audio_pooling=pooling, audio_layers=layers
    )
    for weight in model.classifier.weight, *model.audio_pooling.parameters():
        torch.nn.init.normal_(weight)
    trace = trace_alone(model, features, clips[0])
    assert np.ptp(trace.logits) > 0.1
    np.testing.assert_allclose(trace.audio.frame_weights.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(add_up(trace), trace.logits, rtol=1e-4, atol=1e-5)


def test_states_are_of_every_layer_and_of_real_frames_alone(fusion, clips):
    model, processor = fusion("whisper")
    trace = trace_alone(model, processor, clips[0])
    # one second of a window of four: 50 of 200 frames; two blocks, and what enters the first
    assert trace.audio.states.shape == (3, 50, 16)
    assert trace.frame_s == 0.02
    np.testing.assert_allclose(trace.audio.frame_weights, np.full(50, 1 / 50), rtol=1e-6)
    assert trace.audio.layer_weights.tolist() == [0, 0, 1]


def test_a_stock_whisper_hears_its_whole_window(audio_classifier, clips):
    model, features = audio_classifier("whisper")
    assert len(trace_alone(model, features, clips[0]).audio.frame_weights) == 200


def test_the_mean_of_the_last_states_is_what_the_head_reads(fusion, clips):
    model, processor = fusion()
    for tower in (trace := trace_alone(model, processor, clips[0])).audio, trace.text:
        np.testing.assert_allclose(tower.frame_weights @ tower.states[-1], tower.pooled, rtol=1e-4, atol=1e-6)


def test_a_frame_of_hubert_is_320_samples(fusion, clips):
    model, processor = fusion()
    trace = trace_alone(model, processor, clips[0])
    assert trace.frame_s == 320 / 16_000
    assert trace.audio.states.shape == (3, 49, 16)  # of 16,000 samples: one less than 50, for the kernels


def test_tokens_are_named_and_sound_alone_has_none(fusion, audio_classifier, clips):
    _, processor = fusion()
    features = processor.features(clips[0], TEXT)
    assert name_tokens(processor, features) == ["[CLS]", "kids", "are", "talking", "[SEP]"]
    _, processor = audio_classifier()
    assert name_tokens(processor, processor.features(clips[0])) == []


def test_several_clips_are_refused(fusion, clips):
    model, processor = fusion()
    batch = processor.pad([processor.features(clip, TEXT) for clip in clips])
    with pytest.raises(SettingsError, match="a batch of 2 clips, expected one"):
        trace_clip(model, batch)


def test_an_exported_model_is_refused():
    exported = object.__new__(ExportedModel)
    with pytest.raises(SettingsError, match="Follow the clip through the run"):
        trace_clip(exported, {})
