"""Make recordings of many studios alike.  waveform (S,) at any rate -> waveform (S',) at 16 kHz

Sharma, section on cleaning: one sample rate, noise reduction, silence and low energy removed. Curation and
inference call this same function.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from mmser.audio.denoising import reduce_noise
from mmser.audio.io import SAMPLE_RATE_HZ, resample
from mmser.errors import AudioError, UnknownNameError

_CELL_MS = 10  # the clip is cut at multiples of this
_WINDOW_MS = 25  # the level of a cell is measured over a window of this length around it
_DITHER = 1e-9  # far below one step of 16 bits; keeps digital silence from dividing by zero


@dataclass(frozen=True)
class CleaningSettings:
    """What is done to a recording; stored in every corpus and in every model.

    Attributes:
        sample_rate_hz: rate of the result.
        denoise: whether noisereduce's non-stationary spectral gate is applied, with its own defaults.
        silence_db: parts whose level lies further than this below the loudest part are cut.
        keep_ms: what stays of the quiet part at each cut.
        min_duration_s: a corpus drops clips that are shorter than this after cleaning; inference does not.
        silent_peak: a clip that never exceeds this, full scale 1, is silent.
    """

    sample_rate_hz: int = SAMPLE_RATE_HZ
    denoise: bool = True
    silence_db: float = 30.0
    keep_ms: int = 30
    min_duration_s: float = 1.0
    silent_peak: float = 1e-4

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CleaningSettings":
        """Return the settings that :meth:`to_dict` gave.

        Raises:
            UnknownNameError: a key is not a setting.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownNameError("cleaning setting", name, known)
        return cls(**values)


def clean_waveform(waveform: np.ndarray, rate_hz: int, settings: CleaningSettings) -> np.ndarray:
    """Resample, denoise and cut silence at both ends and inside; deterministic, on one thread.

    Args:
        waveform: float32 (S,), full scale 1.
        rate_hz: its sample rate.
        settings: what to do.

    Returns:
        float32 (S',) at ``settings.sample_rate_hz``, all samples finite; S' may be under a second.

    Raises:
        AudioError: nothing is to be heard, before or after denoising ("silent").
    """
    denoised, kept = mark_kept(waveform, rate_hz, settings)
    return denoised[kept]


def mark_kept(
    waveform: np.ndarray, rate_hz: int, settings: CleaningSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Resample and denoise, and say what :func:`clean_waveform` keeps of it.

    Args:
        waveform: float32 (S,), full scale 1.
        rate_hz: its sample rate.
        settings: what to do.

    Returns:
        float32 (S',) at ``settings.sample_rate_hz``, all samples finite; and True at the samples that are
        kept, (S',).

    Raises:
        AudioError: as :func:`clean_waveform`.
    """
    _check_audible(waveform, settings.silent_peak)
    cleaned = resample(waveform.astype(np.float32, copy=False), rate_hz, settings.sample_rate_hz)
    if settings.denoise:
        cleaned = _denoise(cleaned, settings.sample_rate_hz)
    _check_audible(cleaned, settings.silent_peak)
    return cleaned, _find_loud(cleaned, settings)


def cut_silence(waveform: np.ndarray, settings: CleaningSettings) -> np.ndarray:
    """Join the parts of a clip that are loud enough, with a margin of quiet around each.

    The level is taken in cells of 10 ms, each measured over the 25 ms around it (root mean square). Cells
    within ``silence_db`` of the loudest are kept, and ``keep_ms`` on both sides of each run of them; runs
    whose margins touch are one part.

    Args:
        waveform: float32 (S,), not all zero, at ``settings.sample_rate_hz``.
        settings: the threshold and the margin.

    Returns:
        float32 (S',), 0 < S' <= S.
    """
    return waveform[_find_loud(waveform, settings)]


def _find_loud(waveform: np.ndarray, settings: CleaningSettings) -> np.ndarray:
    """True at the samples that :func:`cut_silence` joins, (S,)."""
    cell = settings.sample_rate_hz * _CELL_MS // 1000
    levels = _cell_levels(waveform, cell, settings.sample_rate_hz * _WINDOW_MS // 1000)
    loud = levels >= levels.max() * 10 ** (-settings.silence_db / 20)
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False))
    keep = settings.sample_rate_hz * settings.keep_ms // 1000
    kept = np.zeros(len(waveform), dtype=bool)
    for first, last in edges.reshape(-1, 2) * cell:
        kept[max(0, first - keep) : last + keep] = True
    return kept


def _cell_levels(waveform: np.ndarray, cell: int, window: int) -> np.ndarray:
    """Root mean square around each cell of ``cell`` samples, float64 (ceil(S / cell),)."""
    energy = np.concatenate(([0.0], np.cumsum(np.square(waveform, dtype=np.float64))))
    margin = (window - cell) // 2
    starts = np.arange(0, len(waveform), cell)
    first = np.maximum(starts - margin, 0)
    last = np.minimum(starts + cell + margin, len(waveform))
    return np.sqrt((energy[last] - energy[first]) / (last - first))


def _denoise(waveform: np.ndarray, rate_hz: int) -> np.ndarray:
    """The non-stationary gate of noisereduce with its defaults, float32 (S,)."""
    denoised = reduce_noise(waveform, rate_hz)
    if not np.isfinite(denoised).all():
        hiss = np.random.default_rng(0).uniform(-_DITHER, _DITHER, len(waveform)).astype(np.float32)
        denoised = reduce_noise(waveform + hiss, rate_hz)
    return np.nan_to_num(denoised, nan=0.0, posinf=0.0, neginf=0.0)


def _check_audible(waveform: np.ndarray, silent_peak: float) -> None:
    peak = float(np.abs(waveform).max(initial=0.0))
    if not peak >= silent_peak:
        raise AudioError(
            "silent", f"Nothing to be heard: peak {peak:.1e}, expected {silent_peak:.0e} or more."
        )
