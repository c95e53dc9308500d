"""Make an altered copy of a clip.  waveform (S,), kind, seed -> waveform (S',), description

Sharma, section on augmentation: time stretch (pitch kept), pitch shift (duration kept), gain, background
noise. The transforms are audiomentations', which draws from Python's and numpy's global generators: they are
seeded for one copy and put back, so that a copy depends on its seed alone and nobody else's numbers move.
"""

import hashlib
import logging
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from audiomentations import AddBackgroundNoise, AddColorNoise, Gain, PitchShift, TimeStretch

from mmser.audio import compiled  # noqa: F401 - audiomentations calls librosa
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import SAMPLE_RATE_HZ, read_waveform, write_wav
from mmser.errors import AudioError, SettingsError, UnknownNameError

logger = logging.getLogger(__name__)
KINDS = ("time_stretch", "pitch_shift", "gain", "background_noise")
_NOISE_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True)
class AugmentationSettings:
    """How far a copy may stray from its original.

    Attributes:
        kinds: what may be done to a copy; each copy has one of them done to it.
        max_stretch: a copy is at most this many times as fast, or as slow.
        max_shift_semitones: a copy is at most this much higher or lower.
        max_gain_db: a copy is at most this much louder or quieter.
        min_snr_db: loudest noise, relative to the clip.
        max_snr_db: quietest noise, relative to the clip.
        min_duration_s: a copy is never stretched below this.
    """

    kinds: tuple[str, ...] = KINDS
    max_stretch: float = 1.25
    max_shift_semitones: float = 2.0
    max_gain_db: float = 6.0
    min_snr_db: float = 10.0
    max_snr_db: float = 30.0
    min_duration_s: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for JSON."""
        return asdict(self) | {"kinds": list(self.kinds)}


def prepare_noise(folder: Path, into: Path) -> tuple[Path, ...]:
    """Copy the recordings of background noise below a folder, at 16 kHz and without their silent parts.

    Args:
        folder: searched for recordings at any depth; those that cannot be read or are silent are left out.
        into: where the copies go, as WAV under the names of their originals.

    Returns:
        The copies, in the order of their originals' paths.

    Raises:
        SettingsError: there is no such folder, or it holds no noise that can be heard.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder of background noise.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _NOISE_SUFFIXES)
    settings = CleaningSettings(denoise=False)
    copies = []
    for number, path in enumerate(files):
        try:
            noise = clean_waveform(*read_waveform(path), settings)
        except AudioError as error:
            logger.warning("Background noise left out: %s", error)
            continue
        copy = into / f"{number:05d}" / f"{path.stem}.wav"
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_wav(copy, noise)
        copies.append(copy)
    if not copies:
        expected = ", ".join(_NOISE_SUFFIXES)
        raise SettingsError(f"{folder}: holds no noise that can be read, expected {expected} files.")
    return tuple(copies)


def seed_of_copy(clip_id: str, copy: int, seed: int) -> int:
    """Return the seed, 32 bits, of the ``copy``-th copy of a clip in a build with ``seed``."""
    digest = hashlib.sha256(f"{seed}/{clip_id}#{copy}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def choose_kind(copy_seed: int, settings: AugmentationSettings) -> str:
    """Return the kind of a copy, each equally likely over seeds."""
    return settings.kinds[random.Random(copy_seed).randrange(len(settings.kinds))]  # noqa: S311


def augment_waveform(
    waveform: np.ndarray,
    kind: str,
    *,
    seed: int,
    settings: AugmentationSettings,
    noise_files: tuple[Path, ...] = (),
) -> tuple[np.ndarray, str]:
    """Alter a clip in one way.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.
        kind: one of ``KINDS``.
        seed: the same seed gives the same copy.
        settings: the ranges to draw from.
        noise_files: what :func:`prepare_noise` gave; where there are none, coloured noise is generated.

    Returns:
        The copy, float32 (S',), scaled down where it would exceed full scale; S' = S but for a time stretch.
        And what was done, with the parameters that were drawn, e.g. "pitch_shift(semitones=1.70)".

    Raises:
        UnknownNameError: ``kind`` is not one of ``KINDS``.
    """
    transform = _build_transform(kind, waveform, settings, noise_files)
    with _seeded(seed):
        copy = np.asarray(transform(np.ascontiguousarray(waveform, dtype=np.float32), SAMPLE_RATE_HZ))
    copy = copy.astype(np.float32, copy=False)
    copy = copy / max(1.0, float(np.abs(copy).max(initial=0.0)))
    return copy, f"{kind}({_describe(kind, transform.parameters)})"


def _build_transform(
    kind: str, waveform: np.ndarray, settings: AugmentationSettings, noise_files: tuple[Path, ...]
) -> Any:
    if kind == "time_stretch":
        fastest = len(waveform) / (settings.min_duration_s * SAMPLE_RATE_HZ + 1)
        slowest = 1 / settings.max_stretch
        rate = max(slowest, min(settings.max_stretch, fastest))
        return TimeStretch(slowest, rate, leave_length_unchanged=False, p=1.0)
    if kind == "pitch_shift":
        return PitchShift(-settings.max_shift_semitones, settings.max_shift_semitones, p=1.0)
    if kind == "gain":
        headroom_db = -20 * math.log10(max(float(np.abs(waveform).max(initial=0.0)), 1e-9))
        return Gain(-settings.max_gain_db, max(0.0, min(settings.max_gain_db, headroom_db)), p=1.0)
    if kind == "background_noise":
        if noise_files:
            return _background_noise(noise_files, settings.min_snr_db, settings.max_snr_db)
        return AddColorNoise(settings.min_snr_db, settings.max_snr_db, p=1.0)
    raise UnknownNameError("augmentation", kind, KINDS)


@lru_cache(maxsize=1)
def _background_noise(noise_files: tuple[Path, ...], min_snr_db: float, max_snr_db: float) -> Any:
    """The transform for these files, built once: it looks at each of them."""
    return AddBackgroundNoise([str(path) for path in noise_files], min_snr_db, max_snr_db, p=1.0)


def _describe(kind: str, drawn: dict[str, Any]) -> str:
    """The parameters that a transform drew, in our units."""
    if kind == "time_stretch":
        return f"rate={drawn['rate']:.3f}"
    if kind == "pitch_shift":
        return f"semitones={drawn['num_semitones']:.2f}"
    if kind == "gain":
        return f"db={20 * math.log10(drawn['amplitude_ratio']):.2f}"
    if "noise_file_path" in drawn:
        name = Path(drawn["noise_file_path"]).stem
        return f"file={name}, offset_s={drawn['offset']:.2f}, snr_db={drawn['snr_db']:.1f}"
    return f"db_per_octave={drawn['f_decay']:.1f}, noise_rms={drawn['desired_noise_rms']:.2e}"


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block and put their states back after it."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
