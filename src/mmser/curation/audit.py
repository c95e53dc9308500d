"""Check from the data alone what a protocol promised.  splits -> leaks and notes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from datasets import Dataset

from mmser.curation.rows import read_columns

_COLUMNS = ("id", "speaker", "source_id", "augmentation", "sha256")
_NUM_EXAMPLES = 3


class _Row(NamedTuple):
    split: str
    id: str
    speaker: str
    source_id: str
    augmentation: str
    sha256: str


@dataclass(frozen=True)
class Leak:
    """Something that stands in a split where it should not.

    Attributes:
        check: the check that found it, one of ``CHECKS``.
        where: the splits, e.g. "test and train".
        count: how many speakers, sources, sounds or copies.
        examples: the first few of them.
    """

    check: str
    where: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.examples)
        return f"{self.check}: {self.count} in {self.where}, e.g. {shown}"


@dataclass(frozen=True)
class AuditResult:
    """What an audit found: promises that are broken, and overlap that nobody promised to avoid."""

    broken: tuple[Leak, ...]
    notes: tuple[Leak, ...]


def audit(corpus: Mapping[str, Dataset], promises: Iterable[str]) -> AuditResult:
    """Look for everything that two splits share.

    Args:
        corpus: split -> rows, with the columns of the data contract.
        promises: names of the checks that must find nothing.

    Returns:
        Leaks of promised checks as broken, of all others as notes.
    """
    rows = [row for split, part in corpus.items() for row in _iter_rows(split, part)]
    promised = set(promises)
    leaks = [leak for check, find in CHECKS.items() for leak in _summarise(check, find(rows))]
    return AuditResult(
        broken=tuple(leak for leak in leaks if leak.check in promised),
        notes=tuple(leak for leak in leaks if leak.check not in promised),
    )


def _iter_rows(split: str, part: Dataset) -> Iterator[_Row]:
    columns = read_columns(part.with_format(None), _COLUMNS)
    return (_Row(split, *values) for values in zip(*columns, strict=True))


def _shared(keyed: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """(thing, split) pairs -> things that stand in several splits, with these."""
    splits_of = defaultdict(set)
    for thing, split in keyed:
        splits_of[thing].add(split)
    return {thing: splits for thing, splits in splits_of.items() if len(splits) > 1}


def _find_speakers(rows: list[_Row]) -> dict[str, set[str]]:
    return _shared((row.speaker, row.split) for row in rows)


def _find_sources(rows: list[_Row]) -> dict[str, set[str]]:
    """Recordings that several splits go back to, by their ids as well as by what the rows say."""
    named = ((row.source_id, row.split) for row in rows)
    return _shared(named) | _shared((row.id.partition("#")[0], row.split) for row in rows)


def _find_audio(rows: list[_Row]) -> dict[str, set[str]]:
    first_id: dict[str, str] = {}
    for row in rows:
        first_id.setdefault(row.sha256, row.id)
    return {first_id[sha256]: splits for sha256, splits in _shared((r.sha256, r.split) for r in rows).items()}


def _find_copies(rows: list[_Row]) -> dict[str, set[str]]:
    """Altered copies outside train: an evaluation split holds recordings only."""
    return {
        row.id: {row.split} for row in rows if row.split != "train" and (row.augmentation or "#" in row.id)
    }


CHECKS: dict[str, Callable[[list[_Row]], dict[str, set[str]]]] = {
    "speaker": _find_speakers,
    "source": _find_sources,
    "audio": _find_audio,
    "copy": _find_copies,
}


def _summarise(check: str, found: Mapping[str, set[str]]) -> Iterator[Leak]:
    """One leak for each combination of splits."""
    things_in = defaultdict(list)
    for thing, splits in found.items():
        things_in[" and ".join(sorted(splits))].append(thing)
    for where, things in sorted(things_in.items()):
        yield Leak(check, where, len(things), tuple(sorted(things)[:_NUM_EXAMPLES]))
