"""The data contract: the columns of a corpus and how one is opened.  folder -> DatasetDict"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Audio, ClassLabel, DatasetDict, Features, List, Value, load_dataset
from datasets.exceptions import DatasetGenerationError

from mmser.audio.io import SAMPLE_RATE_HZ, decode_flac
from mmser.curation.rows import without_bars
from mmser.curation.store import opened_dir
from mmser.errors import DatasetFormatError
from mmser.memory import release_memory

SCHEMA_VERSION = 1
SPLITS = ("train", "validation", "test")
CORPUS_JSON = "corpus.json"
DATA_FOLDER = "data"


def clip_features(classes: Sequence[str]) -> Features:
    """Return the columns of a corpus, one row a clip.

    Args:
        classes: class names in the order of their integers; a scheme's, alphabetical.

    Returns:
        The features. ``audio`` holds FLAC bytes, 16 kHz mono, and is never decoded by ``datasets``: see
        :func:`decode_audio`. ``labels`` is empty where a clip has one label; ``label`` is null where it has
        several. ``augmentation`` is "" for an original and the parameters for a copy; ``source_id`` is the
        id of the original, for an original its own.
    """
    text = Value("string")
    label = ClassLabel(names=list(classes))
    return Features(
        {
            "id": text,
            "audio": Audio(sampling_rate=SAMPLE_RATE_HZ, decode=False),
            "label": label,
            "labels": List(label),
            "corpus": text,
            "speaker": text,
            "gender": text,
            "sentence": text,
            "transcript": text,
            "reference": text,
            "duration_s": Value("float32"),
            "emotion": text,
            "votes": List({"emotion": text, "count": Value("int32")}),
            "source_id": text,
            "augmentation": text,
            "sha256": text,
        }
    )


def decode_audio(audio: Mapping[str, Any]) -> np.ndarray:
    """Decode the ``audio`` field of a row, {"bytes", "path"}: float32 (S,), full scale 1, at 16 kHz."""
    return decode_flac(audio["bytes"])


def read_corpus_json(folder: str | Path) -> dict[str, Any]:
    """Read what a corpus says of itself: ``settings``, ``counts``, ``leaks``, ``fingerprint`` and more.

    Raises:
        DatasetFormatError: the folder is not there, was not written by ``mmser build``, or was written
            under another schema version.
    """
    folder = Path(folder)
    path = folder / CORPUS_JSON
    if not folder.is_dir():
        raise DatasetFormatError(
            f"{folder}: no such folder, expected a corpus that `mmser build --out` wrote."
        )
    if not path.is_file():
        raise DatasetFormatError(
            f"{folder}: holds no {CORPUS_JSON}, so it is not a corpus written by `mmser build`; where several"
            " protocols or folds were built, name one of its sub-folders."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetFormatError(f"{path}: not JSON ({error}). Build again.") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise DatasetFormatError(
            f"{path}: schema version {version!r}, this mmser reads {SCHEMA_VERSION}. Build again."
        )
    return content


def load_corpus(folder: str | Path, *, cache_dir: str | Path | None = None) -> DatasetDict:
    """Open a corpus that ``mmser build`` wrote; nothing is fetched and no audio is decoded.

    Args:
        folder: the corpus folder.
        cache_dir: its rows are unpacked once to ``opened`` in this folder, which may be deleted when no
            process has a corpus open; None for ``$MMSER_CACHE``, else ``~/.cache/mmser``.

    Returns:
        The splits "train", "validation" and "test", with the columns of :func:`clip_features`.

    Raises:
        DatasetFormatError: the folder is missing, not a corpus, of another version or damaged.
    """
    folder = Path(folder)
    classes = read_corpus_json(folder)["classes"]
    files = {
        split: [str(path) for path in sorted((folder / DATA_FOLDER).glob(f"{split}-*.parquet"))]
        for split in SPLITS
    }
    absent = [split for split, paths in files.items() if not paths]
    if absent:
        raise DatasetFormatError(f"{folder / DATA_FOLDER}: no Parquet file of {absent}. Build again.")
    try:
        with without_bars():
            corpus = load_dataset("parquet", data_files=files, cache_dir=str(opened_dir(cache_dir)))
    except (DatasetGenerationError, ValueError) as error:  # pyarrow's errors are ValueErrors
        reason = error.__cause__ or error
        raise DatasetFormatError(
            f"{folder}: its Parquet files cannot be read ({reason}). Build again."
        ) from error
    release_memory()  # what unpacking took
    expected = clip_features(classes)
    for split, rows in corpus.items():
        if rows.features != expected:
            odd = sorted(
                name
                for name in rows.features.keys() | expected.keys()
                if rows.features.get(name) != expected.get(name)
            )
            raise DatasetFormatError(
                f"{folder}: columns {odd} of {split} do not follow the schema. Build again."
            )
    return corpus
