"""Corpora with a planted shortcut: which thing tells the emotion is known."""

import json
from pathlib import Path

from datasets import Dataset, Features, Value

from factories_corpus import CLASSES, make_row, make_tone, write_corpus
from mmser.audio.io import encode_flac, hash_waveform
from mmser.curation.schema import clip_features


def plant(label: str | None, *, sounds_like: str = "happy", **columns) -> dict:
    """One clip of a class, whose sound is a tone of the pitch of any class."""
    return {"label": label, "sounds_like": sounds_like, **columns}


def write_planted(folder: Path, train: list[dict], test: list[dict], *, source: str = "whisper") -> Path:
    """Write a corpus folder of planted clips; ``source`` is where it says that its transcripts are from."""
    write_corpus(folder, num_train=3, num_test=3)
    features = clip_features(CLASSES)
    raw = Features({**features, "audio": {"bytes": Value("binary"), "path": Value("string")}})
    for split, clips in (("train", train), ("test", test)):
        rows = [_make_row(split, index, dict(clip)) for index, clip in enumerate(clips)]
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        Dataset.from_list(rows, features=raw).cast(features).to_parquet(path)
    about = json.loads((folder / "corpus.json").read_text())
    about["settings"]["transcripts"]["source"] = source
    (folder / "corpus.json").write_text(json.dumps(about))
    return folder


def _make_row(split: str, index: int, clip: dict) -> dict:
    tone = make_tone(clip.pop("sounds_like"), duration_s=0.5, seed=index + 1000 * (split == "test"))
    label = clip.pop("label")
    row = make_row(split, index, label or CLASSES[0])
    if label is None:  # of a multi-label scheme
        row |= {"label": None, "labels": [0, 1]}
    sound = {"audio": {"bytes": encode_flac(tone), "path": "a.flac"}, "sha256": hash_waveform(tone)}
    return row | sound | {"duration_s": 0.5} | clip
