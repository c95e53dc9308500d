"""Read long recordings in flat memory.  file -> its header; blocks (S,) at 16 kHz, one after another"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mmser.audio.io import (
    SAMPLE_RATE_HZ,
    UNKNOWN_FRAMES,
    check_rate,
    name_source,
    open_sound,
    read_waveform,
)
from mmser.errors import AudioError

logger = logging.getLogger(__name__)

MAX_RECORDING_S = 24 * 3600
_BLOCK_S = 10
_MAX_SNIFFED_BYTES = 2**24  # a file that libsndfile does not open is looked at again up to this size


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        duration_s: seconds; None where the file does not say.
        rate_hz: sample rate.
        num_channels: channels.
    """

    duration_s: float | None
    rate_hz: int
    num_channels: int


def read_header(source: Path | bytes, *, where: str = "") -> Header:
    """Look at a file, or the bytes of one, without reading its sound.

    Args:
        source: a file, or the bytes of one.
        where: the name that errors give to bytes.

    Raises:
        AudioError: as :func:`mmser.audio.io.read_channels`, but for what only its samples show.
    """
    with _open(source, name_source(source, where)) as file:
        known = 0 < file.frames < UNKNOWN_FRAMES
        return Header(file.frames / file.samplerate if known else None, file.samplerate, file.channels)


def iter_blocks(source: Path | bytes, *, where: str = "") -> Iterator[np.ndarray]:
    """Read a recording of any length, rate and channel count, ten seconds at a time.

    A recording that ends before its header says is read to where it ends, and that is logged.

    Args:
        source: a file, or the bytes of one.
        where: the name that errors give to bytes.

    Yields:
        float32 (S,), full scale 1, channels averaged, at 16 kHz; joined they are what
        ``resample(*read_waveform(path))`` gives.

    Raises:
        AudioError: as :func:`read_header`; or it holds no samples ("empty"), some that are not finite
            ("not-finite"), or is longer than ``MAX_RECORDING_S`` ("too-long").
    """
    name = name_source(source, where)
    with _open(source, name) as file:
        rate_hz, num_announced = file.samplerate, file.frames
        resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        num_read = 0
        for block in _iter_read(file, name):
            num_read += len(block)
            if num_read > MAX_RECORDING_S * rate_hz:
                raise AudioError(
                    "too-long",
                    f"{name}: longer than {MAX_RECORDING_S // 3600} hours. Cut it into parts.",
                )
            yield block if rate_hz == SAMPLE_RATE_HZ else resampler.resample_chunk(block)
    if not num_read:
        raise AudioError("empty", f"{name}: holds no samples.")
    if num_read < num_announced < UNKNOWN_FRAMES:
        missing_s = (num_announced - num_read) / rate_hz
        logger.warning("%s: ends %.1f s before its header says; it is read to there.", name, missing_s)
    if rate_hz != SAMPLE_RATE_HZ:
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _iter_read(file: soundfile.SoundFile, name: str) -> Iterator[np.ndarray]:
    """Blocks at the file's own rate, float32 (S,), channels averaged."""
    has_read = False
    while True:
        try:
            channels = file.read(_BLOCK_S * file.samplerate, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            if has_read:  # a compressed file that was cut off fails where it ends
                return
            raise _unreadable(name, error) from error
        if not len(channels):
            return
        has_read = True
        with np.errstate(over="ignore"):
            block = channels.mean(axis=1)
        if not np.isfinite(block).all():
            raise AudioError("not-finite", f"{name}: holds samples that are NaN or infinite.")
        yield block


def _open(source: Path | bytes, name: str) -> soundfile.SoundFile:
    try:
        file = open_sound(source)
    except (soundfile.SoundFileError, ValueError, OverflowError) as error:
        if isinstance(source, bytes) or not source.is_file() or source.stat().st_size <= _MAX_SNIFFED_BYTES:
            read_waveform(source, where=name)  # says more closely what is wrong
        raise _unreadable(name, error) from error
    try:
        check_rate(file.samplerate, name)
    except AudioError:
        file.close()
        raise
    return file


def _unreadable(name: str, error: Exception) -> AudioError:
    reason = getattr(error, "error_string", error)  # without the address of an object in memory
    return AudioError("unreadable", f"{name}: not audio that libsndfile can read ({reason}).")
