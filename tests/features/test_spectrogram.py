import librosa
import numpy as np
import pytest

from mmser.features.spectrogram import (
    compute_block_picture,
    compute_logmel,
    compute_mfcc80,
    cut_blocks,
    to_jet,
)


def sine(hz, seconds=2.0):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * 16_000)) / 16_000).astype(np.float32)


def test_mfcc_are_a_sequence_of_80_with_two_differences():
    waveform = 0.25 * sine(500)
    sequence = compute_mfcc80(waveform)
    assert sequence.shape == (80, 3)
    mfcc = librosa.feature.mfcc(y=4 * waveform, sr=16_000, n_mfcc=80)  # its peak is scaled to 1
    assert np.allclose(sequence[:, 0], mfcc.mean(axis=1), rtol=1e-4, atol=1e-3)
    assert np.allclose(sequence[:, 1], librosa.feature.delta(mfcc).mean(axis=1), rtol=1e-4, atol=1e-3)
    assert np.allclose(sequence[:, 2], librosa.feature.delta(mfcc, order=2).mean(axis=1), atol=1e-3)


def test_gain_does_not_change_mfcc():
    assert np.allclose(compute_mfcc80(0.1 * sine(500)), compute_mfcc80(sine(500)), atol=1e-2)


def test_a_log_mel_picture_has_278_frames_of_200_bands():
    # 4.5 s at 16 kHz: 1 + (72,000 - 1,024) // 256 = 278
    picture = compute_logmel(sine(1000, 4.5))
    assert picture.shape == (278, 200)
    assert (picture.min(), picture.max()) == (-1, 1)
    bands_hz = librosa.mel_frequencies(202, fmin=20, fmax=8000)[1:-1]
    assert bands_hz[picture[100].argmax()] == pytest.approx(1000, rel=0.03)


def test_a_short_clip_is_padded_and_a_long_one_is_cut():
    short, long = compute_logmel(sine(1000, 1.0)), compute_logmel(sine(1000, 9.0))
    assert short.shape == long.shape == (278, 200)
    assert (short[64:] == -1).all()  # frames after 1 s = 62.5 hops begin in silence
    assert np.allclose(long, compute_logmel(sine(1000, 4.5)))


def test_a_silent_picture_is_empty():
    assert (compute_logmel(np.zeros(16_000, np.float32)) == 0).all()


@pytest.mark.parametrize(
    ("seconds", "overlapping", "num_blocks"),
    [(0.3, False, 1), (1.0, False, 1), (1.4, False, 1), (1.5, False, 2), (3.0, False, 3), (2.98, True, 3)],
)
def test_blocks_last_a_second_and_a_last_half_counts(seconds, overlapping, num_blocks):
    assert cut_blocks(sine(440, seconds), overlapping=overlapping).shape == (num_blocks, 16_000)


def test_overlapping_blocks_share_10_ms():
    waveform = np.arange(40_000, dtype=np.float32)
    first, second, _ = cut_blocks(waveform, overlapping=True)
    assert first[-160:].tolist() == second[:160].tolist()
    assert cut_blocks(waveform, overlapping=False)[1][0] == 16_000


def test_a_block_is_a_picture_of_257_frequencies_and_251_frames():
    picture = compute_block_picture(sine(2000, 1.0))
    assert picture.shape == (257, 251)
    assert picture.dtype == np.uint8
    assert picture.max() == 255
    assert picture[:, 125].argmax() == 64  # 2,000 Hz of 8,000 in 256 steps
    assert picture[200].max() < 5


def test_a_silent_block_is_black_in_values_and_blue_in_jet():
    silent = compute_block_picture(np.zeros(16_000, np.float32))
    assert not silent.any()
    coloured = to_jet(silent[None])
    assert coloured.shape == (1, 3, 257, 251)
    assert coloured[0, :, 0, 0].tolist() == [0.0, 0.0, 0.5]


def test_jet_runs_from_blue_to_red():
    red, green, blue = to_jet(np.array([[0, 128, 255]], np.uint8))[:, 0]
    assert blue[0] == 0.5
    assert green[1] == 1
    assert red[2] == 0.5


@pytest.mark.corpus
def test_real_clips_have_librosas_mfcc_and_differences(real_waveforms):
    for waveform in real_waveforms:
        mfcc = librosa.feature.mfcc(y=waveform / np.abs(waveform).max(), sr=16_000, n_mfcc=80)
        sequences = [mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]
        expected = np.stack([each.mean(axis=1) for each in sequences], axis=1)
        assert np.allclose(compute_mfcc80(waveform), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.corpus
def test_real_clips_have_librosas_log_mel(real_waveforms):
    # windows of 64 ms and hops of 16 ms at 16 kHz; the first 4.5 s, or silence after a shorter clip
    mel = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=200, fmin=20, fmax=8000)
    for waveform in real_waveforms:
        fixed = np.pad(waveform[:72_000], (0, max(0, 72_000 - len(waveform))))
        power = np.abs(librosa.stft(fixed, n_fft=1024, hop_length=256, center=False)) ** 2
        decibels = librosa.power_to_db(mel @ power).T
        expected = np.interp(decibels, [decibels.min(), decibels.max()], [-1, 1])
        assert np.allclose(compute_logmel(waveform), expected, atol=1e-4)
