"""What all protocols and folds have in common.  folder of recordings -> clips, cleaned and transcribed"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from datasets import Dataset, Features, Value

from mmser.audio.augmentation import prepare_noise
from mmser.corpora import Clip, CorpusInfo, get_corpora, get_corpus, read_clips
from mmser.corpora.emotion_words import parse_emotion_map
from mmser.curation.filtering import CleanedClip, Drop, drop_unusable, relabel_clips
from mmser.curation.record import list_remarks
from mmser.curation.rows import add_columns, in_memory, read_columns, take_rows
from mmser.curation.settings import BuildSettings
from mmser.curation.store import ROW_FEATURES, CleanStore, clean_clips, find_same_bytes
from mmser.curation.tables import StepCount, count_clips
from mmser.curation.transcription import EVERYTHING, Share, fetch_listener, transcribe_waveforms
from mmser.curation.word_errors import HeardText
from mmser.errors import EmptySplitError
from mmser.labels import get_scheme
from mmser.wording import count_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """What all protocols and folds have in common.

    Attributes:
        rows: a row for each clip that can be used, at last with its transcript.
        drops: the clips that cannot be used, and why.
        counts: clips after the steps "read", "relabel" and "clean".
        infos: the sheets of the corpora that are there.
        missing: names of the corpora that were asked for and are not there.
        remarks: sentences for the card.
        store: where the cleaned clips lie.
        noise_files: for copies.
        heard: what Whisper heard in each clip, where it was asked.
    """

    rows: Dataset
    drops: list[Drop]
    counts: dict[str, StepCount]
    infos: list[CorpusInfo]
    missing: tuple[str, ...]
    remarks: list[str]
    store: CleanStore
    noise_files: tuple[Path, ...]
    heard: list[HeardText] = field(default_factory=list)


def prepare(root: Path, work: Path, settings: BuildSettings) -> Material:
    """Read, relabel and clean.

    Args:
        root: the folder that holds the corpora.
        work: a folder for intermediate files; it must be there as long as the material is used.
        settings: what to build.

    Raises:
        MmserError: as for :func:`mmser.curation.builder.build_corpus`.
    """
    store = CleanStore(settings.resolved_cache_dir, settings.cleaning)
    noise_files = prepare_noise(Path(settings.noise_dir), work / "noise") if settings.noise_dir else ()
    found = _read(root, settings)
    for remark in found.remarks:
        logger.warning("%s", remark)
    if settings.transcripts == "whisper":
        fetch_listener(settings.transcription, settings.resolved_cache_dir)
    rows, dropped = _clean(found, store, settings, work)
    return Material(
        rows=rows,
        drops=found.drops + dropped,
        counts={"read": found.read, "relabel": _count(found.rows), "clean": _count(rows)},
        infos=found.infos,
        missing=found.missing,
        remarks=found.remarks,
        store=store,
        noise_files=noise_files,
    )


class _Found(NamedTuple):
    """What is there, before it is cleaned.

    Attributes:
        rows: the clips that have a class, as ``ROW_FEATURES``.
        outside: those that have none but whose emotion is known.
        drops: all that have none.
        read: how many there are of both.
        infos: the sheets of the corpora that are there.
        missing: names of the others.
        remarks: sentences for the card.
    """

    rows: Dataset
    outside: list[Clip]
    drops: list[Drop]
    read: StepCount
    infos: list[CorpusInfo]
    missing: tuple[str, ...]
    remarks: list[str]


def _read(root: Path, settings: BuildSettings) -> _Found:
    """Read and relabel."""
    scheme, emotion_map = get_scheme(settings.scheme), parse_emotion_map(settings.emotion_map)
    infos = [corpus.info for corpus in get_corpora(settings.corpora, emotion_map)]
    clips, missing = read_clips(root, settings.corpora, emotion_map)
    infos = [info for info in infos if info.name not in missing]
    for name in missing:
        logger.warning("%s is not below %s. %s", name, root, get_corpus(name).info.how_to_get)
    names = ", ".join(sorted({clip.corpus for clip in clips}))
    logger.info("Read %s of %s.", count_of(len(clips), "clip"), names)
    relabelled, drops = relabel_clips(clips, scheme)
    if not relabelled:
        raise EmptySplitError(
            f"No clip, of {len(clips):,}, has a class of {scheme.name}"
            f" ({dict(Counter(drop.reason for drop in drops))}). First: {drops[:1]}."
        )
    left_out = {drop.id for drop in drops}
    return _Found(
        rows=in_memory(pa.Table.from_pylist(relabelled, ROW_FEATURES.arrow_schema), ROW_FEATURES),
        outside=[clip for clip in clips if clip.id in left_out and clip.emotion],
        drops=drops,
        read=count_clips((clip.corpus, (clip.emotion,)) for clip in clips),
        infos=infos,
        missing=missing,
        remarks=list_remarks(clips, infos, settings),
    )


def _count(rows: Dataset) -> StepCount:
    columns = read_columns(rows, ("corpus", "label", "labels"))
    return count_clips((corpus, labels or (label,)) for corpus, label, labels in zip(*columns, strict=True))


def _clean(
    found: _Found, store: CleanStore, settings: BuildSettings, work: Path
) -> tuple[Dataset, list[Drop]]:
    """Clean the clips of the scheme; those outside it may say that the label of one is contested."""
    num_proc = settings.resolved_num_proc(len(found.rows))
    rows = clean_clips(found.rows, store, num_proc=num_proc, cache_file=work / "cleaned.arrow")
    cleaned = [CleanedClip(*values) for values in zip(*read_columns(rows, CleanedClip._fields), strict=True)]
    twins = _twins_outside(rows, found.outside)
    drops = drop_unusable(cleaned, settings.cleaning.min_duration_s, twins)
    dropped = {drop.id for drop in drops}
    kept = [index for index, clip in enumerate(cleaned) if clip.id not in dropped]
    reasons = Counter(drop.reason for drop in drops)
    num_cleaned = count_of(len(cleaned), "clip")
    logger.info("Cleaned %s, kept %d. Dropped: %s.", num_cleaned, len(kept), dict(reasons) or "none")
    if not kept:
        raise EmptySplitError(
            f"No clip is left of {len(cleaned)} after cleaning ({dict(reasons)}). First: {drops[:1]}."
        )
    return take_rows(rows, kept), drops


def _twins_outside(rows: Dataset, outside: Sequence[Clip]) -> dict[str, list[str]]:
    """``sha256`` of a cleaned clip -> the clips of the same bytes outside the scheme, with their emotions."""
    paths, files, sounds = read_columns(rows, ("path", "file_sha256", "sha256"))
    sound_of = {file: sha256 for file, sha256 in zip(files, sounds, strict=True) if sha256}
    sizes = {Path(path).stat().st_size for path, sha256 in zip(paths, sounds, strict=True) if sha256}
    same = find_same_bytes((clip.path for clip in outside), sizes, sound_of.keys())
    twins: dict[str, list[str]] = {}
    for clip in outside:
        if clip.path in same:
            twins.setdefault(sound_of[same[clip.path]], []).append(f"{clip.id} ({clip.emotion})")
    return twins


def transcribe(
    rows: Dataset,
    store: CleanStore,
    settings: BuildSettings,
    *,
    share: Share = EVERYTHING,
    progress: bool = True,
) -> list[HeardText]:
    """Transcribe clips with Whisper, each sound once.

    Args:
        rows: as :func:`prepare` cleaned them.
        store: where they lie.
        settings: of the build that they are for.
        share: what of them this process hears.
        progress: whether to show a progress bar.

    Returns:
        What was heard in each clip of the share, in the order of the rows.
    """
    hashes, files, durations_s = read_columns(rows, ("sha256", "file_sha256", "duration_s"))
    file_of = dict(zip(hashes, files, strict=True))
    transcripts = transcribe_waveforms(
        lambda sha256: store.read_waveform(file_of[sha256]),
        dict(zip(hashes, durations_s, strict=True)),
        settings.transcription,
        settings.resolved_cache_dir,
        share=share,
        progress=progress,
    )
    columns = read_columns(rows, ("id", "corpus", "reference", "sha256"))
    return [
        HeardText(clip_id, corpus, reference, transcripts[sha256])
        for clip_id, corpus, reference, sha256 in zip(*columns, strict=True)
        if sha256 in transcripts
    ]


def add_transcripts(material: Material, settings: BuildSettings) -> Material:
    """Give each clip its ``transcript``, from where the settings say."""
    rows, heard = material.rows, []
    if settings.transcripts == "whisper":
        heard = transcribe(rows, material.store, settings)
        texts = [clip.heard.text for clip in heard]
    else:
        texts = list(rows["reference"]) if settings.transcripts == "reference" else [""] * len(rows)
    rows = add_columns(rows, {"transcript": texts}, Features({"transcript": Value("string")}))
    return replace(material, rows=rows, heard=heard)
