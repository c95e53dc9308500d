"""Build corpora: the straight line from folders of recordings to dataset folders.

read -> relabel -> clean -> transcribe, once; split -> balance -> audit -> write, for each protocol and fold
"""

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset

from mmser.curation.audit import audit
from mmser.curation.drawing import ClipKey, families, sentence_key
from mmser.curation.output import check_out, check_parent, check_writable, working_beside, writing_to
from mmser.curation.page import write_page
from mmser.curation.planning import SplitPlan, plan_splits
from mmser.curation.preparing import Material, add_transcripts, prepare
from mmser.curation.record import make_record, write_record
from mmser.curation.rows import read_columns
from mmser.curation.schema import SPLITS
from mmser.curation.settings import BuildSettings
from mmser.curation.splitting import get_protocol
from mmser.curation.tables import count_clips, make_tables
from mmser.curation.word_errors import TRANSCRIPTS_CSV, describe_transcripts, write_transcripts
from mmser.curation.writing import CopyMaker, SplitWriter, fingerprint
from mmser.errors import EmptySplitError, LeakError
from mmser.labels import get_scheme

logger = logging.getLogger(__name__)


def build_corpus(
    root: str | Path, out: str | Path, settings: BuildSettings | None = None, **changes: Any
) -> Path:
    """Build a dataset folder from the corpora below a folder.

    Nothing of ``out`` is seen before all of it is there. What was cleaned and transcribed stays in the cache
    folder, also when a build is interrupted.

    Args:
        root: the folder that holds the corpora, at any depth.
        out: the folder to write; it must be empty or absent, or hold a corpus and ``overwrite`` be set.
        settings: what to build; the defaults are those of ``mmser build``.
        changes: settings by name, e.g. ``protocol="paper"``.

    Returns:
        ``out``.

    Raises:
        SettingsError: a setting cannot be used.
        UnknownNameError: a name that mmser does not know.
        CorpusNotFoundError: ``root`` or a table is missing, or none of the corpora is there.
        LabelFileError: a table, or a label file of a corpus, holds a mistake.
        UnknownEmotionError: a clip's emotion is none that its corpus defines.
        OutputExistsError: ``out`` holds something that may not be replaced.
        EmptySplitError: a split, or a class of train, would be empty.
        LeakError: the splits break a promise of the protocol.
        DiskFullError: the disk is full.
    """
    (folder,) = build_corpora(root, out, settings, **changes)
    return folder


def build_corpora(
    root: str | Path,
    out: str | Path,
    settings: BuildSettings | None = None,
    *,
    protocols: Sequence[str] = (),
    fold_numbers: Sequence[int] | Literal["all"] = (),
    **changes: Any,
) -> list[Path]:
    """Build a dataset folder for each protocol and fold; clips are read, cleaned and transcribed once.

    Args:
        root: as for :func:`build_corpus`.
        out: the folder to write for one protocol and fold; several go to ``<out>/<protocol>-fold<k>``, or
            ``<out>/<protocol>`` for a protocol without folds.
        settings: as for :func:`build_corpus`.
        protocols: names; none: that of the settings.
        fold_numbers: from 0, or "all"; none: that of the settings.
        changes: as for :func:`build_corpus`.

    Returns:
        The folders, in the order of protocols and folds. All are planned before the first is written.

    Raises:
        MmserError: as for :func:`build_corpus`.
    """
    settings, root, out = (settings or BuildSettings()).changed(changes), Path(root), Path(out)
    asked = settings.list_builds(protocols, fold_numbers, len(settings.corpora))
    _check(out, asked)
    with working_beside(out, settings.resolved_cache_dir, "work") as work:
        material = add_transcripts(prepare(root, work, settings), settings)
        keys = _keys_of(material.rows)
        builds = settings.list_builds(protocols, fold_numbers, len(families(keys)))  # of those asked for
        plans = [_plan(keys, build) for build in builds]
        places = _places(out, builds, several=len(asked) > 1)
        for place, build, plan in zip(places, builds, plans, strict=True):
            with writing_to(place, settings.resolved_cache_dir) as folder:
                _write(folder, build, plan, material)
    return places


