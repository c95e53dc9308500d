"""Pictures and sequences of a clip, for networks.  waveform (S,) at 16 kHz -> frames

librosa computes the spectra; windows and sizes are the papers', converted to 16 kHz where they were given at
another rate.
"""

import numpy as np

from mmser.audio.compiled import librosa
from mmser.audio.io import SAMPLE_RATE_HZ

BLOCK_SAMPLES = SAMPLE_RATE_HZ  # Sharma: blocks of 1 s
OVERLAP_SAMPLES = SAMPLE_RATE_HZ // 100  # 10 ms
_BLOCK_FFT, _BLOCK_WINDOW, _BLOCK_HOP = 512, 256, 64  # 16 ms windows every 4 ms: 257 x 251

PHO_SAMPLES = SAMPLE_RATE_HZ * 9 // 2  # Pho et al.: 4.5 s
# 3072 samples at 48 kHz, 75 % overlap: the same 64 ms at 16 kHz. Their bands reach to 12 kHz, ours to 8 kHz,
# all that a clip at 16 kHz has.
_PHO_WINDOW, _PHO_HOP, _PHO_BANDS = 1024, 256, 200
_PHO_LOWEST_HZ = 20.0

_NUM_MFCC = 80  # Khan et al.


def compute_mfcc80(waveform: np.ndarray) -> np.ndarray:
    """Return the sequence of Khan et al.: 80 MFCC of a clip with their first and second differences.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz; it is scaled to a peak of 1.

    Returns:
        float32 (80, 3): for each coefficient the means over time of its value, and of its first and second
        difference in time. The paper names 80 coefficients, and its first layer's 200 parameters mean three
        channels; the differences are the plausible reading.
    """
    scaled = waveform / max(float(np.abs(waveform).max()), 1e-12)
    mfcc = librosa.feature.mfcc(y=scaled, sr=SAMPLE_RATE_HZ, n_mfcc=_NUM_MFCC)
    width = min(9, (mfcc.shape[1] - 1) // 2 * 2 + 1)  # librosa's nine frames, fewer in a very short clip
    if width < 3:
        differences = [np.zeros_like(mfcc)] * 2
    else:
        differences = [librosa.feature.delta(mfcc, order=order, width=width) for order in (1, 2)]
    return np.stack([each.mean(axis=1) for each in (mfcc, *differences)], axis=1).astype(np.float32)


def compute_logmel(waveform: np.ndarray) -> np.ndarray:
    """Return the log-mel spectrogram of Pho et al.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz; it is padded with silence or cut to 4.5 s.

    Returns:
        float32 (278, 200): frames of 64 ms every 16 ms, bands from 20 Hz to 8 kHz, in dB, scaled from the
        clip's least and greatest value to [-1, 1]; 0 everywhere for silence.
    """
    fixed = librosa.util.fix_length(waveform, size=PHO_SAMPLES)
    power = librosa.feature.melspectrogram(
        y=fixed,
        sr=SAMPLE_RATE_HZ,
        n_fft=_PHO_WINDOW,
        hop_length=_PHO_HOP,
        center=False,
        n_mels=_PHO_BANDS,
        fmin=_PHO_LOWEST_HZ,
        fmax=SAMPLE_RATE_HZ / 2,
    )
    decibels = librosa.power_to_db(power).T
    least, greatest = decibels.min(), decibels.max()
    if greatest <= least:
        return np.zeros_like(decibels, dtype=np.float32)
    return (2 * (decibels - least) / (greatest - least) - 1).astype(np.float32)


def cut_blocks(waveform: np.ndarray, *, overlapping: bool) -> np.ndarray:
    """Cut a clip into blocks of 1 s, as Sharma's MobileNetV2 sees it.

    Where blocks overlap the paper lowers the sampling rate first; every clip here is at 16 kHz already, and
    both kinds of block are cut at that rate.

    Args:
        waveform: float32 (S,), at 16 kHz.
        overlapping: whether each block begins 10 ms before the one before it ends.

    Returns:
        float32 (B, 16000), at least one: what is left at the end is padded with silence where it is half a
        block or more, and left out otherwise.
    """
    step = BLOCK_SAMPLES - (OVERLAP_SAMPLES if overlapping else 0)
    starts = [
        start
        for start in range(0, len(waveform), step)
        if start == 0 or len(waveform) - start >= BLOCK_SAMPLES // 2
    ]
    blocks = [
        librosa.util.fix_length(waveform[start : start + BLOCK_SAMPLES], size=BLOCK_SAMPLES)
        for start in starts
    ]
    return np.stack(blocks).astype(np.float32)


def compute_block_picture(block: np.ndarray) -> np.ndarray:
    """Return the spectrogram of a block as the values of a colour map.

    Args:
        block: float32 (16000,); it is scaled to a peak of 1.

    Returns:
        uint8 (257, 251): magnitude of windows of 16 ms every 4 ms, from 0 for none to 255 for the block's
        greatest; lowest frequency first.
    """
    magnitude = np.abs(
        librosa.stft(
            block / max(float(np.abs(block).max()), 1e-12),
            n_fft=_BLOCK_FFT,
            win_length=_BLOCK_WINDOW,
            hop_length=_BLOCK_HOP,
        )
    )
    return np.round(255 * magnitude / max(float(magnitude.max()), 1e-12)).astype(np.uint8)


def to_jet(pictures: np.ndarray) -> np.ndarray:
    """Colour pictures as matplotlib's "jet" does: uint8 (..., H, W) -> float32 (..., 3, H, W) in [0, 1]."""
    from matplotlib import colormaps

    table = colormaps["jet"](np.arange(256))[:, :3].astype(np.float32)
    return np.moveaxis(table[pictures], -1, -3)
