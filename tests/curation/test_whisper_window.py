import numpy as np
import pytest
import torch
from torch.nn import functional
from whisper.audio import log_mel_spectrogram, pad_or_trim

from factories_whisper import save_whisper_checkpoint
from mmser.curation import whisper_window
from mmser.curation.whisper_checkpoints import load_whisper
from mmser.curation.whisper_window import attend, encode_window, split_heads, thin_silence


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_whisper(str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt")))


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    monkeypatch.setattr(whisper_window, "_FAST_BF16", ())


def mel_of(waveform, seconds):
    padded = np.zeros(int(seconds * 16_000), np.float32)
    padded[: len(waveform)] = waveform
    return log_mel_spectrogram(padded, 80)[:, : int(seconds * 100)]


@pytest.fixture(scope="module")
def waveforms():
    rng = np.random.default_rng(0)
    return [(scale * rng.standard_normal(14_000)).astype("f4") for scale in (0.01, 0.3)]


def test_one_silent_position_stands_for_each_run_at_its_middle():
    # 30 positions, 10 of the clip: runs 10-17, 18-25 and 26-29
    kept, run_lengths = thin_silence(10, 30, 8)
    assert kept.tolist() == [14, 22, 28]
    assert run_lengths.tolist() == [8, 8, 4]


def test_nothing_is_thinned_by_a_stride_of_one():
    kept, run_lengths = thin_silence(27, 30, 1)
    assert kept.tolist() == [27, 28, 29]
    assert run_lengths.tolist() == [1, 1, 1]


def test_a_clip_that_fills_the_window_has_no_silence(model, waveforms):
    mels = mel_of(np.tile(waveforms[0], 34), 30)[None]
    window = encode_window(model, mels)
    assert window.states.shape == (1, 1500, 16)
    with torch.inference_mode():
        expected = model.encoder(mels)
    assert torch.allclose(window.states[:, :-1], expected[:, :-1], atol=1e-3)


def test_unthinned_the_window_is_whispers_own_but_for_its_last_position(model, waveforms):
    mels = torch.stack([mel_of(waveform, 1.5) for waveform in waveforms])
    whole = torch.stack([log_mel_spectrogram(pad_or_trim(waveform), 80) for waveform in waveforms])
    window = encode_window(model, mels, stride=1)
    with torch.inference_mode():
        expected = model.encoder(whole)
    assert window.states.shape == expected.shape == (2, 1500, 16)
    # at the end of Whisper's window its convolutions see zeros in place of silence
    assert torch.allclose(window.states[:, :-1], expected[:, :-1], atol=1e-4)
    assert (window.log_weights == 0).all()


def test_a_thinned_window_keeps_the_clip_and_a_sixteenth_of_the_silence(model, waveforms):
    window = encode_window(model, mel_of(waveforms[0], 1.5)[None])
    # 75 positions of the clip, ceil(1425 / 16) = 90 of silence; the last stands for 1425 - 89 * 16 = 1
    assert window.states.shape == (1, 165, 16)
    assert window.log_weights[:75].tolist() == [0.0] * 75
    assert window.log_weights[75:].exp().round().tolist() == [16.0] * 89 + [1.0]


def test_a_clip_is_encoded_alone_as_beside_others(model, waveforms):
    mels = torch.stack([mel_of(waveform, 1.5) for waveform in waveforms])
    together = encode_window(model, mels).states
    for mel, states in zip(mels, together, strict=True):
        assert torch.allclose(encode_window(model, mel[None]).states[0], states, atol=1e-5)


def test_a_weight_counts_as_so_many_equal_positions(model):
    attention = model.encoder.blocks[0].attn
    query, key, value = torch.randn(3, 1, 4, 16).unbind(0)
    weights = torch.tensor([1, 3, 2, 1])
    weighted = attend(
        attention,
        query,
        split_heads(attention, key),
        split_heads(attention, value),
        attn_mask=weights.log()[None, None, None],
    )
    repeated = (split_heads(attention, tensor.repeat_interleave(weights, dim=1)) for tensor in (key, value))
    assert torch.allclose(weighted, attend(attention, query, *repeated), atol=1e-6)


def test_attention_without_weights_is_whispers_own(model):
    attention, states = model.encoder.blocks[0].attn, torch.randn(2, 5, 16)
    key, value = (split_heads(attention, layer(states)) for layer in (attention.key, attention.value))
    assert torch.allclose(attend(attention, states, key, value), attention(states)[0], atol=1e-5)
    assert functional.mse_loss(attend(attention, states, key, value), attention(2 * states)[0]) > 1e-6
