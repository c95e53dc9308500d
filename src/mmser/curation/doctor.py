"""The corpus doctor: what is there, what is missing or broken, and what to do.  folder -> report

A build copes with much by itself: it reads a copy once, resamples, leaves silent clips out by name. What ends
it, or damages what it would have kept, is an error here; what else changes its result is a warning.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from mmser.corpora import CORPORA, Corpus, get_corpora
from mmser.corpora.emotion_words import parse_emotion_map
from mmser.curation.doctor_audio import (
    FileFacts,
    FoundClip,
    count_usable,
    iter_audio_findings,
    read_facts,
)
from mmser.curation.doctor_names import (
    FoundCorpus,
    iter_copy_findings,
    iter_count_findings,
    iter_label_findings,
    iter_misnamed_findings,
    take_census,
)
from mmser.curation.doctor_published import PUBLISHED
from mmser.curation.doctor_report import (
    ERROR,
    NOTE,
    WARNING,
    CorpusReport,
    Finding,
    RootReport,
    make_finding,
    sort_findings,
)
from mmser.curation.doctor_walk import Tree, walk_tree
from mmser.errors import CorpusNotFoundError, MmserError

_READER_LOGGER = "mmser.corpora"  # what it warns of is in the report


def check_corpora(
    root: str | Path,
    names: Collection[str] | None = None,
    *,
    emotion_map: str | Path | Mapping[str, str] | None = None,
    num_proc: int | None = None,
) -> RootReport:
    """Examine the corpora below a folder; every audio file of theirs is read whole.

    Args:
        root: the folder that holds the corpora, at any depth.
        names: corpora to examine, as ``mmser build`` takes them; None for all that mmser knows.
        emotion_map: what the words of users' tables mean, as ``mmser build`` takes it.
        num_proc: processes that read files, at most; None for one a core.

    Returns:
        What was found, and what to do.

    Raises:
        CorpusNotFoundError: ``root`` is not a folder, or a user's table is not there.
        UnknownNameError: a name that no corpus has.
        SettingsError, LabelFileError, UnknownEmotionError: a user's table cannot be used.
    """
    root = Path(root)
    corpora = get_corpora(CORPORA if names is None else names, parse_emotion_map(emotion_map))
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise CorpusNotFoundError(f"{root}: {state}, expected the folder that holds the corpora.")
    tree = walk_tree(root)
    found = [_run_reader(corpus, tree) for corpus in corpora]
    tree.release(
        path for each in found if each.facts is None for paths in each.copies.values() for path in paths
    )
    audio = {path for each in found for paths in each.copies.values() for path in paths}
    files = read_facts(audio, num_proc or os.cpu_count() or 1)
    absence = NOTE if names is None else WARNING
    reports = tuple(
        _examine(each, tree, files) if each.copies else _miss(each, tree, absence) for each in found
    )
    return RootReport(str(root), reports, sort_findings(_iter_root_findings(tree, reports)))


def _run_reader(corpus: Corpus, tree: Tree) -> FoundCorpus:
    """What the reader of a corpus finds, or why it stops."""
    name = corpus.info.name
    logger = logging.getLogger(_READER_LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        clips = {clip.id.removeprefix(f"{name}/"): clip for clip in corpus.iter_clips(tree.root)}
        stopped = ""
    except MmserError as error:
        clips, stopped = {}, str(error)
    finally:
        logger.setLevel(level)
    copies = tree.copies[name] if corpus.naming else {key: [clip.path] for key, clip in clips.items()}
    return FoundCorpus(corpus.info, PUBLISHED.get(name), copies, clips, stopped, tree.show)


def _examine(found: FoundCorpus, tree: Tree, files: dict[Path, FileFacts]) -> CorpusReport:
    """Look at a corpus of which something is there."""
    info = found.info
    census = take_census(found, tree.root)
    clips = [
        FoundClip(name, found.clips[name].emotion if name in found.clips else "", paths[0], files[paths[0]])
        for name, paths in found.copies.items()
    ]
    misnamed, converted = tree.misnamed[info.name], tree.converted[info.name]
    findings = [
        *iter_label_findings(found),
        *_iter_none_usable(found, clips),
        *iter_count_findings(found, census),
        *iter_misnamed_findings(found, census, misnamed, converted),
        *iter_copy_findings(found, files),
        *iter_audio_findings(clips, found.facts, tree.show),
    ]
    return CorpusReport(info, len(clips), census, sort_findings(findings))


def _miss(found: FoundCorpus, tree: Tree, severity: str) -> CorpusReport:
    """Say of a corpus that it is not there, though it may be in another format."""
    census = take_census(found, tree.root)
    absent = Finding("absent", severity, 0, "No clip of it is there.", (), found.info.how_to_get)
    others = iter_misnamed_findings(found, census, (), tree.converted[found.info.name])
    return CorpusReport(found.info, 0, census, sort_findings((absent, *others)))


def _iter_none_usable(found: FoundCorpus, clips: Sequence[FoundClip]) -> Iterator[Finding]:
    if not found.stopped and not count_usable(clips):
        message = f"No clip can be used, of {len(clips):,}."
        yield Finding("nothing-usable", ERROR, len(clips), message, (), found.info.how_to_get)


def _iter_root_findings(tree: Tree, reports: Sequence[CorpusReport]) -> Iterator[Finding]:
    if not any(report.num_found for report in reports):
        message = "None of the corpora asked for is there."
        yield Finding("no-corpus", ERROR, 0, message, (), "`mmser corpora` says how to get each.")
    if tree.unlisted:
        yield make_finding(
            "unlisted",
            ERROR,
            tree.unlisted,
            "Folders that cannot be listed, below which nothing is read",
            "Mend their permissions.",
        )
    if tree.strangers:
        yield make_finding(
            "strangers",
            NOTE,
            [tree.show(path) for path in tree.strangers],
            ".wav files that belong to no corpus",
            "Nothing to do if they are no clips; a table of your own takes them in (`--corpora csv:PATH`).",
        )
