from types import SimpleNamespace

import numpy as np
import pytest
import torch

from factories_whisper import save_whisper_checkpoint
from mmser.curation import whisper_decoding, whisper_window
from mmser.curation.transcripts import Transcript
from mmser.curation.whisper_checkpoints import load_whisper
from mmser.curation.whisper_decoding import bucket_s, decode_clips, has_failed, split_at_pauses


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_whisper(str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt")))


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    monkeypatch.setattr(whisper_window, "_FAST_BF16", ())


@pytest.fixture(scope="module")
def waveforms():
    rng = np.random.default_rng(0)
    return [(scale * rng.standard_normal(20_000)).astype("f4") for scale in (0.01, 0.1, 0.3)]


def result(text="dogs", avg_logprob=-0.2, no_speech_prob=0.1, compression_ratio=1.0, num_tokens=3):
    return SimpleNamespace(
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=compression_ratio,
        tokens=[1] * num_tokens,
    )


@pytest.mark.parametrize(
    ("duration_s", "bucket"), [(1.0, 1.5), (1.3, 1.5), (1.31, 2.0), (29.8, 30), (45, 30)]
)
def test_a_bucket_is_the_clip_and_a_fifth_of_a_second_in_halves(duration_s, bucket):
    assert bucket_s(duration_s) == bucket


def test_a_clip_is_transcribed_alone_as_in_a_batch(model, waveforms):
    seeds = [1, 2, 3]
    together = decode_clips(model, waveforms, "en", seeds=seeds)
    alone = [
        decode_clips(model, [waveform], "en", seeds=[seed])[0]
        for waveform, seed in zip(waveforms, seeds, strict=True)
    ]
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.avg_logprob for each in together] == pytest.approx(
        [each.avg_logprob for each in alone], abs=1e-4
    )


def test_the_global_random_state_is_left_alone(model, waveforms):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    decode_clips(model, waveforms, "en", seeds=[1, 2, 3])
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("heard", "failed"),
    [
        (result(), False),
        (result(no_speech_prob=0.7, avg_logprob=-1.1), False),  # silence is no failure
        (result(no_speech_prob=0.5, avg_logprob=-1.1), True),  # a guess
        (result(compression_ratio=2.5), True),  # a loop
        (result(num_tokens=19), False),
        (result(num_tokens=20), True),  # went on until it was stopped
    ],
)
def test_loops_guesses_and_texts_without_an_end_have_failed(heard, failed):
    assert has_failed(heard, max_tokens=20) is failed


@pytest.fixture
def runs(monkeypatch):
    """What each run was asked: the window's stride and the temperature; the outcomes are given."""
    asked, strides = [], []

    def encode(model, mels, *, stride=whisper_window.STRIDE):
        strides.append(stride)
        return SimpleNamespace(num_clips=len(mels))

    def install(*outcomes):
        outcomes = iter(outcomes)

        def run(model, window, options, temperature=0.0):
            asked.append((strides[-1], temperature, options["sample_len"]))
            return [next(outcomes) for _ in range(window.num_clips)]

        monkeypatch.setattr(whisper_decoding, "_run", run)
        return asked

    monkeypatch.setattr(whisper_decoding, "encode_window", encode)
    return install


def test_a_failed_clip_is_heard_again_in_the_whole_window_and_at_rising_temperatures(runs, model, waveforms):
    asked = runs(
        result("one"),
        result(compression_ratio=3.0),
        result(avg_logprob=-2),
        result(avg_logprob=-2),
        result("ok"),
    )
    heard = decode_clips(model, waveforms[:2], "en", seeds=[1, 2])
    assert [each.text for each in heard] == ["one", "ok"]
    # 1.25 s and 0.2 s after: 1.5 s, for which 12 + 15 tokens are enough
    assert asked == [(16, 0.0, 27), (1, 0.0, 27), (1, 0.2, 27), (1, 0.4, 27)]


def test_a_loop_at_every_temperature_is_emptied(runs, model, waveforms):
    asked = runs(*[result(compression_ratio=3.0)] * 7)
    (heard,) = decode_clips(model, waveforms[:1], "en", seeds=[1])
    assert (heard.text, heard.flag) == ("", "loop")
    assert [temperature for _, temperature, _ in asked] == [0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_clip_beyond_the_window_is_cut_at_a_pause_and_joined(runs, model):
    clip = np.full(40 * 16_000, 0.1, np.float32)
    clip[24 * 16_000 : 25 * 16_000] = 0  # the only pause in the last 10 s of the window
    runs(result("first half"), result("second half", avg_logprob=-0.4))
    (heard,) = decode_clips(model, [clip], "en", seeds=[1])
    assert heard.text == "first half second half"
    assert heard.avg_logprob == pytest.approx(-0.3)


def test_parts_are_cut_within_the_quietest_place_and_hold_every_sample():
    clip = np.full(70 * 16_000, 0.1, np.float32)
    for pause_s in (24, 48):
        clip[pause_s * 16_000 : pause_s * 16_000 + 8_000] = 0
    parts = split_at_pauses(clip)
    assert np.array_equal(np.concatenate(parts), clip)
    first, second = len(parts[0]) / 16_000, (len(parts[0]) + len(parts[1])) / 16_000
    assert 24 <= first <= 24.5
    assert 48 <= second <= 48.5
    assert all(len(part) <= 30 * 16_000 for part in parts)


def test_a_clip_that_fits_the_window_is_not_cut():
    (part,) = split_at_pauses(np.ones(30 * 16_000, np.float32))
    assert len(part) == 30 * 16_000


def test_parts_of_noise_are_transcribed_to_the_end(model):
    clip = (0.1 * np.random.default_rng(0).standard_normal(31 * 16_000)).astype("f4")
    (heard,) = decode_clips(model, [clip], "en", seeds=[1])
    assert isinstance(heard, Transcript)
