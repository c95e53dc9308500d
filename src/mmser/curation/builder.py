"""Build corpora: the straight line from folders of recordings to dataset folders.

read -> relabel -> clean -> transcribe, once; split -> balance -> audit -> write, for each protocol and fold
"""

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset, Value

from mmser.audio.augmentation import prepare_noise
from mmser.corpora import CorpusInfo, get_corpora, get_corpus, read_clips
from mmser.corpora.emotion_words import parse_emotion_map
from mmser.curation.audit import audit
from mmser.curation.drawing import ClipKey, families, sentence_key
from mmser.curation.filtering import CleanedClip, Drop, drop_unusable, relabel_clips
from mmser.curation.output import check_out, check_parent, working_beside, writing_to
from mmser.curation.page import write_page
from mmser.curation.planning import SplitPlan, plan_splits
from mmser.curation.record import list_remarks, make_record, write_record
from mmser.curation.rows import add_column, read_columns
from mmser.curation.schema import SPLITS
from mmser.curation.settings import BuildSettings
from mmser.curation.splitting import get_protocol
from mmser.curation.store import ROW_FEATURES, CleanStore, clean_clips
from mmser.curation.tables import StepCount, count_clips, make_tables
from mmser.curation.writing import CopyMaker, SplitWriter, fingerprint
from mmser.errors import EmptySplitError, LeakError
from mmser.labels import get_scheme

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """What all protocols and folds have in common.

    Attributes:
        rows: a row for each clip that can be used, with its transcript.
        drops: the clips that cannot be used, and why.
        counts: clips after the steps "read", "relabel" and "clean".
        infos: the sheets of the corpora that are there.
        missing: names of the corpora that were asked for and are not there.
        remarks: sentences for the card.
        store: where the cleaned clips lie.
        noise_files: for copies.
    """

    rows: Dataset
    drops: list[Drop]
    counts: dict[str, StepCount]
    infos: list[CorpusInfo]
    missing: tuple[str, ...]
    remarks: list[str]
    store: CleanStore
    noise_files: tuple[Path, ...]


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
        material = _prepare(root, work, settings)
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


def _places(out: Path, builds: Sequence[BuildSettings], *, several: bool) -> list[Path]:
    return [out / build.place for build in builds] if several else [out]


def _prepare(root: Path, work: Path, settings: BuildSettings) -> Material:
    """Read, relabel, clean and transcribe."""
    scheme = get_scheme(settings.scheme)
    store = CleanStore(settings.resolved_cache_dir, settings.cleaning)
    noise_files = prepare_noise(Path(settings.noise_dir), work / "noise") if settings.noise_dir else ()
    emotion_map = parse_emotion_map(settings.emotion_map)

    clips, missing = read_clips(root, settings.corpora, emotion_map)
    corpora = get_corpora(settings.corpora, emotion_map)
    infos = [corpus.info for corpus in corpora if corpus.info.name not in missing]
    for name in missing:
        logger.warning("%s is not below %s. %s", name, root, get_corpus(name).info.how_to_get)
    logger.info("Read %d clips of %s.", len(clips), ", ".join(sorted({clip.corpus for clip in clips})))
    remarks = list_remarks(clips, infos, settings)
    for remark in remarks:
        logger.warning("%s", remark)
    relabelled, drops = relabel_clips(clips, scheme)
    rows, dropped = _clean(relabelled, store, settings, work)
    rows = _transcribe(rows, store, settings)
    counts = {
        "read": count_clips((clip.corpus, (clip.emotion,)) for clip in clips),
        "relabel": count_clips((row["corpus"], row["labels"] or (row["label"],)) for row in relabelled),
        "clean": count_clips((clip.corpus, clip.classes) for clip in _keys_of(rows)),
    }
    return Material(rows, drops + dropped, counts, infos, missing, remarks, store, noise_files)


def _clean(
    relabelled: Sequence[Mapping[str, Any]], store: CleanStore, settings: BuildSettings, work: Path
) -> tuple[Dataset, list[Drop]]:
    rows = Dataset.from_list(list(relabelled), features=ROW_FEATURES)
    num_proc = settings.resolved_num_proc(len(rows))
    rows = clean_clips(rows, store, num_proc=num_proc, cache_file=work / "cleaned.arrow")
    cleaned = [CleanedClip(*values) for values in zip(*read_columns(rows, CleanedClip._fields), strict=True)]
    drops = drop_unusable(cleaned, settings.cleaning.min_duration_s)
    dropped = {drop.id for drop in drops}
    kept = [index for index, clip in enumerate(cleaned) if clip.id not in dropped]
    reasons = Counter(drop.reason for drop in drops)
    logger.info("Cleaned %d clips, kept %d. Dropped: %s.", len(cleaned), len(kept), dict(reasons) or "none")
    if not kept:
        raise EmptySplitError(
            f"No clip is left of {len(cleaned)} after cleaning ({dict(reasons)}). First: {drops[:1]}."
        )
    return rows.select(kept), drops


def _transcribe(rows: Dataset, store: CleanStore, settings: BuildSettings) -> Dataset:
    if settings.transcripts == "none":
        texts = [""] * len(rows)
    elif settings.transcripts == "reference":
        texts = list(rows["reference"])
    else:
        from mmser.curation.transcription import TranscriptionSettings, transcribe_waveforms

        hashes, files, durations_s = read_columns(rows, ("sha256", "file_sha256", "duration_s"))
        file_of = dict(zip(hashes, files, strict=True))
        transcripts = transcribe_waveforms(
            lambda sha256: store.read_waveform(file_of[sha256]),
            dict(zip(hashes, durations_s, strict=True)),
            TranscriptionSettings(settings.whisper, settings.language),
            settings.resolved_cache_dir,
            progress=True,
        )
        texts = [transcripts[sha256].text for sha256 in hashes]
    return add_column(rows, "transcript", texts, Value("string"))


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
    }
    tables = make_tables(counts, record["classes"])
    write_record(folder, record, tables, drops)
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
