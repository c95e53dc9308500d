"""Recognise a recording through gain, noise, re-encoding and trimming.  waveform (S,) -> Fingerprint

Two prints are taken of one spectrogram, for two questions:

- *Landmarks* (A. Wang, "An industrial-strength audio search algorithm", ISMIR 2003): pairs of spectral peaks,
  each a number and a time. Clips that share several at one distance in time may be one recording; an index of
  the numbers finds them without comparing all with all (:mod:`mmser.audio.search`).
- *Strong bits* (J. Haitsma and T. Kalker, "A highly robust audio fingerprinting system", ISMIR 2002): whether
  the energy difference of two neighbouring bands grows or falls from frame to frame. Our clips are short and
  denoised: most differences are of near-silence, and a little noise turns their signs. So only the largest
  quarter is compared, and piece by piece, since cleaning may have cut a copy elsewhere.

A copy that was stretched, or shifted in pitch, is another sound to both: such copies are traced by their
``source_id``, not by this.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from mmser.audio.io import SAMPLE_RATE_HZ

# Over 1,913 clips, two takes of one sentence reach 0.56; copies with noise at 15 dB fall to 0.83.
SAME_RECORDING = 0.6
MIN_DURATION_RATIO = 0.5  # a clip that holds another and as much besides is not its copy

_WINDOW_SAMPLES = SAMPLE_RATE_HZ * 64 // 1000  # 1024: tells the harmonics of a voice apart
_HOP_SAMPLES = SAMPLE_RATE_HZ * 8 // 1000  # 128: a shift by half a hop still overlaps by 15/16
_MAX_FRAMES = 7500  # a minute: comparing takes the square of the duration
_LOWEST_BIN, _END_BIN = 6, 256  # 94 Hz to 4 kHz: what telephones, MP3 and 8-bit files keep

_PEAK_REACH = 4  # bins and frames around a peak in which nothing is louder
_PEAK_RANGE_DB = 30.0  # below the loudest of the clip
_PEAKS_PER_SECOND = 40  # the loudest; speech has about 30, noise 200 that tell nothing
_PAIRS_PER_PEAK = 6
_NUM_CANDIDATES = 40  # peaks after a peak that it may be paired with
_MAX_FRAMES_APART, _MAX_BINS_APART = 63, 40  # 0.5 s, 625 Hz

_NUM_BANDS = 33  # as in Haitsma and Kalker: 32 differences, a bit each
_LOWEST_HZ, _HIGHEST_HZ = 200.0, 3600.0
_LAG_FRAMES = 4  # 32 ms: half a window, so that a shift in time turns few signs
_STRONG_SHARE = 0.25
_PIECE_FRAMES, _PIECE_STEP_FRAMES = 50, 10  # 0.4 s every 0.08 s


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a clip, about 4 kB for two seconds.

    Attributes:
        landmarks: numbers of the peak pairs, uint32 (N,).
        times: the frame of each pair's first peak, uint16 (N,).
        rising: a bit for each band difference, set where it grows, uint32 (F,).
        strong: a bit for each band difference, set where it is among the largest of the clip, uint32 (F,).
    """

    landmarks: np.ndarray
    times: np.ndarray
    rising: np.ndarray
    strong: np.ndarray


def fingerprint_waveform(waveform: np.ndarray) -> Fingerprint:
    """Take the fingerprint of a clip.

    Args:
        waveform: float32 (S,), at 16 kHz; the first minute counts.

    Returns:
        The fingerprint; gain does not change it. A silent clip has neither landmarks nor strong bits.
    """
    power = _power(waveform)
    landmarks, times = _pair_peaks(*_find_peaks(power))
    rising, strong = _strong_bits(power @ _BANDS)
    return Fingerprint(landmarks, times, rising, strong)


def compare_fingerprints(first: Fingerprint, second: Fingerprint) -> float:
    """Tell how alike two clips sound.

    Each piece of 0.4 s of the shorter clip is laid where it fits the longer one best; strong bits that agree
    count for it and those that differ against it.

    Args:
        first: the fingerprint of a clip.
        second: that of another.

    Returns:
        1 for the same sound, about 0 for sounds that have nothing in common, never below 0;
        ``SAME_RECORDING`` or more for copies of one recording. 0 where one of the clips is silent, or less
        than half as long as the other.
    """
    shorter, longer = _signs(first), _signs(second)
    if len(shorter) > len(longer):
        shorter, longer = longer, shorter
    if len(shorter) < max(1.0, MIN_DURATION_RATIO * len(longer)):
        return 0.0
    size = min(_PIECE_FRAMES, len(shorter))
    pieces, places = _windows(shorter, size, _PIECE_STEP_FRAMES), _windows(longer, size, 1)
    num_strong, num_there = np.abs(pieces).sum(axis=1), np.abs(places).sum(axis=1)
    if not num_strong.any():
        return 0.0
    agreeing = pieces @ places.T  # (pieces, places): agreeing less differing bits
    reachable = np.sqrt(num_strong[:, None] * np.maximum(num_strong[:, None], num_there) + 1e-9)
    fit = np.max(agreeing / reachable, axis=1)
    return float(max(0.0, np.average(fit, weights=num_strong)))


