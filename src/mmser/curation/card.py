"""Describe a corpus for the Hub.  what a build found -> README.md."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from mmser.corpora import get_corpus
from mmser.curation.filtering import Drop
from mmser.curation.schema import DATA_FOLDER, SPLITS
from mmser.curation.splitting import get_protocol
from mmser.curation.tables import TITLES, Table
from mmser.curation.word_errors import TRANSCRIPTS_CSV, list_lines


def make_card(record: Mapping[str, Any], tables: Mapping[str, Table], drops: Sequence[Drop]) -> str:
    """Write the card of a corpus.

    Args:
        record: what corpus.json holds.
        tables: as :func:`mmser.curation.tables.make_tables` gives them.
        drops: every clip that was left out.

    Returns:
        Markdown with a YAML header that the Hub, and ``datasets``, read.
    """
    sections = [
        _front_matter(record),
        _summary(record),
        _leaks(record),
        _corpora(record),
        *(f"## {TITLES[name]}\n\n{_markdown(table)}" for name, table in tables.items()),
        *_transcripts(record),
        _drops(drops),
        _settings(record["settings"]),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(record: Mapping[str, Any]) -> str:
    settings = record["settings"]
    files = [{"split": split, "path": f"{DATA_FOLDER}/{split}-*.parquet"} for split in SPLITS]
    header = {
        "pretty_name": f"Emotional speech, {settings['scheme']}, protocol {settings['protocol']}",
        "task_categories": ["audio-classification"],
        "tags": ["speech-emotion-recognition", "mmser"],
        "language": sorted({code for info in record["corpora"].values() for code in info["languages"]}),
        "license": "other",
        "license_name": "terms-of-each-corpus",
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"


def _summary(record: Mapping[str, Any]) -> str:
    settings, counts = record["settings"], record["counts"]
    folds = f", fold {settings['fold']} of {settings['folds']}" if settings["folds"] > 1 else ""
    splits = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)
    return (
        f"# Emotional speech in {len(record['classes'])} classes\n\n"
        f"Classes: {', '.join(record['classes'])} (scheme `{settings['scheme']}`).\n"
        f"Protocol: `{settings['protocol']}`{folds}. {get_protocol(settings['protocol']).summary}\n"
        f"Clips: {counts['read']:,} read, {counts['relabel']:,} of the chosen classes,"
        f" {counts['clean']:,} after cleaning; {splits} (copies included).\n"
        f"Fingerprint: `{record['fingerprint']}`.\n\n"
        "Clips are 16 kHz mono FLAC, denoised, with silence cut. Rows with an `augmentation` are altered"
        " copies of `source_id`. Open with `mmser.load_corpus(folder)`, which decodes no audio, and"
        ' `mmser.curation.schema.decode_audio(row["audio"])`.'
    )


def _leaks(record: Mapping[str, Any]) -> str:
    leaks = _bullets(record["leaks"]) if record["leaks"] else "None: every promise of the protocol is kept."
    text = f"## Leaks\n\nPromised and checked: {', '.join(record['promises'])}.\n\n{leaks}"
    if record["notes"]:
        text += f"\n\nNot promised by the protocol, and so only noted:\n\n{_bullets(record['notes'])}"
    if record["remarks"]:
        text += f"\n\n## Remarks\n\n{_bullets(record['remarks'])}"
    return text


def _corpora(record: Mapping[str, Any]) -> str:
    lines = [
        f"**{info['title']}** (`{name}`): licence {info['license']}. {info['citation']}".rstrip()
        for name, info in record["corpora"].items()
    ]
    text = f"## Corpora\n\n{_bullets(lines)}"
    if record["missing_corpora"]:
        missing = [get_corpus(name).info for name in record["missing_corpora"]]
        lines = [f"**{info.title}** (`{info.name}`): {info.how_to_get}" for info in missing]
        text += f"\n\nAsked for and not there:\n\n{_bullets(lines)}"
    absent = [f"{split}: {', '.join(names)}" for split, names in record["absent_corpora"].items() if names]
    if absent:
        text += f"\n\nCorpora without a clip in a split:\n\n{_bullets(absent)}"
    return text


def _transcripts(record: Mapping[str, Any]) -> list[str]:
    heard = record["heard"]
    if not heard["clips"]:
        return []
    about = f"What Whisper heard in each clip, with its scores, is in `{TRANSCRIPTS_CSV}`."
    return [f"## Transcripts\n\n{about}\n\n{_bullets(list_lines(heard))}"]


def _drops(drops: Sequence[Drop]) -> str:
    counts = Counter((drop.step, drop.reason) for drop in drops)
    table: Table = [["step", "reason", "clips"], *([*key, count] for key, count in sorted(counts.items()))]
    return f"## Left out\n\nEach clip is named in `dropped.csv`.\n\n{_markdown(table)}"


def _settings(settings: Mapping[str, Any]) -> str:
    return f"## Settings\n\n```yaml\n{yaml.safe_dump(dict(settings), sort_keys=False)}```"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _markdown(table: Table) -> str:
    header, *rows = [[str(cell) for cell in row] for row in table]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
