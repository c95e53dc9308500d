"""What the names, copies and labels of one corpus say.  files by published name -> counts, findings"""

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmser.corpora import Clip, CorpusInfo
from mmser.curation.doctor_audio import FileFacts
from mmser.curation.doctor_published import PublishedFacts, PublishedNames
from mmser.curation.doctor_report import ERROR, NOTE, NUM_EXAMPLES, WARNING, Census, Finding, make_finding

_MIN_LIKENESS = 0.8  # of two names, from which on one may be meant for the other


@dataclass(frozen=True)
class FoundCorpus:
    """A corpus as it lies below the folder.

    Attributes:
        info: its sheet.
        facts: what is known of it complete; None for a user's table.
        copies: published name -> its files, the one that is read first.
        clips: published name -> what the reader says of it.
        stopped: why the reader stopped, or "".
        show: how to write a file.
    """

    info: CorpusInfo
    facts: PublishedFacts | None
    copies: dict[str, list[Path]]
    clips: dict[str, Clip]
    stopped: str
    show: Callable[[Path], str]


def take_census(found: FoundCorpus, root: Path) -> Census:
    """Compare the names found with those of the complete corpus."""
    published = found.facts.list_names(found.copies, root) if found.facts else PublishedNames()
    missing = tuple(sorted(published.names - found.copies.keys()))
    extra = tuple(sorted(found.copies.keys() - published.names)) if published.closed else ()
    shortfall = found.info.num_clips - len(found.copies)
    num_missing = max(shortfall + len(extra), len(missing))
    return Census(missing, num_missing, extra, num_missing - shortfall)


def iter_count_findings(found: FoundCorpus, census: Census) -> Iterator[Finding]:
    """Yield what is to be said of missing clips and of clips that were not published."""
    if census.num_missing:
        message = f"Missing clips: {census.num_missing:,} of {found.info.num_clips:,}"
        message += f" ({short})." if (short := _count_short(found)) else "."
        examples = census.missing[:NUM_EXAMPLES]
        yield Finding("missing", WARNING, census.num_missing, message, examples, found.info.how_to_get)
    if census.num_extra:
        files = [found.copies[name][0] for name in census.extra]
        message = f"Clips that were not published: {census.num_extra:,}."
        remedy = "A build takes them in: give them their published names, or move them out of the folder."
        examples = tuple(_suggest(files, census.missing, found.show))
        yield Finding("extra", WARNING, census.num_extra, message, examples, remedy)


def iter_misnamed_findings(
    found: FoundCorpus, census: Census, misnamed: Sequence[Path], converted: Sequence[Path]
) -> Iterator[Finding]:
    """Yield what is to be said of files that the reader does not take, or takes under another name.

    Args:
        found: the corpus.
        census: its names that are missing.
        misnamed: .wav files among its clips that no reader takes.
        converted: files of published names in other formats.
    """
    if misnamed:
        examples = tuple(_suggest(misnamed, census.missing, found.show))
        message = f"Files among the clips that no reader takes for their names: {len(misnamed):,}."
        remedy = "Give them their published names, or move them out of the folder."
        yield Finding("misnamed", WARNING, len(misnamed), message, examples, remedy)
    if converted:
        yield make_finding(
            "not-wav",
            WARNING,
            [found.show(path) for path in converted],
            "Clips in other formats than .wav, which no reader takes",
            "Take the published WAV files, or convert these to WAV at their own sample rate.",
        )
    renamed = [
        f"{found.show(paths[0])}, read as {name}"
        for name, paths in found.copies.items()
        if found.facts and not name.casefold().endswith(paths[0].stem.casefold())
    ]
    if renamed:
        yield make_finding(
            "renamed",
            NOTE,
            renamed,
            "Clips that bear another name than the published one",
            "Nothing to do: the reader knows it.",
        )


def iter_copy_findings(found: FoundCorpus, files: dict[Path, FileFacts]) -> Iterator[Finding]:
    """Yield what is to be said of clips that are there more than once."""
    several = [paths for paths in found.copies.values() if len(paths) > 1]
    same = [paths for paths in several if len({files[path].sha256 for path in paths}) == 1]
    differing = [paths for paths in several if paths not in same]
    if same:
        spare = [path for paths in same for path in paths[1:]]
        folder = Path(os.path.commonpath([path.parent for path in spare]))
        holds_more = any(paths[0].is_relative_to(folder) for paths in found.copies.values())
        what = "the copies" if holds_more else found.show(folder)
        yield make_finding(
            "copies",
            NOTE,
            [" = ".join(map(found.show, paths)) for paths in same],
            "Clips that are there more than once, each read once",
            f"Nothing to do; delete {what} to save room.",
        )
    if differing:
        yield make_finding(
            "copies-differ",
            WARNING,
            [" is not ".join(map(found.show, paths)) for paths in differing],
            "Clips that are there more than once with different content, the first of each read",
            "Keep the right one of each and delete the others.",
        )


def iter_label_findings(found: FoundCorpus) -> Iterator[Finding]:
    """Yield what is to be said of labels, and of the tables that come with the corpus."""
    if found.stopped:
        yield Finding("labels", ERROR, 1, found.stopped, (), "A build stops there.")
        return
    unlabelled = [found.show(clip.path) for clip in found.clips.values() if not clip.emotion]
    if unlabelled:
        yield make_finding(
            "unlabelled",
            WARNING,
            unlabelled,
            "Clips without a line in the label files, which a build leaves out",
            "Put back the published label files.",
        )
    for field, file in found.facts.tables.items() if found.facts else ():
        without = [found.show(clip.path) for clip in found.clips.values() if not getattr(clip, field)]
        if without:
            remedy = f"It stands in {file}: put that beside the clips, or go without."
            yield make_finding(f"no-{field}", NOTE, without, f"Clips without {field}", remedy)


def _count_short(found: FoundCorpus) -> str:
    """How many clips each emotion lacks, where the names of missing clips are not known."""
    if not found.facts:
        return ""
    counts = Counter(clip.emotion for clip in found.clips.values())
    short = {name: count - counts[name] for name, count in found.facts.emotion_counts.items()}
    return ", ".join(f"{name} {count}" for name, count in short.items() if count > 0)


def _suggest(files: Sequence[Path], missing: Sequence[str], show: Callable[[Path], str]) -> Iterator[str]:
    """The first files, each with the missing name that it may have been meant for."""
    names = {name.casefold(): name for name in missing}
    for path in files[:NUM_EXAMPLES]:
        near = difflib.get_close_matches(path.stem.casefold(), names, n=1, cutoff=_MIN_LIKENESS)
        yield f"{show(path)} (meant for {names[near[0]]}?)" if near else show(path)
