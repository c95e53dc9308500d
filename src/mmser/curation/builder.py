"""Build a corpus: the straight line from folders of recordings to a dataset folder.

read -> relabel -> clean -> transcribe -> split -> balance -> audit -> write
"""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, Value

from mmser import __version__
from mmser.audio.augmentation import prepare_noise
from mmser.corpora import get_corpus, read_clips
from mmser.curation.audit import audit
from mmser.curation.balancing import balance_train, compute_targets, parse_balance_to
from mmser.curation.card import make_card
from mmser.curation.filtering import CleanedClip, Drop, drop_unusable, relabel_clips
from mmser.curation.output import check_out, writing_to
from mmser.curation.rows import add_column, read_columns
from mmser.curation.schema import CORPUS_JSON, SCHEMA_VERSION, SPLITS
from mmser.curation.settings import BuildSettings
from mmser.curation.splitting import (
    ClipKey,
    Protocol,
    check_training_classes,
    get_protocol,
    split_test,
    split_validation,
)
from mmser.curation.store import ROW_FEATURES, CleanStore, clean_clips
from mmser.curation.tables import STEPS, Counts, count_clips, count_keys, make_tables, total
from mmser.curation.writing import CopyMaker, SplitWriter, fingerprint, write_dropped, write_table
from mmser.errors import EmptySplitError, LeakError
from mmser.labels import get_scheme

logger = logging.getLogger(__name__)

_TABLES_FOLDER = "tables"


@dataclass(frozen=True)
class SplitPlan:
    """Which clips and copies each split holds, and which clips balancing cut."""

    splits: dict[str, list[ClipKey]]
    cut: list[ClipKey]


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
        CorpusNotFoundError: ``root`` is missing, or none of the corpora is there.
        OutputExistsError: ``out`` holds something that may not be replaced.
        EmptySplitError: a split, or a class of train, would be empty.
        LeakError: the splits break a promise of the protocol.
        DiskFullError: the disk is full.
    """
    settings = (settings or BuildSettings()).changed(changes)
    settings.check()
    root, out = Path(root), Path(out)
    check_out(out, overwrite=settings.overwrite)
    with writing_to(out, settings.resolved_cache_dir) as part:
        _build(root, part, settings)
    return out


def _build(root: Path, folder: Path, settings: BuildSettings) -> None:
    """All steps, into a folder that is there and empty."""
    scheme, protocol = get_scheme(settings.scheme), get_protocol(settings.protocol)
    store = CleanStore(settings.resolved_cache_dir, settings.cleaning)
    work = folder / "work"
    work.mkdir()
    noise_files = prepare_noise(Path(settings.noise_dir), work / "noise") if settings.noise_dir else ()

    clips, missing = read_clips(root, settings.corpora)
    for name in missing:
        logger.warning("%s is not below %s. %s", name, root, get_corpus(name).info.how_to_get)
    logger.info("Read %d clips of %s.", len(clips), ", ".join(sorted({clip.corpus for clip in clips})))
    relabelled, drops = relabel_clips(clips, scheme)
    rows, dropped = _clean(relabelled, store, settings, work)
    drops += dropped
    rows = _transcribe(rows, store, settings)
    plan = _plan_splits(_keys_of(rows), protocol, settings)
    drops += [Drop(clip.id, "balance", "cut", f"more {clip.label} clips than asked for") for clip in plan.cut]
    copies = CopyMaker(settings.seed, settings.augmentation, noise_files)
    num_proc = settings.resolved_num_proc(len(rows))
    writer = SplitWriter(rows, store, copies, scheme.classes, num_proc, folder)
    written = {split: writer.write(split, plan.splits[split]) for split in SPLITS}
    leaks, notes = _audit(written, protocol)

    counts = {
        "read": count_clips((clip.corpus, clip.emotion) for clip in clips),
        "relabel": count_clips((row["corpus"], row["label"]) for row in relabelled),
        "clean": count_keys(_keys_of(rows)),
        **{split: count_keys(plan.splits[split]) for split in SPLITS},
    }
    found = {
        "missing_corpora": list(missing),
        "leaks": leaks,
        "notes": notes,
        "fingerprint": fingerprint(written),
    }
    _write_record(folder, _make_record(settings, counts, drops) | found, drops)
    shutil.rmtree(work)


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
    ids, labels, corpora, speakers = read_columns(rows, ("id", "label", "corpus", "speaker"))
    return [ClipKey(*values) for values in zip(ids, labels, corpora, speakers, ids, strict=True)]


def _plan_splits(clips: Sequence[ClipKey], protocol: Protocol, settings: BuildSettings) -> SplitPlan:
    """Split and balance in the order that the protocol states."""
    classes = get_scheme(settings.scheme).classes
    balance_to = parse_balance_to(settings.balance_to)

    def balance(pool: Sequence[ClipKey]) -> tuple[list[ClipKey], list[ClipKey]]:
        check_training_classes(pool, clips, classes)
        targets = compute_targets(pool, classes, balance_to, protocol.balance_to)
        return balance_train(pool, targets, seed=settings.seed)

    check_training_classes(clips, clips, classes)
    rest, test = split_test(clips, protocol, settings.draw)
    if protocol.balances_first:
        pool, cut = balance(rest)
        train, validation = split_validation(pool, clips, protocol, settings.draw)
    else:
        pool, validation = split_validation(rest, clips, protocol, settings.draw)
        train, cut = balance(pool)
    return SplitPlan({"train": train, "validation": validation, "test": test}, cut)


def _audit(written: Mapping[str, Dataset], protocol: Protocol) -> tuple[list[str], list[str]]:
    found = audit(written, protocol.promises)
    leaks = [str(leak) for leak in found.broken]
    if leaks and not protocol.may_leak:
        raise LeakError(f"Protocol {protocol.name!r} is broken: {'; '.join(leaks)}. Nothing was written.")
    for leak in leaks:
        logger.warning("Leak, as protocol %s has it: %s", protocol.name, leak)
    return leaks, [str(note) for note in found.notes]


def _make_record(settings: BuildSettings, counts: Counts, drops: Sequence[Drop]) -> dict[str, Any]:
    """What corpus.json says of settings and counts."""
    return {
        "schema_version": SCHEMA_VERSION,
        "mmser_version": __version__,
        "classes": list(get_scheme(settings.scheme).classes),
        "settings": settings.to_dict(sorted(counts["read"])),
        "counts": {step: total(counts[step]) for step in STEPS},
        "counts_by_corpus_and_class": counts,
        "dropped": dict(sorted(Counter(drop.reason for drop in drops).items())),
        "absent_corpora": {split: sorted(counts["clean"].keys() - counts[split].keys()) for split in SPLITS},
    }


def _write_record(folder: Path, record: Mapping[str, Any], drops: Sequence[Drop]) -> None:
    tables = make_tables(record["counts_by_corpus_and_class"], record["classes"])
    (folder / _TABLES_FOLDER).mkdir()
    for name, table in tables.items():
        write_table(folder / _TABLES_FOLDER / f"{name}.csv", table)
    write_dropped(folder / "dropped.csv", sorted(drops))
    (folder / "README.md").write_text(make_card(record, tables, drops), encoding="utf-8")
    (folder / CORPUS_JSON).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
