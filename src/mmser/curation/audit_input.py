"""Open whatever can be audited.  a dataset folder -> its splits, and what was promised"""

import hashlib
from pathlib import Path

from datasets import Audio, Dataset, DatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetGenerationError

from mmser.curation.rows import without_bars
from mmser.curation.schema import CORPUS_JSON, read_corpus_json
from mmser.curation.splitting import get_protocol
from mmser.curation.store import opened_dir
from mmser.errors import DatasetFormatError

DEFAULT_PROTOCOL = "speaker"


def read_promises(folder: str | Path) -> tuple[str, tuple[str, ...]]:
    """Return the protocol that a folder was built under, and its promises; "speaker" where it does not say.

    Raises:
        DatasetFormatError: its corpus.json cannot be read, or is of another schema version.
        UnknownNameError: its protocol is not known.
    """
    if not (Path(folder) / CORPUS_JSON).is_file():
        return DEFAULT_PROTOCOL, get_protocol(DEFAULT_PROTOCOL).promises
    record = read_corpus_json(folder)
    name = record.get("settings", {}).get("protocol")
    if name is None:
        raise DatasetFormatError(f"{folder}: its {CORPUS_JSON} does not say a protocol. Build again.")
    return name, tuple(record.get("promises") or get_protocol(name).promises)


def read_splits(folder: str | Path) -> dict[str, Dataset]:
    """Open a dataset: a corpus, a clone of one from the Hub, or what ``save_to_disk`` wrote.

    Its columns may be more or fewer than those of a corpus; no audio is decoded, and nothing is fetched. Rows
    of Parquet files are unpacked to the cache folder, as :func:`mmser.curation.schema.load_corpus` does.

    Args:
        folder: holds Parquet files in the Hub's layout, or Arrow files with ``dataset_dict.json``.

    Returns:
        Split -> rows, ``audio`` as {"bytes", "path"}.

    Raises:
        DatasetFormatError: the folder is missing, holds no dataset or several, or has no ``audio`` column.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetFormatError(f"{folder}: no such folder, expected a dataset.")
    inner = sorted(path.parent.name for path in folder.glob(f"*/{CORPUS_JSON}"))
    if inner:
        raise DatasetFormatError(f"{folder}: holds several corpora, {inner}. Audit one of these.")
    try:
        with without_bars():
            opened = _open(folder)
    except (DatasetGenerationError, ValueError, OSError, IndexError, RuntimeError) as error:
        reason = error.__cause__ or error
        raise DatasetFormatError(f"{folder}: not a dataset that can be read ({reason}).") from error
    return {split: _without_decoding(rows, folder) for split, rows in opened.items()}


def _open(folder: Path) -> DatasetDict:
    if (folder / "dataset_dict.json").is_file():
        return load_from_disk(str(folder))
    if (folder / "state.json").is_file():
        return DatasetDict({"train": load_from_disk(str(folder))})
    if not any(folder.rglob("*.parquet")):
        raise DatasetFormatError(
            f"{folder}: holds neither Parquet files nor what `save_to_disk` writes. Build a dataset with"
            " `mmser build`; recordings are looked at by `mmser check`."
        )
    return load_dataset(str(folder), cache_dir=str(opened_dir() / _state_of(folder)))


def _state_of(folder: Path) -> str:
    """Name a folder as it is now: ``datasets`` takes two of one name for one, and the new for the old."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((str(folder.resolve()), facts)).encode()).hexdigest()[:16]


def _without_decoding(rows: Dataset, folder: Path) -> Dataset:
    audio = rows.features.get("audio")
    if isinstance(audio, Audio):
        return rows.cast_column("audio", Audio(decode=False))
    if not (isinstance(audio, dict) and {"bytes", "path"} <= audio.keys()):
        raise DatasetFormatError(
            f"{folder}: its column 'audio' is {audio}, expected the Audio feature, or a struct of bytes and"
            f" path. It has {rows.column_names}."
        )
    return rows