def _check(out: Path, builds: Sequence[BuildSettings]) -> None:
    """Look at settings and folders before the work begins."""
    for build in builds:
        build.check()
    if len(builds) > 1:
        check_parent(out)
    for place in _places(out, builds, several=len(builds) > 1):
        check_out(place, overwrite=builds[0].overwrite)
    check_writable(out.absolute().parent, "--out: folder")
    check_writable(builds[0].resolved_cache_dir, "--cache-dir")


def _places(out: Path, builds: Sequence[BuildSettings], *, several: bool) -> list[Path]:
    return [out / build.place for build in builds] if several else [out]


def _keys_of(rows: Dataset) -> list[ClipKey]:
    """The clips of rows, for splitting; the label of several is the one with the fewest clips."""
    names = ("id", "label", "labels", "corpus", "speaker", "sentence", "reference", "split")
    columns = dict(zip(names, read_columns(rows, names), strict=True))
    sizes = Counter(name for labels in columns["labels"] for name in labels)
    return [
        ClipKey(
            id=row["id"],
            label=min(row["labels"], key=lambda name: (sizes[name], name), default=row["label"]),
            corpus=row["corpus"],
            speaker=row["speaker"],
            source_id=row["id"],
            sentence=sentence_key(row["speaker"], row["sentence"], row["reference"]),
            split=row["split"],
            labels=tuple(row["labels"]),
        )
        for row in (dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True))
    ]


def _plan(clips: Sequence[ClipKey], settings: BuildSettings) -> SplitPlan:
    """Split and balance; where that fails, say under which protocol and fold."""
    try:
        return plan_splits(clips, settings)
    except EmptySplitError as error:
        raise EmptySplitError(f"{settings.place}: {error}") from error


def _write(folder: Path, settings: BuildSettings, plan: SplitPlan, material: Material) -> None:
    """Write the planned splits with their copies, audit them, and say what was done."""
    copies = CopyMaker(settings.seed, settings.augmentation, material.noise_files)
    num_proc = settings.resolved_num_proc(len(material.rows))
    classes = get_scheme(settings.scheme).classes
    writer = SplitWriter(material.rows, material.store, copies, classes, num_proc, folder)
    written = {split: writer.write(split, plan.splits[split]) for split in SPLITS}
    leaks, notes = _audit(written, plan, settings)
    drops = material.drops + plan.drops
    counts = material.counts | {
        split: count_clips((clip.corpus, clip.classes) for clip in plan.splits[split]) for split in SPLITS
    }
    record = make_record(settings, material.infos, counts, drops) | {
        "missing_corpora": list(material.missing),
        "promises": list(plan.promises),
        "leaks": leaks,
        "notes": notes,
        "remarks": material.remarks + plan.notes,
        "fingerprint": fingerprint(written),
        "heard": describe_transcripts(material.heard, settings.language),
    }
    tables = make_tables(counts, record["classes"])
    write_record(folder, record, tables, drops)
    if material.heard:
        write_transcripts(folder / TRANSCRIPTS_CSV, material.heard)
    write_page(folder, record, tables, material.rows, material.store)
    shutil.rmtree(writer.work)


def _audit(
    written: Mapping[str, Dataset], plan: SplitPlan, settings: BuildSettings
) -> tuple[list[str], list[str]]:
    protocol = get_protocol(settings.protocol)
    num_proc = settings.resolved_num_proc(len(written["train"]))
    found = audit(written, plan.promises, num_proc=num_proc, hear_copies=False)
    leaks = [str(leak) for leak in found.broken]
    if leaks and not protocol.may_leak:
        for broken in found.broken:
            names = "; ".join(overlap.what for overlap in broken.overlaps)
            logger.error("%s in %s: %s", broken.check, broken.where, names)
        raise LeakError(
            f"Protocol {protocol.name!r} is broken: {'; '.join(leaks)}. This corpus was not written. Move one"
            " clip of each pair, all named above, out of the corpora's folder, or choose a protocol that does"
            " not promise this."
        )
    for leak in leaks:
        logger.warning("Leak, as protocol %s has it: %s", protocol.name, leak)
    return leaks, [str(note) for note in found.notes]
