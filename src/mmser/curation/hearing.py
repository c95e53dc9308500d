"""Listen to the clips of a dataset.  splits -> what their rows say, and what they sound like"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from datasets import Dataset, Features, Value, concatenate_datasets

from mmser.audio.fingerprint import Fingerprint, fingerprint_waveform
from mmser.audio.io import hash_waveform, read_waveform, resample
from mmser.curation.rows import map_rows, read_columns
from mmser.errors import AudioError

_MIN_CLIPS_PER_PROCESS = 500  # a second of work: a process costs as much
_PRINTS = {"landmarks": np.uint32, "times": np.uint16, "rising": np.uint32, "strong": np.uint32}
_FEATURES = Features(
    {"sha256": Value("string"), "problem": Value("string")} | dict.fromkeys(_PRINTS, Value("binary"))
)
_SILENCE = np.zeros(0, np.float32)
_TEXTS = ("id", "corpus", "speaker", "sentence", "reference", "source_id", "augmentation", "sha256")


class HeardClip(NamedTuple):
    """What the row of a clip says, "" where it says nothing, and what its audio says.

    Attributes:
        split: that it stands in.
        id: of the clip or copy, and so on as in :func:`mmser.curation.schema.clip_features`.
        sha256: what the row says.
        heard_sha256: of the waveform, "" where it is unreadable; where it was not listened to, what the row
            says.
        problem: why it is unreadable, or "".
    """

    split: str
    id: str
    corpus: str
    speaker: str
    sentence: str
    reference: str
    source_id: str
    augmentation: str
    sha256: str
    heard_sha256: str
    problem: str


class Prints(Sequence[Fingerprint]):
    """The fingerprints of some rows, read from disk as they are asked for."""

    def __init__(self, rows: Dataset):
        self._rows = rows.select_columns(list(_PRINTS))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Fingerprint: ...

    @overload
    def __getitem__(self, index: slice) -> list[Fingerprint]: ...

    def __getitem__(self, index: int | slice) -> Fingerprint | list[Fingerprint]:
        found = self._rows[index]
        if isinstance(index, int):
            return _restore([found[name] for name in _PRINTS])
        return [_restore(values) for values in zip(*(found[name] for name in _PRINTS), strict=True)]


class HeardSplit(NamedTuple):
    """A split: all its clips, those that were listened to, and the fingerprints of these."""

    clips: list[HeardClip]
    heard: list[HeardClip]
    prints: Prints


def hear_splits(
    corpus: Mapping[str, Dataset], *, num_proc: int, hear_copies: bool, folder: Path
) -> list[HeardSplit]:
    """Listen to the clips of all splits.

    Args:
        corpus: split -> rows, with ``id`` and ``audio``.
        num_proc: worker processes at most.
        hear_copies: whether altered copies are listened to.
        folder: where fingerprints are kept; it must be there as long as these are used.
    """
    clips = {split: _read_clips(split, rows) for split, rows in corpus.items()}
    numbers = {
        split: [number for number, clip in enumerate(of_split) if hear_copies or not clip.augmentation]
        for split, of_split in clips.items()
    }
    audio = [rows.select_columns(["audio"]).select(numbers[split]) for split, rows in corpus.items()]
    heard = hear_clips(concatenate_datasets(audio), num_proc=num_proc, cache_file=folder / "heard.arrow")
    splits, begin = [], 0
    for split, of_split in clips.items():
        facts = heard.select(range(begin, begin + len(numbers[split])))
        begin += len(facts)
        for number, *found in zip(numbers[split], *read_columns(facts, ("sha256", "problem")), strict=True):
            of_split[number] = of_split[number]._replace(heard_sha256=found[0], problem=found[1])
        splits.append(HeardSplit(of_split, [of_split[number] for number in numbers[split]], Prints(facts)))
    return splits


def _read_clips(split: str, rows: Dataset) -> list[HeardClip]:
    there = [name for name in _TEXTS if name in rows.column_names]
    values = dict(zip(there, read_columns(rows.with_format(None), there), strict=True))
    columns = [values.get(name) or [""] * len(rows) for name in _TEXTS]
    texts = (["" if text is None else str(text) for text in row] for row in zip(*columns, strict=True))
    return [HeardClip._make((split, *row, row[-1], "")) for row in texts]


def hear_clips(rows: Dataset, *, num_proc: int, cache_file: Path) -> Dataset:
    """Decode, hash and fingerprint the clips of all rows, in parallel, with a progress bar.

    Args:
        rows: with ``audio`` as {"bytes", "path"}, in any format that libsndfile reads.
        num_proc: worker processes at most.
        cache_file: where ``datasets`` keeps the result.

    Returns:
        For each row ``sha256`` of its waveform, as :func:`mmser.audio.io.hash_waveform` gives it, or "" where
        it cannot be read; ``problem``, which says why; and its fingerprint, for :class:`Prints`, which is
        that of silence where it cannot be read.
    """
    if not len(rows):
        return Dataset.from_dict({name: [] for name in _FEATURES}, features=_FEATURES)
    return map_rows(
        rows.select_columns(["audio"]).with_format(None),
        _hear,
        num_proc=min(num_proc, -(-len(rows) // _MIN_CLIPS_PER_PROCESS)),
        features=_FEATURES,
        remove_columns=["audio"],
        cache_file_name=str(cache_file),
        new_fingerprint="heard",
        desc="Listening",
    )


def _hear(row: Mapping[str, Any]) -> dict[str, Any]:
    audio = row["audio"] or {}
    problem = ""
    try:
        if audio.get("bytes"):
            source = audio["bytes"]
        elif audio.get("path"):
            source = Path(audio["path"])
        else:
            raise AudioError("empty", "holds neither bytes nor a path")
        waveform = resample(*read_waveform(source))
    except AudioError as error:
        problem, waveform = str(error), _SILENCE
    fingerprint = fingerprint_waveform(waveform)
    prints = {name: getattr(fingerprint, name).tobytes() for name in _PRINTS}
    return {"sha256": "" if problem else hash_waveform(waveform), "problem": problem} | prints


def _restore(values: Sequence[bytes]) -> Fingerprint:
    arrays = zip(_PRINTS, values, _PRINTS.values(), strict=True)
    return Fingerprint(**{name: np.frombuffer(value, kind) for name, value, kind in arrays})
