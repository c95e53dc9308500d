"""Read and write clips with libsndfile.  file or bytes -> waveform (S,)"""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mmser.errors import AudioError

SAMPLE_RATE_HZ = 16_000
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000  # a header that says more or less is damaged, not a recording
MAX_DURATION_S = 3 * 3600
MAX_VALUES = 2**29  # samples of all channels, 2 GB as float32: three hours of 48 kHz mono
_BLOCK_VALUES = 2**22  # read at a time, since the length in a header may be a lie
UNKNOWN_FRAMES = 2**62  # and above: libsndfile's answer for a stream that does not say how long it is
_STREAM_SIZE = 0x7FFF_F000  # and above: written by programs that did not know the length
_LFS_PREFIX = b"version https://git-lfs.github.com/spec/"


def read_waveform(source: Path | bytes, *, where: str = "") -> tuple[np.ndarray, int]:
    """Read a clip in any format, rate and channel count that libsndfile knows.

    Args:
        source: a file, or the bytes of one.
        where: the name that errors give to bytes.

    Returns:
        The waveform, float32 (S,), full scale 1, channels averaged; and its sample rate in Hz.

    Raises:
        AudioError: as :func:`read_channels`.
    """
    channels, rate_hz = read_channels(source, where=where)
    if channels.shape[1] == 1:
        return channels[:, 0], rate_hz
    with np.errstate(over="ignore"):
        mono = channels.mean(axis=1)
    if not np.isfinite(mono).all():
        name = name_source(source, where)
        raise AudioError("not-finite", f"{name}: holds samples that are NaN or infinite.")
    return mono, rate_hz


def read_channels(source: Path | bytes, *, where: str = "") -> tuple[np.ndarray, int]:
    """Read a clip with its channels apart.

    Args:
        source: a file, or the bytes of one.
        where: the name that errors give to bytes.

    Returns:
        The samples, float32 (S, number of channels), full scale 1; and their rate in Hz.

    Raises:
        AudioError: the file cannot be opened, or states an impossible sample rate ("unreadable"), is a Git
            LFS pointer ("lfs-pointer"), holds no samples ("empty"), fewer than its header says ("truncated"),
            samples that are not finite ("not-finite"), or is longer than ``MAX_DURATION_S`` or ``MAX_VALUES``
            ("too-long").
    """
    content = read_bytes(source) if isinstance(source, Path) else source
    where = name_source(source, where)
    if content.startswith(_LFS_PREFIX):
        raise AudioError("lfs-pointer", f"{where}: a Git LFS pointer, not audio. Run `git lfs pull` there.")
    if not content:
        raise AudioError("empty", f"{where}: holds no bytes.")
    try:
        with open_sound(content) as file:
            num_frames, rate_hz = file.frames, file.samplerate
            check_rate(rate_hz, where)
            channels = _read_blocks(file, where)
    except (soundfile.SoundFileError, ValueError, MemoryError, OverflowError) as error:
        reason = getattr(error, "error_string", error)  # without the address of an object in memory
        raise AudioError("unreadable", f"{where}: not audio that libsndfile can read ({reason}).") from error
    num_missing = _count_missing_bytes(content)
    if num_missing or len(channels) < num_frames < UNKNOWN_FRAMES:
        lost = f"{num_missing} bytes" if num_missing else f"{num_frames - len(channels)} frames"
        raise AudioError("truncated", f"{where}: ends {lost} before its header says. Copy it again.")
    if not len(channels):
        raise AudioError("empty", f"{where}: holds no samples.")
    if not np.isfinite(channels).all():
        raise AudioError("not-finite", f"{where}: holds samples that are NaN or infinite.")
    return channels, rate_hz


def read_bytes(path: Path) -> bytes:
    """Read a clip's file as it is.

    Raises:
        AudioError: it is not there or may not be read ("unreadable").
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AudioError("unreadable", f"{path}: cannot be read ({error.strerror}).") from error


class _Content(io.BytesIO):
    """Bytes that stay where they are when a damaged header sends libsndfile to a place before them."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:  # soundfile would print it, with a traceback, and go on
            return self.tell()


class _Stream(soundfile.SoundFile):
    """A file that is read straight on: to seek after each read fails where the length is not stated."""

    def seekable(self) -> bool:
        return False