def _power(waveform: np.ndarray) -> np.ndarray:
    """Waveform (S,) -> power (F, bins), loudest 1, or all 0."""
    padded = np.pad(waveform.astype(np.float32, copy=False), _WINDOW_SAMPLES // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::_HOP_SAMPLES][:_MAX_FRAMES]
    spectrum = fft.rfft(frames * _WINDOW, axis=1)[:, _LOWEST_BIN:_END_BIN]
    power = spectrum.real**2 + spectrum.imag**2
    return power / max(float(power.max()), 1e-30)


def _find_peaks(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power (F, bins) -> frame and bin of each peak, int64 (P,), in the order of time."""
    loudest = _running_max(_running_max(power, _PEAK_REACH).T, _PEAK_REACH).T
    frames, bins = np.nonzero((power == loudest) & (power > 10 ** (-_PEAK_RANGE_DB / 10)))
    num_most = _PEAKS_PER_SECOND * len(power) * _HOP_SAMPLES // SAMPLE_RATE_HZ
    if len(frames) > num_most:
        least = np.partition(power[frames, bins], -num_most)[-num_most]
        is_loud = power[frames, bins] >= least
        frames, bins = frames[is_loud], bins[is_loud]
    return frames, bins


def _running_max(values: np.ndarray, reach: int) -> np.ndarray:
    """The largest value within ``reach`` rows; (F, D) -> (F, D)."""
    padded = np.zeros((len(values) + 2 * reach, values.shape[1]), values.dtype)
    padded[reach : reach + len(values)] = values
    span = 1  # rows that each row of padded is the largest of
    while span < 2 * reach + 1:
        step = min(span, 2 * reach + 1 - span)
        padded = np.maximum(padded[:-step], padded[step:])
        span += step
    return padded


def _pair_peaks(frames: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks in the order of time -> landmarks and the times of their first peaks.

    A landmark is the bin of the first peak (8 bits), how much higher the second is (7), how much later (6).
    """
    num_peaks = len(frames)
    first = np.arange(num_peaks)[:, None]
    second = first + np.arange(1, _NUM_CANDIDATES + 1)
    there = second < num_peaks
    second = np.minimum(second, num_peaks - 1)
    later, higher = frames[second] - frames[first], bins[second] - bins[first]
    near = there & (later > 2) & (later <= _MAX_FRAMES_APART) & (np.abs(higher) <= _MAX_BINS_APART)
    near &= np.cumsum(near, axis=1) <= _PAIRS_PER_PEAK
    landmarks = (bins[first] << 13) + ((higher + 64) << 6) + later
    times = np.broadcast_to(frames[first], near.shape)
    return landmarks[near].astype(np.uint32), times[near].astype(np.uint16)


def _strong_bits(bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Band energies (F, 33) -> which differences rise and which are strong, packed, uint32 (F - lag,)."""
    slope = bands[:, :-1] - bands[:, 1:]
    change = slope[_LAG_FRAMES:] - slope[:-_LAG_FRAMES]
    size = np.abs(change)
    least = np.quantile(size, 1 - _STRONG_SHARE) if size.size else 0.0
    return _pack(change > 0), _pack(size > least)


def _pack(bits: np.ndarray) -> np.ndarray:
    """Bits (F, 32) -> uint32 (F,)."""
    return np.packbits(bits, axis=1).view(np.uint32)[:, 0]


def _unpack(packed: np.ndarray) -> np.ndarray:
    return np.unpackbits(packed.view(np.uint8).reshape(-1, 4), axis=1)


def _signs(fingerprint: Fingerprint) -> np.ndarray:
    """1 where a strong difference rises, -1 where one falls, else 0; float32 (F, 32)."""
    rising, strong = _unpack(fingerprint.rising), _unpack(fingerprint.strong)
    return (strong * (2.0 * rising - 1.0)).astype(np.float32)


def _windows(signs: np.ndarray, size: int, step: int) -> np.ndarray:
    """All stretches of ``size`` frames, one each ``step``; (F, 32) -> (N, size * 32)."""
    views = np.lib.stride_tricks.sliding_window_view(signs, size, axis=0)[::step]
    return views.reshape(len(views), -1)


def _build_bands() -> np.ndarray:
    """Weights of each bin in each band, (bins, 33): bands of equal width on a logarithmic scale."""
    edges_hz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _NUM_BANDS + 1)
    width_hz = SAMPLE_RATE_HZ / _WINDOW_SAMPLES
    centres_hz = np.arange(_LOWEST_BIN, _END_BIN)[:, None] * width_hz
    tops = np.minimum(centres_hz + width_hz / 2, edges_hz[1:])
    bottoms = np.maximum(centres_hz - width_hz / 2, edges_hz[:-1])
    return (np.clip(tops - bottoms, 0, None) / width_hz).astype(np.float32)


_WINDOW = np.hanning(_WINDOW_SAMPLES).astype(np.float32)
_BANDS = _build_bands()
