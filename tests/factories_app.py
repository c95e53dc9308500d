"""Recordings as visitors hand them over, and what a page needs that is not loaded from a run."""

import io

import numpy as np
import soundfile

from factories_audio import make_speech


def make_recording(waveform: np.ndarray | None = None, rate_hz: int = 16_000, kind: str = "WAV") -> bytes:
    """The bytes of an audio file, of two seconds of speech unless a waveform is given."""
    buffer = io.BytesIO()
    soundfile.write(buffer, make_speech(2.0) if waveform is None else waveform, rate_hz, format=kind)
    return buffer.getvalue()


def make_talk(duration_s: float = 20.0) -> np.ndarray:
    """Speech, and a pause of two seconds in its middle, above a floor of noise."""
    half = make_speech((duration_s - 2) / 2)
    waveform = np.concatenate([half, np.zeros(32_000, np.float32), half])
    return waveform + 0.001 * np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)


SILENCE = np.zeros(32_000, np.float32)
M4A = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(4000)
