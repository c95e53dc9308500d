"""Altered recordings, and splits of rows with audio to plant leaks in."""

import io
from typing import Any

import numpy as np
import soundfile
from datasets import Audio, ClassLabel, Dataset, Features, Value

from factories_audio import make_speech
from mmser.audio.io import encode_flac, hash_waveform, resample

TEXTS = ("id", "corpus", "speaker", "sentence", "reference", "source_id", "augmentation", "sha256")
FEATURES = Features(
    {name: Value("string") for name in TEXTS}
    | {"label": ClassLabel(names=["angry", "sad"]), "audio": Audio(sampling_rate=16_000, decode=False)}
)
_PLAIN = Features({**FEATURES, "audio": {"bytes": Value("binary"), "path": Value("string")}})


def add_noise(waveform: np.ndarray, snr_db: float, seed: int = 0) -> np.ndarray:
    """White noise, so many dB below the clip."""
    noise = np.random.default_rng(seed).standard_normal(len(waveform))
    power = np.mean(waveform**2) / np.mean(noise**2) / 10 ** (snr_db / 10)
    return (waveform + noise * np.sqrt(power)).astype(np.float32)


def encode_mp3(waveform: np.ndarray) -> np.ndarray:
    """There and back through MP3 at a low bit rate."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, 16_000, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.8)
    return soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float32")[0]


def cut(waveform: np.ndarray, start_ms: float, end_ms: float) -> np.ndarray:
    """Without so much of the start and of the end."""
    return waveform[round(start_ms * 16) : len(waveform) - round(end_ms * 16)]


def to_8_bits(waveform: np.ndarray) -> np.ndarray:
    """Scaled to full scale and rounded to 256 steps."""
    return (np.round(waveform / np.abs(waveform).max() * 127) / 128).astype(np.float32)


ALTERATIONS = {
    "12 dB quieter": lambda waveform: waveform / 4,
    "6 dB louder, clipped": lambda waveform: np.clip(waveform / np.abs(waveform).max() * 2, -1, 1),
    "noise at 15 dB": lambda waveform: add_noise(waveform, 15),
    "MP3": encode_mp3,
    "8 bits": to_8_bits,
    "low-pass at 4 kHz": lambda waveform: resample(resample(waveform, 16_000, 8_000), 8_000, 16_000),
    "44.1 kHz and back": lambda waveform: resample(resample(waveform, 16_000, 44_100), 44_100, 16_000),
    "200 ms less at the start": lambda waveform: cut(waveform, 200, 0),
    "200 ms less at both ends": lambda waveform: cut(waveform, 200, 200),
    "half a frame later": lambda waveform: cut(waveform, 4, 0),
    "200 ms of silence before": lambda waveform: np.pad(waveform, (3200, 0)),
    "noise, gain and trimming": lambda waveform: add_noise(cut(waveform, 83, 120) / 2, 15),
}  # what a copy of one recording may have been through; float32 (S,) -> float32 (S',)


def make_row(name: str, waveform: np.ndarray | None = None, **changes: Any) -> dict[str, Any]:
    """A row that shares nothing with one of another name; the name also decides what is heard."""
    if waveform is None:
        waveform = make_speech(seed=int.from_bytes(name.encode()[-4:], "big"))
    row = {
        "id": f"mine/{name}",
        "corpus": "mine",
        "speaker": f"mine/{name}",
        "sentence": name,
        "reference": "",
        "source_id": f"mine/{name}",
        "augmentation": "",
        "sha256": hash_waveform(waveform),
        "label": "angry",
        "audio": {"bytes": encode_flac(waveform), "path": None},
    }
    return row | changes


def make_split(rows: list[dict[str, Any]]) -> Dataset:
    """Rows as a dataset."""
    columns = {name: [row[name] for row in rows] for name in _PLAIN}
    return Dataset.from_dict(columns, features=_PLAIN).cast(FEATURES)
