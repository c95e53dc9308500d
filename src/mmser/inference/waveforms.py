"""Read what a user hands over.  file, its bytes, or (array, rate in Hz) -> waveform (S,), full scale 1

An array that is not what it should be gives a wrong answer without an error, for cleaning scales and cuts by
level: what is not certain is refused, with the line that mends it.
"""

import math
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mmser.audio.io import MAX_RATE_HZ, MIN_RATE_HZ, read_waveform
from mmser.audio.streaming import read_header
from mmser.errors import AudioError, SettingsError

FULL_SCALE = {"int8": 2**7, "int16": 2**15, "int32": 2**31, "uint8": 2**7}  # as scipy reads files
MAX_PEAK = 8.0  # 18 dB above full scale: decoders overshoot by less, integers of speech by far more

MAX_CLIP_S = 120  # encoders' work grows with the square of a clip


class Recording(NamedTuple):
    """A recording as it came.

    Attributes:
        waveform: float32 (S,), full scale 1, channels averaged.
        rate_hz: its sample rate.
        num_channels: of the file; 1 of an array.
    """

    waveform: np.ndarray
    rate_hz: int
    num_channels: int


Clip = str | Path | bytes | tuple[npt.ArrayLike, float] | Recording


def read_clip(clip: Clip, *, where: str = "") -> Recording:
    """Read a file, or check a waveform that is in memory already.

    Args:
        clip: an audio file, or the bytes of one; or a waveform (S,) and its sample rate in Hz. Floats have
            full scale 1; integers (int8, int16, int32, and uint8 around 128) are scaled by their type's full
            scale. A recording that was read before is taken as it is.
        where: the name that errors give to what is no file.

    Raises:
        AudioError: a file that cannot be read, or more than ``MAX_CLIP_S`` ("too-long").
        SettingsError: no pair of waveform and rate; a rate that is none; an array that is empty, of several
            channels, of another type, not finite, or out of scale.
    """
    if isinstance(clip, str | Path | bytes):
        source = clip if isinstance(clip, bytes) else Path(clip)
        header = read_header(source, where=where)
        _check_duration(header.duration_s or 0.0, str(clip) if not isinstance(clip, bytes) else where)
        waveform, rate_hz = read_waveform(source, where=where)
        found = Recording(waveform, rate_hz, header.num_channels)
    elif isinstance(clip, Recording):
        found = clip
    elif isinstance(clip, tuple) and len(clip) == 2:
        found = Recording(_check_waveform(clip[0]), _check_rate(clip[1]), 1)
    else:
        raise SettingsError(
            f"Got {type(clip).__name__}, expected a file or a pair (waveform, sample rate in Hz): a waveform "
            "without its rate cannot be resampled."
        )
    _check_duration(len(found.waveform) / found.rate_hz, where)
    return found


def _check_duration(duration_s: float, name: str) -> None:
    if duration_s > MAX_CLIP_S:
        rounded_up_s = math.ceil(10 * duration_s) / 10
        raise AudioError(
            "too-long",
            f"{name}: lasts {rounded_up_s:,.1f} seconds, expected a clip of {MAX_CLIP_S} at most. "
            "`mmser timeline` goes through long recordings.",
        )


def _check_rate(rate_hz: Any) -> int:
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, Real):
        raise SettingsError(f"The sample rate is {rate_hz!r}, expected a number in Hz, e.g. 16000.")
    if not (MIN_RATE_HZ <= float(rate_hz) <= MAX_RATE_HZ and float(rate_hz).is_integer()):
        raise SettingsError(
            f"The sample rate is {rate_hz}, expected whole Hz between {MIN_RATE_HZ} and {MAX_RATE_HZ}: "
            "44.1 kHz is 44100."
        )
    return int(float(rate_hz))


def _check_waveform(given: npt.ArrayLike) -> np.ndarray:
    """A waveform of any kind as float32 (S,), full scale 1."""
    samples = _to_array(given)
    if samples.ndim != 1:
        axis = int(np.argmin(samples.shape)) if samples.ndim == 2 else 0
        raise SettingsError(
            f"The waveform has shape {samples.shape}, expected one channel, (S,). Average the channels: "
            f"waveform.mean(axis={axis}); integers first as floats of full scale 1."
        )
    if not len(samples):
        raise SettingsError("The waveform holds no samples, expected at least one second.")
    if samples.dtype.name in FULL_SCALE:
        zero = 128 if samples.dtype.kind == "u" else 0
        return ((samples.astype(np.float64) - zero) / FULL_SCALE[samples.dtype.name]).astype(np.float32)
    if samples.dtype.kind != "f":
        raise SettingsError(
            f"The waveform holds {samples.dtype.name}, expected floats of full scale 1, or one of "
            f"{sorted(FULL_SCALE)}. Divide by the full scale of the recording, e.g. waveform / 32768."
        )
    if not np.isfinite(samples).all():
        raise SettingsError("The waveform holds samples that are NaN or infinite. Record or decode it again.")
    peak = float(np.abs(samples).max())
    if peak > MAX_PEAK:
        raise SettingsError(
            f"The waveform is of floats and peaks at {peak:g}, expected full scale 1: it looks like integers "
            "that were not scaled. Divide by their full scale, e.g. waveform / 32768 for 16 bits."
        )
    return samples.astype(np.float32)


def _to_array(given: npt.ArrayLike) -> np.ndarray:
    try:
        return np.asarray(given)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # ragged; on a GPU; with gradients
        raise SettingsError(
            f"The waveform cannot be read as an array ({error}). Pass a NumPy array."
        ) from error