def open_sound(source: Path | bytes) -> soundfile.SoundFile:
    """Open a file, or the bytes of one, to be read straight on.

    Raises:
        soundfile.SoundFileError, ValueError, OverflowError: libsndfile cannot open it.
        AudioError: as :func:`read_bytes`.
    """
    if isinstance(source, Path) and source.suffix.lower() == ".raw":  # which soundfile would not look into
        source = read_bytes(source)
    # As bytes, since soundfile encodes names of its own accord, and not every name is UTF-8.
    return _Stream(_Content(source) if isinstance(source, bytes) else os.fsencode(source))


def name_source(source: Path | bytes, where: str) -> str:
    """The name that errors give to a file, or to bytes."""
    return str(source) if isinstance(source, Path) else where or "<bytes>"


def check_rate(rate_hz: int, where: str) -> None:
    """Refuse a header that states a rate of no recording; AudioError ("unreadable")."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError(
            "unreadable",
            f"{where}: its header says {rate_hz:,} Hz, expected {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,}. "
            "Copy it again.",
        )


def _read_blocks(file: soundfile.SoundFile, where: str) -> np.ndarray:
    """All samples, float32 (S, number of channels); takes memory for what is there, whatever is announced."""
    block_frames = max(1, _BLOCK_VALUES // file.channels)
    max_frames = min(MAX_DURATION_S * file.samplerate, MAX_VALUES // file.channels)
    blocks = [np.empty((0, file.channels), np.float32)]
    num_read = 0
    while num_read < file.frames:
        num_asked = min(block_frames, file.frames - num_read)
        blocks.append(file.read(num_asked, dtype="float32", always_2d=True))
        num_read += len(blocks[-1])
        if num_read > max_frames:
            raise AudioError(
                "too-long",
                f"{where}: longer than {max_frames / file.samplerate / 3600:.1f} hours, expected a clip. "
                "Cut it into parts.",
            )
        if len(blocks[-1]) < num_asked:
            break
    return np.concatenate(blocks) if len(blocks) > 2 else blocks[-1]


def _count_missing_bytes(content: bytes) -> int:
    """Bytes of samples that a WAV file announces and does not hold; libsndfile reads what there is."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return 0
    position = 12
    while position + 8 <= len(content):
        name = content[position : position + 4]
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8
        if name == b"data":
            return 0 if size >= _STREAM_SIZE else max(0, position + size - len(content))
        position += size + size % 2
    return 0


def resample(waveform: np.ndarray, rate_hz: int, target_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """Change the sample rate with soxr at high quality; float32 (S,) -> float32 (S',)."""
    if rate_hz == target_hz:
        return waveform
    return soxr.resample(waveform, rate_hz, target_hz, quality="HQ").astype(np.float32)


def to_pcm16(waveform: np.ndarray) -> np.ndarray:
    """Round to 16-bit integers, clipping at full scale: the samples that a corpus stores, int16 (S,)."""
    return np.clip(np.rint(waveform * 32768.0), -32768, 32767).astype(np.int16)


def quantize(waveform: np.ndarray) -> np.ndarray:
    """Round float32 samples (S,) to what a corpus stores, so that a clip sounds the same read from there."""
    return to_pcm16(waveform).astype(np.float32) / 32768.0


def encode_flac(waveform: np.ndarray) -> bytes:
    """Encode a 16 kHz waveform, float32 (S,), as 16-bit FLAC."""
    buffer = io.BytesIO()
    soundfile.write(buffer, to_pcm16(waveform), SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_wav(path: Path, waveform: np.ndarray) -> None:
    """Write a 16 kHz waveform, float32 (S,), as a 16-bit WAV file."""
    soundfile.write(path, to_pcm16(waveform), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")


def decode_flac(content: bytes) -> np.ndarray:
    """Decode what :func:`encode_flac` wrote, float32 (S,), full scale 1, at 16 kHz."""
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


def hash_waveform(waveform: np.ndarray) -> str:
    """SHA-256 of the 16-bit samples: the same for the same sound, whatever the container or its version."""
    return hashlib.sha256(to_pcm16(waveform).tobytes()).hexdigest()
