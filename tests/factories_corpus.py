"""A small corpus folder as `mmser build` writes it: tones whose pitch tells the class."""

import json
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, Value

from mmser.audio.cleaning import CleaningSettings
from mmser.audio.io import SAMPLE_RATE_HZ, encode_flac, hash_waveform
from mmser.curation.schema import SCHEMA_VERSION, clip_features

CLASSES = ("angry", "happy", "sad")
PITCH_HZ = {"angry": 400, "happy": 250, "sad": 120}
SENTENCES = ("kids are talking by the door", "dogs are sitting by the door")


def make_tone(label: str, *, duration_s: float = 1.0, seed: int = 0) -> np.ndarray:
    """A tone of the class's pitch, somewhat out of tune, in noise, float32 (S,)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = PITCH_HZ[label] * rng.uniform(0.9, 1.1)
    tone = np.sin(2 * np.pi * pitch_hz * time_s + rng.uniform(0, 2 * np.pi))
    return (0.2 * tone + 0.02 * rng.standard_normal(len(time_s))).astype(np.float32)


def make_row(split: str, index: int, label: str) -> dict:
    """One row as the schema has it; a speaker for each split, durations of 0.6 to 1.0 s."""
    seed = 10_000 * ("train", "validation", "test").index(split) + index
    waveform = make_tone(label, duration_s=0.6 + 0.1 * (index % 5), seed=seed)
    name, speaker = f"ravdess/{split}-{index:03d}", f"ravdess/{split}-{index % 2}"
    return {
        "id": name,
        "audio": {"bytes": encode_flac(waveform), "path": f"{split}-{index:03d}.flac"},
        "label": CLASSES.index(label),
        "labels": None,
        "corpus": "ravdess" if index % 3 else "tess",
        "speaker": speaker,
        "gender": "female",
        "sentence": str(index % 2),
        "transcript": SENTENCES[index % 2],
        "reference": SENTENCES[index % 2],
        "duration_s": len(waveform) / SAMPLE_RATE_HZ,
        "emotion": label,
        "votes": None,
        "source_id": name,
        "augmentation": "",
        "sha256": hash_waveform(waveform),
    }


def write_corpus(folder: Path, *, num_train: int = 24, num_test: int = 12) -> Path:
    """Write a corpus folder: ``num_train`` clips in train, ``num_test`` in each of the other splits."""
    features = clip_features(CLASSES)
    raw = Features({**features, "audio": {"bytes": Value("binary"), "path": Value("string")}})
    (folder / "data").mkdir(parents=True)
    counts = {"train": num_train, "validation": num_test, "test": num_test}
    for split, num_clips in counts.items():
        rows = [make_row(split, index, CLASSES[index % len(CLASSES)]) for index in range(num_clips)]
        table = Dataset.from_list(rows, features=raw).cast(features)
        table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    about = {
        "schema_version": SCHEMA_VERSION,
        "classes": list(CLASSES),
        "settings": {
            "scheme": "paper7",
            "protocol": "speaker",
            "fold": 0,
            "folds": 5,
            "corpora": ["ravdess", "tess"],
            "cleaning": CleaningSettings().to_dict(),
            "transcripts": {"source": "reference", "whisper": None, "language": None, "backend": None},
        },
        "counts": counts,
        "leaks": [],
        "fingerprint": f"tones-{num_train}-{num_test}",
    }
    (folder / "corpus.json").write_text(json.dumps(about))
    return folder
