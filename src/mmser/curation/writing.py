"""Write the planned splits, hearing one clip at a time.  plan + store -> Parquet shards

``datasets`` would encode audio through torchcodec; rows are therefore written as Arrow tables whose ``audio``
is a plain struct of bytes and path, which the features then name ``Audio``.
"""

import csv
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features, Value

from mmser.audio.augmentation import AugmentationSettings, augment_waveform, choose_kind, seed_of_copy
from mmser.audio.io import SAMPLE_RATE_HZ, decode_flac, encode_flac, hash_waveform
from mmser.curation.drawing import ClipKey
from mmser.curation.filtering import Drop
from mmser.curation.rows import add_columns, map_rows, read_columns, take_rows, without_bars
from mmser.curation.schema import DATA_FOLDER, clip_features
from mmser.curation.store import CleanStore

_ROWS_PER_SHARD = 5000  # about 250 MB of two-second clips
_ROWS_PER_BATCH = 64
_PLAN_FEATURES = Features({"planned_id": Value("string"), "copy": Value("int32")})


@dataclass(frozen=True)
class CopyMaker:
    """Everything that decides how the copies of a build sound."""

    seed: int
    settings: AugmentationSettings
    noise_files: tuple[Path, ...] = ()

    def make(self, flac: bytes, source_id: str, copy: int) -> tuple[bytes, str]:
        """Return the FLAC of a planned copy, and what was done to the original's."""
        seed = seed_of_copy(source_id, copy, self.seed)
        waveform, description = augment_waveform(
            decode_flac(flac),
            choose_kind(seed, self.settings),
            seed=seed,
            settings=self.settings,
            noise_files=self.noise_files,
        )
        return encode_flac(waveform), description


@dataclass(frozen=True)
class SplitWriter:
    """Writes splits of one corpus.

    Attributes:
        rows: one for each original, with transcripts.
        store: holds the cleaned originals.
        copies: makes the copies.
        classes: class names in the order of their integers.
        num_proc: worker processes at most.
        folder: the corpus folder.
    """

    rows: Dataset
    store: CleanStore
    copies: CopyMaker
    classes: tuple[str, ...]
    num_proc: int
    folder: Path

    @property
    def work(self) -> Path:
        """Where the rows lie while they are in use; to be removed in the end."""
        return self.folder / "work"

    def write(self, split: str, clips: Sequence[ClipKey]) -> Dataset:
        """Write one split as Parquet shards of equal size.

        Args:
            split: its name.
            clips: originals and copies, in the order of the rows.

        Returns:
            The rows as they were written; their audio stays on disk.
        """
        index_of = {clip_id: index for index, clip_id in enumerate(self.rows["id"])}
        originals = take_rows(self.rows, [index_of[clip.source_id] for clip in clips])
        plan: dict[str, list[Any]] = {
            "planned_id": [clip.id for clip in clips],
            "copy": [clip.copy for clip in clips],
        }
        planned = add_columns(originals, plan, _PLAN_FEATURES)
        features = clip_features(self.classes)
        self.work.mkdir(exist_ok=True)
        has_copies = any(clip.copy > 1 for clip in clips)
        written = map_rows(
            planned.with_format("arrow"),
            partial(_fill_rows, store=self.store, copies=self.copies, features=features),
            batched=True,
            batch_size=_ROWS_PER_BATCH,
            writer_batch_size=_ROWS_PER_BATCH,
            num_proc=min(self.num_proc, len(clips)) if has_copies else 1,  # to copy bytes is not work
            remove_columns=planned.column_names,
            features=features,
            cache_file_name=str(self.work / f"{split}.arrow"),
            new_fingerprint=f"written-{split}",
            desc=f"Making copies of {split}",
            progress=has_copies,
        )
        written = written.with_format(None)
        self._write_shards(split, written)
        return written

    def _write_shards(self, split: str, rows: Dataset) -> None:
        folder = self.folder / DATA_FOLDER
        folder.mkdir(exist_ok=True)
        num_shards = math.ceil(len(rows) / _ROWS_PER_SHARD)
        for index in range(num_shards):
            path = folder / f"{split}-{index:05d}-of-{num_shards:05d}.parquet"
            with without_bars():
                rows.shard(num_shards, index, contiguous=True).to_parquet(str(path))


def _fill_rows(table: pa.Table, store: CleanStore, copies: CopyMaker, features: Features) -> pa.Table:
    """Metadata and plan of some clips -> their rows, audio included."""
    names = features["label"].names
    columns: dict[str, list[Any]] = {name: [] for name in features}
    for row in table.to_pylist():
        flac, description = store.path_of(row["file_sha256"]).read_bytes(), ""
        sha256, duration_s = row["sha256"], row["duration_s"]
        if row["copy"] > 1:
            flac, description = copies.make(flac, row["id"], row["copy"])
            waveform = decode_flac(flac)
            sha256, duration_s = hash_waveform(waveform), len(waveform) / SAMPLE_RATE_HZ
        filled = row | {
            "id": row["planned_id"],
            "audio": {"bytes": flac, "path": None},
            "label": None if row["labels"] else names.index(row["label"]),
            "labels": [names.index(name) for name in row["labels"]],
            "duration_s": duration_s,
            "source_id": row["id"],
            "augmentation": description,
            "sha256": sha256,
        }
        for name, values in columns.items():
            values.append(filled[name])
    return pa.Table.from_pydict(columns, schema=features.arrow_schema)


def fingerprint(corpus: Mapping[str, Dataset]) -> str:
    """Hash what a corpus holds: split, id, class or classes, sound and transcript of each clip, sorted."""
    lines = []
    for split, rows in corpus.items():
        names = rows.features["label"].names
        columns = read_columns(rows, ("id", "label", "labels", "sha256", "transcript"))
        for clip_id, label, labels, sha256, transcript in zip(*columns, strict=True):
            text = "+".join(names[index] for index in labels) if label is None else names[label]
            lines.append("\x1f".join((split, clip_id, text, sha256, transcript)))
    lines.sort()
    hashed = hashlib.sha256()
    for number, line in enumerate(lines):
        hashed.update(f"\x1e{line}".encode() if number else line.encode())
    return hashed.hexdigest()


def write_dropped(path: Path, drops: Iterable[Drop]) -> None:
    """Write dropped.csv: id, step, reason, detail."""
    write_table(path, [Drop._fields, *drops])


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows, the first being the header, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
