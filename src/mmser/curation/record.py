"""Say what a build did.  settings, plan and counts -> corpus.json, tables, dropped.csv, card"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmser import __version__
from mmser.corpora import Clip, CorpusInfo
from mmser.curation.card import make_card
from mmser.curation.filtering import Drop
from mmser.curation.schema import CORPUS_JSON, SCHEMA_VERSION, SPLITS
from mmser.curation.settings import BuildSettings
from mmser.curation.tables import Counts, Table, describe_counts
from mmser.curation.writing import write_dropped, write_table
from mmser.labels import get_scheme

_TABLES_FOLDER = "tables"


def list_remarks(clips: Iterable[Clip], infos: Sequence[CorpusInfo], settings: BuildSettings) -> list[str]:
    """Say what whoever uses a corpus must know of its sources under these settings."""
    remarks = []
    if settings.transcripts == "whisper":
        for info in infos:
            foreign = [code for code in _languages(info) if code != settings.language]
            if foreign:
                remarks.append(
                    f"{info.name} is spoken in {' and '.join(map(repr, foreign))} and transcribed as"
                    f" {settings.language!r}: do not trust its transcripts. Build it apart with --language"
                    f" {foreign[0]}, or take --transcripts reference or none."
                )
    if get_scheme(settings.scheme).multi_label:
        rated = {clip.corpus for clip in clips if clip.heard}
        unrated = sorted({info.name for info in infos} - rated)
        if unrated:
            remarks.append(f"One class a clip, since there are no raters' votes: {', '.join(unrated)}.")
    return remarks


def make_record(
    settings: BuildSettings, infos: Sequence[CorpusInfo], counts: Counts, drops: Iterable[Drop]
) -> dict[str, Any]:
    """Return what corpus.json says of settings, sources and counts."""
    cleaned = counts["clean"].clips.keys()
    return {
        "schema_version": SCHEMA_VERSION,
        "mmser_version": __version__,
        "classes": list(get_scheme(settings.scheme).classes),
        "settings": settings.to_dict(sorted(counts["read"].clips)),
        "corpora": {info.name: _describe_corpus(info) for info in infos},
        **describe_counts(counts),
        "dropped": dict(sorted(Counter(drop.reason for drop in drops).items())),
        "absent_corpora": {split: sorted(cleaned - counts[split].clips.keys()) for split in SPLITS},
    }


def write_record(
    folder: Path, record: Mapping[str, Any], tables: Mapping[str, Table], drops: Iterable[Drop]
) -> None:
    """Write corpus.json, tables, dropped.csv and README.md."""
    drops = sorted(drops)
    (folder / _TABLES_FOLDER).mkdir()
    for name, table in tables.items():
        write_table(folder / _TABLES_FOLDER / f"{name}.csv", table)
    write_dropped(folder / "dropped.csv", drops)
    (folder / "README.md").write_text(make_card(record, tables, drops), encoding="utf-8")
    (folder / CORPUS_JSON).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _describe_corpus(info: CorpusInfo) -> dict[str, Any]:
    """What a card says of a corpus, also where the table that it came from is gone."""
    return {
        "title": info.title,
        "languages": _languages(info),
        "license": info.license,
        "citation": info.citation,
    }


def _languages(info: CorpusInfo) -> list[str]:
    return [code for code in info.language.split(", ") if code]
