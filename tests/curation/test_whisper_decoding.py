from types import SimpleNamespace

import numpy as np
import pytest
import torch

from factories_whisper import save_whisper_checkpoint
from mmser.curation import whisper_decoding
from mmser.curation.whisper_decoding import bucket_s, decode_clips, load_whisper


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_whisper(str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt")))


@pytest.fixture(scope="module")
def waveforms():
    rng = np.random.default_rng(0)
    return [(scale * rng.standard_normal(20_000)).astype("f4") for scale in (0.01, 0.1, 0.3)]


def result(text="dogs", avg_logprob=-0.2, no_speech_prob=0.1, compression_ratio=1.0):
    return SimpleNamespace(
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=compression_ratio,
    )


@pytest.mark.parametrize(("duration_s", "bucket"), [(1.0, 2), (1.5, 2), (1.51, 3), (29.6, 30), (45.0, 30)])
def test_a_bucket_is_the_clip_and_half_a_second_in_whole_seconds(duration_s, bucket):
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


def test_the_shortened_encoder_is_whispers_own_over_its_whole_window(model):
    mels = torch.randn(2, 80, 3000)
    with torch.inference_mode():
        assert torch.allclose(whisper_decoding._encode(model, mels), model.encoder(mels), atol=1e-5)


def test_the_global_random_state_is_left_alone(model, waveforms):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    decode_clips(model, waveforms, "en", seeds=[1, 2, 3])
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        (result(text=" Dogs. "), "Dogs."),
        (result(no_speech_prob=0.7, avg_logprob=-1.1), ""),  # silence
        (result(no_speech_prob=0.7, avg_logprob=-0.9), "dogs"),  # sure of its words: no silence
        (result(compression_ratio=2.5), ""),  # a loop
    ],
)
def test_what_whisper_made_up_is_emptied(heard, text):
    assert whisper_decoding._judge(heard).text == text


def test_a_failed_clip_is_tried_at_rising_temperatures_until_one_passes(monkeypatch):
    temperatures = []
    outcomes = iter([result(compression_ratio=3.0), result(text="passed")])

    class Task:
        def __init__(self, _, options):
            temperatures.append(options.temperature)

        def run(self, _):
            return [next(outcomes)]

    monkeypatch.setattr(whisper_decoding, "_EncodedTask", Task)
    found = whisper_decoding._fall_back(None, torch.zeros(1), result(avg_logprob=-2.0), {}, seed=0)
    assert found.text == "passed"
    assert temperatures == [0.2, 0.4]


def test_silence_is_no_failure():
    assert not whisper_decoding._has_failed(result(no_speech_prob=0.7, avg_logprob=-1.1))
    assert whisper_decoding._has_failed(result(no_speech_prob=0.5, avg_logprob=-1.1))
