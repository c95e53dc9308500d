"""Check from the data alone what a protocol promised.  splits -> leaks and notes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from datasets import Dataset

from mmser.audio.search import find_copies
from mmser.curation.drawing import sentence_key
from mmser.curation.hearing import HeardClip, HeardSplit, hear_splits
from mmser.errors import DatasetFormatError, UnknownNameError

_NUM_EXAMPLES = 3
_UNREADABLE = "unreadable"


class Overlap(NamedTuple):
    """One thing that an audit found.

    Attributes:
        what: a speaker, a recording, a sentence, or clips that sound alike.
        clips: the clips concerned, split -> ids.
    """

    what: str
    clips: dict[str, list[str]]


@dataclass(frozen=True)
class Leak:
    """Things that stand in splits where they should not.

    Attributes:
        check: the check that found them, one of ``CHECKS``; or "unreadable", or "sha256".
        where: the splits, e.g. "test and train".
        overlaps: all of them, in the order of their names.
    """

    check: str
    where: str
    overlaps: tuple[Overlap, ...]

    @property
    def count(self) -> int:
        """How many speakers, recordings, sentences, copies or groups of clips that sound alike."""
        return len(self.overlaps)

    @property
    def examples(self) -> tuple[str, ...]:
        """The first few of them."""
        return tuple(overlap.what for overlap in self.overlaps[:_NUM_EXAMPLES])

    @property
    def clips(self) -> dict[str, list[str]]:
        """The clips concerned, each once: split -> ids."""
        return _merge(overlap.clips for overlap in self.overlaps)

    @property
    def extent(self) -> str:
        """How many there are and in which splits, and how many clips are concerned in each of several."""
        clips = ", ".join(f"{len(ids):,} {split}" for split, ids in self.clips.items())
        of_clips = f" (clips: {clips})" if len(self.clips) > 1 else ""
        return f"{self.check}: {self.count:,} in {self.where}{of_clips}"

    def __str__(self) -> str:
        return f"{self.extent}, e.g. {', '.join(self.examples)}"


@dataclass(frozen=True)
class AuditResult:
    """What an audit found: promises that are broken, and overlap that nobody promised to avoid."""

    broken: tuple[Leak, ...]
    notes: tuple[Leak, ...]

    @property
    def leaking_clips(self) -> dict[str, list[str]]:
        """The clips that broken promises concern, each once: split -> ids."""
        return _merge(leak.clips for leak in self.broken if leak.check != _UNREADABLE)


def audit(
    corpus: Mapping[str, Dataset], promises: Iterable[str], *, num_proc: int = 1, hear_copies: bool = True
) -> AuditResult:
    """Look for everything that two splits share.

    Sounds are compared by what is heard, and not by the ``sha256`` column.

    Args:
        corpus: split -> rows, with ``id``, ``audio`` as {"bytes", "path"} and other columns of the data
            contract. A check whose columns are missing is left out.
        promises: names of the checks that must find nothing.
        num_proc: worker processes at most.
        hear_copies: whether to listen to altered copies too. Whoever has made them knows their source and
            their hash, which then count instead.

    Returns:
        Leaks of promised checks, and audio that cannot be read, as broken; leaks of other checks as notes.
        "corpus" is never a note.

    Raises:
        UnknownNameError: a promise that no check knows.
        DatasetFormatError: a column is missing without which a promise cannot be checked.
    """
    promised = set(promises)
    for name in promised - CHECKS.keys():
        raise UnknownNameError("promise", name, CHECKS)
    checks = [name for name in CHECKS if name in promised or (name != "corpus" and _can_check(name, corpus))]
    _require_columns(corpus, promised)
    if sum(len(rows) > 0 for rows in corpus.values()) < 2:
        raise DatasetFormatError(
            f"Only one split holds clips, of {list(corpus)}, and an audit compares splits. Name a folder with"
            " all splits of a dataset."
        )
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        parts = hear_splits(corpus, num_proc=num_proc, hear_copies=hear_copies, folder=Path(folder))
        unknown = _find_unknown_speakers(parts, promised)
        leaks = [leak for name in checks for leak in _by_splits(name, CHECKS[name].find(parts))]
    broken = [leak for leak in leaks if leak.check in promised]
    notes = [leak for leak in leaks if leak.check not in promised]
    return AuditResult(
        broken=(*broken, *_by_splits(_UNREADABLE, _find_unreadable(parts))),
        notes=(
            *notes,
            *_by_splits("sha256", _find_wrong_hashes(parts)),
            *_by_splits("speaker unknown, not compared", unknown),
        ),
    )


class Check(NamedTuple):
    """A question to the splits: the columns that it needs, and what finds the answer."""

    columns: tuple[str, ...]
    find: Callable[[list[HeardSplit]], list[Overlap]]


def _can_check(name: str, corpus: Mapping[str, Dataset]) -> bool:
    return all(column in rows.column_names for rows in corpus.values() for column in CHECKS[name].columns)


def _require_columns(corpus: Mapping[str, Dataset], promised: set[str]) -> None:
    needed = {"id", "audio"}.union(*(CHECKS[name].columns for name in promised))
    for split, rows in corpus.items():
        missing = sorted(needed - set(rows.column_names))
        if missing:
            raise DatasetFormatError(
                f"Split {split!r} has no column {missing}, found {rows.column_names}. To check"
                f" {sorted(promised)} it takes {sorted(needed)}. Add the column, or name another --protocol."
            )


def _all_clips(parts: Iterable[HeardSplit]) -> Iterator[HeardClip]:
    return (clip for part in parts for clip in part.clips)


def _shared(parts: list[HeardSplit], names: Callable[[HeardClip], set[str]]) -> list[Overlap]:
    """The names that clips of several splits bear; "" is no name."""
    split_of: dict[str, str] = {}
    several: dict[str, dict[str, list[str]]] = {}
    for clip in _all_clips(parts):
        for name in names(clip) - {""}:
            if split_of.setdefault(name, clip.split) != clip.split:
                several[name] = {}
    for clip in _all_clips(parts):
        for name in names(clip) & several.keys():
            several[name].setdefault(clip.split, []).append(clip.id)
    return [Overlap(name, of_split) for name, of_split in several.items()]


def _find_speakers(parts: list[HeardSplit]) -> list[Overlap]:
    return _shared(parts, lambda clip: {clip.speaker})


def _find_sources(parts: list[HeardSplit]) -> list[Overlap]:
    """Recordings that several splits go back to, by their ids as well as by what the rows say."""
    return _shared(parts, lambda clip: {clip.source_id, clip.id.partition("#")[0]})


def _find_sentences(parts: list[HeardSplit]) -> list[Overlap]:
    return _shared(parts, lambda clip: {sentence_key(_speaker_of(clip), clip.sentence, clip.reference)})


def _find_corpora(parts: list[HeardSplit]) -> list[Overlap]:
    """Corpora that are tested and stand elsewhere too; speech and songs of the same people are one."""
    shared = _shared(parts, lambda clip: {_speaker_of(clip).split("/")[0]})
    return [overlap for overlap in shared if "test" in overlap.clips]


def _speaker_of(clip: HeardClip) -> str:
    """The speaker with the corpus before it, also where a dataset names them apart."""
    return clip.speaker if "/" in clip.speaker else f"{clip.corpus}/{clip.speaker}"


def _find_audio(parts: list[HeardSplit]) -> list[Overlap]:
    """Equal waveforms, whatever their source; and waveforms of other sources that are one recording."""
    equal = _shared(parts, lambda clip: {clip.heard_sha256})
    found = [Overlap(" = ".join(ids[0] for ids in each.clips.values()), each.clips) for each in equal]
    numbers: dict[str, int] = {}
    sources = [
        [numbers.setdefault(clip.source_id or clip.id, len(numbers)) for clip in part.heard] for part in parts
    ]
    for first, second, similarity in find_copies([part.prints for part in parts], sources):
        one, other = (parts[part].heard[number] for part, number in (first, second))
        if one.heard_sha256 != other.heard_sha256:
            what = f"{one.id} ~ {other.id} ({similarity:.2f})"
            found.append(Overlap(what, {one.split: [one.id], other.split: [other.id]}))
    return found


def _find_altered(parts: list[HeardSplit]) -> list[Overlap]:
    """Altered copies outside train: an evaluation split holds recordings only."""
    altered = (clip for clip in _all_clips(parts) if clip.augmentation or "#" in clip.id)
    return [Overlap(clip.id, {clip.split: [clip.id]}) for clip in altered if clip.split != "train"]


def _find_unknown_speakers(parts: list[HeardSplit], promised: set[str]) -> list[Overlap]:
    """Clips without a speaker, of which a promise about speakers says nothing.

    Raises:
        DatasetFormatError: no clip has one.
    """
    if not promised & {"speaker", "corpus"}:
        return []
    clips = list(_all_clips(parts))
    unknown = [clip for clip in clips if not clip.speaker]
    if len(unknown) == len(clips):
        raise DatasetFormatError(
            "The column 'speaker' is empty in all rows: what was promised of speakers cannot be checked. Fill"
            " it, or name another --protocol, such as stratified."
        )
    return [Overlap(clip.id, {clip.split: [clip.id]}) for clip in unknown]


def _find_unreadable(parts: list[HeardSplit]) -> list[Overlap]:
    """Clips that cannot be listened to, of which nothing can be said."""
    return [
        Overlap(f"{clip.id} ({clip.problem})", {clip.split: [clip.id]})
        for clip in _all_clips(parts)
        if clip.problem
    ]


def _find_wrong_hashes(parts: list[HeardSplit]) -> list[Overlap]:
    """Clips that are not the sound that their row names."""
    return [
        Overlap(clip.id, {clip.split: [clip.id]})
        for clip in _all_clips(parts)
        if clip.sha256 and clip.heard_sha256 not in ("", clip.sha256)
    ]


CHECKS: dict[str, Check] = {
    "speaker": Check(("speaker",), _find_speakers),
    "source": Check((), _find_sources),
    "sentence": Check(("corpus", "speaker", "sentence", "reference"), _find_sentences),
    "corpus": Check(("corpus", "speaker"), _find_corpora),
    "audio": Check((), _find_audio),
    "copy": Check((), _find_altered),
}


def _by_splits(check: str, found: Iterable[Overlap]) -> Iterator[Leak]:
    """One leak for each combination of splits."""
    overlaps_in = defaultdict(list)
    for overlap in sorted(found, key=lambda overlap: overlap.what):
        overlaps_in[" and ".join(sorted(overlap.clips))].append(overlap)
    for where, overlaps in sorted(overlaps_in.items()):
        yield Leak(check, where, tuple(overlaps))


def _merge(parts: Iterable[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    """Split -> ids of all parts, each once and in sorted order."""
    merged: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        for split, ids in part.items():
            merged[split].update(ids)
    return {split: sorted(ids) for split, ids in sorted(merged.items())}
