"""Check from the data alone what a protocol promised.  splits -> leaks and notes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from datasets import Dataset

from mmser.audio.search import find_copies
from mmser.curation.drawing import sentence_key
from mmser.curation.hearing import HeardClip, hear_clips
from mmser.curation.rows import read_columns
from mmser.errors import DatasetFormatError, UnknownNameError

_TEXTS = ("id", "corpus", "speaker", "sentence", "reference", "source_id", "augmentation", "sha256")
_NUM_EXAMPLES = 3


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

    def __str__(self) -> str:
        return f"{self.check}: {self.count} in {self.where}, e.g. {', '.join(self.examples)}"


@dataclass(frozen=True)
class AuditResult:
    """What an audit found: promises that are broken, and overlap that nobody promised to avoid."""

    broken: tuple[Leak, ...]
    notes: tuple[Leak, ...]

    @property
    def leaking_clips(self) -> dict[str, list[str]]:
        """The clips that broken promises concern, each once: split -> ids."""
        return _merge(leak.clips for leak in self.broken)


def audit(corpus: Mapping[str, Dataset], promises: Iterable[str], *, num_proc: int = 1) -> AuditResult:
    """Look for everything that two splits share.

    Every clip is listened to: sounds are compared by what is heard, and never by the ``sha256`` column.

    Args:
        corpus: split -> rows, with ``id``, ``audio`` as {"bytes", "path"} and other columns of the data
            contract. A check whose columns are missing is left out.
        promises: names of the checks that must find nothing.
        num_proc: worker processes at most.

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
    clips = [clip for split, rows in corpus.items() for clip in _listen(split, rows, num_proc)]
    leaks = [leak for name in checks for leak in _by_splits(name, CHECKS[name].find(clips))]
    broken = [leak for leak in leaks if leak.check in promised]
    notes = [leak for leak in leaks if leak.check not in promised]
    return AuditResult(
        broken=(*broken, *_by_splits("unreadable", _find_unreadable(clips))),
        notes=(*notes, *_by_splits("sha256", _find_wrong_hashes(clips))),
    )


class _Clip(NamedTuple):
    split: str
    id: str
    corpus: str
    speaker: str
    sentence: str
    reference: str
    source_id: str
    augmentation: str
    sha256: str
    heard: HeardClip


class Check(NamedTuple):
    """A question to the clips: the columns that it needs, and what finds the answer."""

    columns: tuple[str, ...]
    find: Callable[[list[_Clip]], list[Overlap]]


def _can_check(name: str, corpus: Mapping[str, Dataset]) -> bool:
    return all(column in rows.column_names for rows in corpus.values() for column in CHECKS[name].columns)


def _require_columns(corpus: Mapping[str, Dataset], promised: set[str]) -> None:
    needed = {"id", "audio"}.union(*(CHECKS[name].columns for name in promised))
    for split, rows in corpus.items():
        missing = sorted(needed - set(rows.column_names))
        if missing:
            raise DatasetFormatError(
                f"Split {split!r} has no column {missing}, found {rows.column_names}. To check"
                f" {sorted(promised)} it takes {sorted(needed)}; choose a protocol that promises less."
            )


def _listen(split: str, rows: Dataset, num_proc: int) -> Iterator[_Clip]:
    there = [name for name in _TEXTS if name in rows.column_names]
    values = dict(zip(there, read_columns(rows.with_format(None), there), strict=True))
    columns = [values.get(name) or [""] * len(rows) for name in _TEXTS]
    for texts, heard in zip(zip(*columns, strict=True), hear_clips(rows, num_proc=num_proc), strict=True):
        yield _Clip._make((split, *(text or "" for text in texts), heard))


def _shared(clips: Iterable[_Clip], names: Callable[[_Clip], set[str]]) -> list[Overlap]:
    """The names that clips of several splits bear; "" is no name."""
    bearers: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for clip in clips:
        for name in names(clip) - {""}:
            bearers[name].setdefault(clip.split, []).append(clip.id)
    return [Overlap(name, of_split) for name, of_split in bearers.items() if len(of_split) > 1]


def _find_speakers(clips: list[_Clip]) -> list[Overlap]:
    return _shared(clips, lambda clip: {clip.speaker})


def _find_sources(clips: list[_Clip]) -> list[Overlap]:
    """Recordings that several splits go back to, by their ids as well as by what the rows say."""
    return _shared(clips, lambda clip: {clip.source_id, clip.id.partition("#")[0]})


def _find_sentences(clips: list[_Clip]) -> list[Overlap]:
    return _shared(clips, lambda clip: {sentence_key(_speaker_of(clip), clip.sentence, clip.reference)})


def _find_corpora(clips: list[_Clip]) -> list[Overlap]:
    """Corpora that are tested and stand elsewhere too; speech and songs of the same people are one."""
    shared = _shared(clips, lambda clip: {_speaker_of(clip).split("/")[0]})
    return [overlap for overlap in shared if "test" in overlap.clips]


def _speaker_of(clip: _Clip) -> str:
    """The speaker with the corpus before it, also where a dataset names them apart."""
    return clip.speaker if "/" in clip.speaker else f"{clip.corpus}/{clip.speaker}"


def _find_audio(clips: list[_Clip]) -> list[Overlap]:
    """Equal waveforms, whatever their source; and waveforms of other sources that are one recording."""
    equal = _shared(clips, lambda clip: {clip.heard.sha256})
    found = [Overlap(" = ".join(ids[0] for ids in each.clips.values()), each.clips) for each in equal]
    splits, sources = (_number([getattr(clip, field) for clip in clips]) for field in ("split", "source_id"))
    for first, second, similarity in find_copies([clip.heard.fingerprint for clip in clips], splits, sources):
        one, other = clips[first], clips[second]
        if one.heard.sha256 != other.heard.sha256:
            what = f"{one.id} ~ {other.id} ({similarity:.2f})"
            found.append(Overlap(what, {one.split: [one.id], other.split: [other.id]}))
    return found


def _number(names: list[str]) -> list[int]:
    """The same number for the same name; unnamed ones are all different."""
    numbers: dict[str | int, int] = {}
    return [numbers.setdefault(name or index, len(numbers)) for index, name in enumerate(names)]


def _find_altered(clips: list[_Clip]) -> list[Overlap]:
    """Altered copies outside train: an evaluation split holds recordings only."""
    altered = (clip for clip in clips if clip.augmentation or "#" in clip.id)
    return [Overlap(clip.id, {clip.split: [clip.id]}) for clip in altered if clip.split != "train"]


def _find_unreadable(clips: list[_Clip]) -> list[Overlap]:
    """Clips that cannot be listened to, of which nothing can be said."""
    return [
        Overlap(f"{clip.id} ({clip.heard.problem})", {clip.split: [clip.id]})
        for clip in clips
        if clip.heard.problem
    ]


def _find_wrong_hashes(clips: list[_Clip]) -> list[Overlap]:
    """Clips that are not the sound that their row names."""
    return [
        Overlap(clip.id, {clip.split: [clip.id]})
        for clip in clips
        if clip.sha256 and clip.heard.sha256 not in ("", clip.sha256)
    ]


CHECKS: dict[str, Check] = {
    "speaker": Check(("speaker",), _find_speakers),
    "source": Check(("source_id",), _find_sources),
    "sentence": Check(("corpus", "speaker", "sentence", "reference"), _find_sentences),
    "corpus": Check(("corpus", "speaker"), _find_corpora),
    "audio": Check((), _find_audio),
    "copy": Check(("augmentation",), _find_altered),
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
