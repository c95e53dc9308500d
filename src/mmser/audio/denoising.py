"""Reduce noise as noisereduce does, without working on its padding.  waveform (S,) -> waveform (S,)

noisereduce's non-stationary gate puts 30,000 zeros on each side of a clip, in float64: most of a short clip's
time goes there. Frames of zeros have a spectrum of zeros, so all that they change is the noise floor behind
the last frame that sounds, and that has a closed form. The rest is the library's algorithm, in float32.

Sainburg, Thielk and Gentner, "Finding, visualizing, and quantifying latent structure across diverse animal
vocal repertoires", PLoS Computational Biology 16 (2020); https://github.com/timsainb/noisereduce
"""

from itertools import pairwise

import noisereduce
import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal import get_window

_CHUNK = 600_000  # the library's defaults, in samples …
_PADDING = 30_000
_WINDOW = 1024
_HOP = _WINDOW // 4
_TIME_CONSTANT_S = 2.0
_FREQ_SMOOTH_HZ = 500
_TIME_SMOOTH_MS = 50
_THRESHOLD = 2.0  # times above the noise floor at which half of a cell passes
_SLOPE = 10.0
_OVERLAP_POWER = 1.5  # sum of the squared windows that overlap at a sample


def reduce_noise(waveform: np.ndarray, rate_hz: int) -> np.ndarray:
    """Attenuate what does not stand out from a floor that follows the clip over two seconds.

    Args:
        waveform: float32 (S,), full scale 1.
        rate_hz: its sample rate.

    Returns:
        float32 (S,), what ``noisereduce.reduce_noise(y=waveform, sr=rate_hz)`` gives, but for rounding. Where
        a frequency is digitally silent it holds values that are not finite, as the library's result does.
    """
    if len(waveform) > _CHUNK:  # the library goes on in chunks
        with np.errstate(all="ignore"):
            return noisereduce.reduce_noise(y=waveform, sr=rate_hz, n_jobs=1)
    window = get_window("hann", _WINDOW).astype(np.float32)
    bins, frames = _mask_reaches(rate_hz)
    margin = frames + 1
    # Frames lie where the library has them: one starts at each multiple of the hop, counted from its padding.
    first = -((_PADDING + _WINDOW // 2) % _HOP) - _WINDOW + _HOP - margin * _HOP
    last = ((len(waveform) - 1 - first) // _HOP + margin) * _HOP + first
    padded = np.zeros(last + _WINDOW - first, dtype=np.float32)
    padded[-first : -first + len(waveform)] = waveform
    cuts = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]  # (T, 1024)
    spectrum = rfft(cuts * window)  # (T, 513)
    left = (len(waveform) + _PADDING + _WINDOW // 2 - (last + _WINDOW)) // _HOP
    magnitude = np.abs(spectrum)
    floor = _follow(magnitude, rate_hz, left)
    with np.errstate(all="ignore"):
        mask = 1 / (1 + np.exp((1 + _THRESHOLD - magnitude / floor) * _SLOPE))
    mask = _smooth(_smooth(mask, frames).T, bins).T
    return _overlap_add(irfft(spectrum * mask) * window, len(padded))[-first : -first + len(waveform)]


def _follow(magnitude: np.ndarray, rate_hz: int, num_zeros: int) -> np.ndarray:
    """Smooth (T, F) over time, forwards and then backwards, as if ``num_zeros`` frames of zeros followed."""
    decay = _decay(rate_hz)
    forward = magnitude * np.float32(1 - decay)
    _accumulate(forward, decay)
    # Over the zeros the forward pass decays as r^k; the backward pass starts on the last of them as if it had
    # always been there, and comes to the last frame with this share of the forward pass's value there.
    share = decay**num_zeros
    for zeros in range(num_zeros - 1, 0, -1):
        share = (1 - decay) * decay**zeros + decay * share
    backward = forward[::-1] * np.float32(1 - decay)
    backward[0] += np.float32(decay * share) * forward[-1]
    _accumulate(backward, decay)
    return backward[::-1]


def _accumulate(rows: np.ndarray, decay: float) -> None:
    """Add to each row of (T, F) what is left of the one before it, in place."""
    left, factor = np.empty_like(rows[0]), np.float32(decay)
    for before, row in pairwise(rows):
        np.multiply(before, factor, out=left)
        np.add(row, left, out=row)


def _decay(rate_hz: int) -> float:
    num_frames = _TIME_CONSTANT_S * rate_hz / _HOP
    return 1 - (np.sqrt(1 + 4 * num_frames**2) - 1) / (2 * num_frames**2)


def _mask_reaches(rate_hz: int) -> tuple[int, int]:
    """How many bins and frames to each side the mask is smoothed over."""
    return int(_FREQ_SMOOTH_HZ / (rate_hz / (_WINDOW / 2))), int(_TIME_SMOOTH_MS / (_HOP / rate_hz * 1000))


def _smooth(mask: np.ndarray, reach: int) -> np.ndarray:
    """Convolve (T, F) over T with a triangle of ``2 * reach + 1``: two boxes, one after the other."""
    size = reach + 1
    padded = np.zeros((len(mask) + 2 * (size - 1), mask.shape[1]), np.float32)  # beyond its edges it is 0
    padded[size - 1 : size - 1 + len(mask)] = mask
    return _sum_rows(_sum_rows(padded, size), size) * np.float32(1 / size**2)


def _sum_rows(rows: np.ndarray, size: int) -> np.ndarray:
    """The sum of each ``size`` rows that follow one another: (T, F) -> (T - size + 1, F)."""
    sums, span = rows, 1  # each row of sums holds the sum of span rows
    while 2 * span <= size:
        sums, span = sums[:-span] + sums[span:], 2 * span
    if span < size:  # the rest, from its own end
        rest = _sum_rows(rows[span:], size - span)
        sums = sums[: len(rest)] + rest
    return sums


def _overlap_add(frames: np.ndarray, num_samples: int) -> np.ndarray:
    """Sum frames (T, 1024) that start a hop apart, float32 (num_samples,)."""
    quarters = frames.reshape(len(frames), -1, _HOP)
    sums = np.zeros((len(frames) + quarters.shape[1] - 1, _HOP), dtype=np.float32)
    for number in range(quarters.shape[1]):
        sums[number : number + len(frames)] += quarters[:, number]
    return sums.reshape(-1)[:num_samples] / _OVERLAP_POWER
