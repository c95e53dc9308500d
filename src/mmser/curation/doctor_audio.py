"""What audio files hold, one by one and compared.  files -> facts -> findings"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset, Features, Value

from mmser.audio.cleaning import CleaningSettings
from mmser.audio.io import read_bytes, read_channels
from mmser.curation.doctor_published import PublishedFacts
from mmser.curation.doctor_report import ERROR, NOTE, WARNING, Finding, make_finding
from mmser.curation.filtering import DAMAGED
from mmser.curation.rows import map_rows
from mmser.errors import AudioError

FULL_SCALE = 32767 / 32768  # the largest sample that 16 bits hold
CLIPPED_SHARE = 0.001  # of the samples at full scale, from which on a clip counts as clipped
_MAX_TWINS_NAMED = 4
_MIN_FILES_A_PROCESS = 100  # below, starting a process takes longer than the work

AS_PUBLISHED = "Nothing to do: it was published so."
_REMEDIES = {
    "lfs-pointer": "In the Git clone, run `git lfs install` and `git lfs pull`.",
    "unreadable": "Copy or download them again; see that you may read them.",
    "truncated": "Copy or download them again: the end is missing.",
    "not-finite": "Copy or convert them again.",
    "empty": "Download them again. A build leaves them out.",
    "silent": "Listen to them; download them again if they were not silent once. A build leaves them out.",
    "too-long": "Cut them into clips of one utterance; download them again if they were published so.",
}
_TITLES = {
    "lfs-pointer": "Git LFS pointers in place of audio",
    "unreadable": "Files that cannot be read as audio",
    "truncated": "Files that end before their header says",
    "not-finite": "Files with samples that are NaN or infinite",
    "empty": "Files without samples",
    "silent": "Files of silence alone",
    "too-long": "Files longer than any clip",
}


class FileFacts(NamedTuple):
    """What an audio file holds; ``reason`` is "" where it can be used."""

    sha256: str = ""
    reason: str = ""
    detail: str = ""
    rate_hz: int = 0
    num_channels: int = 0
    clipped_share: float = 0.0


class FoundClip(NamedTuple):
    """A clip that a reader found: published name, canonical emotion ("" if none is known), file, facts."""

    name: str
    emotion: str
    path: Path
    facts: FileFacts


_FEATURES = Features(
    {
        "path": Value("string"),
        "sha256": Value("string"),
        "reason": Value("string"),
        "detail": Value("string"),
        "rate_hz": Value("int64"),
        "num_channels": Value("int64"),
        "clipped_share": Value("float64"),
    }
)


def read_facts(paths: Collection[Path], num_proc: int) -> dict[Path, FileFacts]:
    """Read files whole, in several processes, with a progress bar.

    Args:
        paths: the files.
        num_proc: processes, at most.

    Returns:
        File -> what it holds.
    """
    if not paths:
        return {}
    ordered = sorted(paths)
    rows = Dataset.from_dict({"path": [str(path) for path in ordered]})
    rows = map_rows(
        rows,
        _read_row,
        num_proc=max(1, min(num_proc, len(ordered) // _MIN_FILES_A_PROCESS)),
        features=_FEATURES,
        desc="Checking",
    )
    columns = rows.select_columns(list(FileFacts._fields)).to_dict()
    values = zip(*(columns[name] for name in FileFacts._fields), strict=True)
    return {path: FileFacts(*each) for path, each in zip(ordered, values, strict=True)}


def _read_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | read_file(Path(row["path"]))._asdict()


def read_file(path: Path) -> FileFacts:
    """Read one file whole."""
    sha256 = ""
    try:
        content = read_bytes(path)
        sha256 = hashlib.sha256(content).hexdigest()
        channels, rate_hz = read_channels(content, where=str(path))
    except AudioError as error:
        return FileFacts(sha256, error.reason, str(error))
    silent = np.abs(channels.mean(axis=1)).max() < CleaningSettings().silent_peak  # as cleaning has it
    clipped_share = float(np.mean(np.abs(channels) >= FULL_SCALE))
    return FileFacts(sha256, "silent" if silent else "", "", rate_hz, channels.shape[1], clipped_share)


def iter_audio_findings(
    clips: Sequence[FoundClip], facts: PublishedFacts | None, show: Callable[[Path], str]
) -> Iterator[Finding]:
    """Yield what is to be said of the audio of one corpus.

    Args:
        clips: the clips that its reader takes.
        facts: what is known of the complete corpus; None for a user's table.
        show: how to write a file.
    """
    yield from _iter_unusable(clips, facts.soundless if facts else (), show)
    usable = [clip for clip in clips if not clip.facts.reason]
    if facts:
        yield from _iter_rates(usable, facts, show)
    yield from _iter_twins(usable, facts.twins if facts else ())
    yield from _iter_remarks(usable, show)


def count_usable(clips: Sequence[FoundClip]) -> int:
    """Count the clips that a build can keep: with sound, a label, and no twin under another label."""
    labelled = [clip for clip in clips if clip.emotion and not clip.facts.reason]
    contested = sum(len(twins) for twins in _find_twins(labelled) if _disagree(twins))
    return len(labelled) - contested


def _iter_unusable(
    clips: Sequence[FoundClip], soundless: Collection[str], show: Callable[[Path], str]
) -> Iterator[Finding]:
    by_reason: dict[str, list[FoundClip]] = defaultdict(list)
    for clip in clips:
        as_published = clip.name in soundless and clip.facts.reason in ("empty", "silent")
        if as_published:
            yield make_finding("soundless", NOTE, [show(clip.path)], "Clips without sound", AS_PUBLISHED)
        elif clip.facts.reason:
            by_reason[clip.facts.reason].append(clip)
    for reason, unusable in sorted(by_reason.items()):
        severity = ERROR if reason in DAMAGED else WARNING
        examples = [clip.facts.detail if reason == "unreadable" else show(clip.path) for clip in unusable]
        yield make_finding(reason, severity, examples, _TITLES[reason], _REMEDIES[reason])


def _iter_rates(
    clips: Sequence[FoundClip], facts: PublishedFacts, show: Callable[[Path], str]
) -> Iterator[Finding]:
    odd = [clip for clip in clips if clip.facts.rate_hz != facts.rate_hz]
    known = [clip for clip in odd if facts.other_rates.get(clip.name) == clip.facts.rate_hz]
    converted = [clip for clip in odd if clip not in known]
    for severity, group, remedy in (
        (
            WARNING,
            converted,
            "They were converted on the way. A build resamples them; the published files sound better.",
        ),
        (NOTE, known, AS_PUBLISHED),
    ):
        if group:
            rates = ", ".join(f"{rate:,} Hz" for rate in sorted({clip.facts.rate_hz for clip in group}))
            title = f"Clips at {rates}, where the corpus is published at {facts.rate_hz:,} Hz"
            yield make_finding("sample-rate", severity, [show(clip.path) for clip in group], title, remedy)


def _iter_twins(clips: Sequence[FoundClip], published: Collection[frozenset[str]]) -> Iterator[Finding]:
    groups: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for twins in _find_twins(clips):
        as_published = frozenset(clip.name for clip in twins) in published
        groups[_disagree(twins), as_published].append(_list_twins(twins))
    for (disagree, as_published), lines in sorted(groups.items(), reverse=True):
        kind = "twins-other-label" if disagree else "twins"
        what = "under different labels" if disagree else "under one label"
        fate = (
            "leaves all of them out, since one label must be wrong" if disagree else "keeps the first of each"
        )
        remedy = f"Published so; a build {fate}." if as_published else f"Look at them. A build {fate}."
        severity = NOTE if as_published else WARNING
        yield make_finding(kind, severity, lines, f"The same bytes {what}", remedy)


def _iter_remarks(clips: Sequence[FoundClip], show: Callable[[Path], str]) -> Iterator[Finding]:
    clipped = [show(clip.path) for clip in clips if clip.facts.clipped_share >= CLIPPED_SHARE]
    if clipped:
        title = f"Clipped, {100 * CLIPPED_SHARE:g} % of the samples or more at full scale"
        remedy = "Nothing to do if they were recorded so; if you converted them, do it again more quietly."
        yield make_finding("clipped", NOTE, clipped, title, remedy)
    several = [show(clip.path) for clip in clips if clip.facts.num_channels > 1]
    if several:
        yield make_finding(
            "channels", NOTE, several, "Several channels", "Nothing to do: a build averages them."
        )


def _list_twins(twins: Sequence[FoundClip]) -> str:
    names = [f"{clip.name} ({clip.emotion or 'no label'})" for clip in twins]
    if len(names) > _MAX_TWINS_NAMED:
        names[_MAX_TWINS_NAMED:] = [f"{len(names) - _MAX_TWINS_NAMED:,} more"]
    return " = ".join(names)


def _find_twins(clips: Sequence[FoundClip]) -> list[list[FoundClip]]:
    """Groups of two clips or more with the same bytes."""
    same: dict[str, list[FoundClip]] = defaultdict(list)
    for clip in clips:
        same[clip.facts.sha256].append(clip)
    return [twins for twins in same.values() if len(twins) > 1]


def _disagree(twins: Sequence[FoundClip]) -> bool:
    return len({clip.emotion for clip in twins if clip.emotion}) > 1
