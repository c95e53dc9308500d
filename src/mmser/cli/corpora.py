"""`mmser corpora`: which corpora mmser reads, under what licence, and how to get them."""

import argparse
import json
from typing import Any

_COLUMNS = ("name", "title", "language", "licence", "speakers", "clips")
_FIGURES = ("speakers", "clips")
_BELOW = {"emotions": "emotions", "page": "page", "how_to_get": "get it"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "corpora",
        help="the corpora that mmser reads, and how to get them",
        description="List the corpora that mmser reads: published figures, licence and how to get each. "
        "A table of your own is read as well: `mmser build --corpora csv:PATH`.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, one object a corpus")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = _list_corpora()
    print(json.dumps(rows, indent=2, ensure_ascii=False) if arguments.json else _draw_table(rows))
    return 0


def _list_corpora() -> list[dict[str, Any]]:
    from mmser.corpora import CORPORA

    return [
        {
            "name": corpus.info.name,
            "title": corpus.info.title,
            "language": corpus.info.language,
            "licence": corpus.info.license,
            "speakers": corpus.info.num_speakers,
            "clips": corpus.info.num_clips,
            "emotions": sorted(corpus.emotions),
            "page": corpus.info.url,
            "downloadable": corpus.info.source is not None,
            "how_to_get": corpus.info.how_to_get,
            "citation": corpus.info.citation,
        }
        for corpus in CORPORA.values()
    ]


def _draw_table(rows: list[dict[str, Any]]) -> str:
    """A line of columns for each corpus, and below it what is too long for a column."""
    cells = [{name: name for name in _COLUMNS}] + [
        {name: f"{row[name]:,}" if name in _FIGURES else row[name] for name in _COLUMNS} for row in rows
    ]
    widths = {name: max(len(row[name]) for row in cells) for name in _COLUMNS}
    lines = [
        "  ".join(
            row[name].rjust(widths[name]) if name in _FIGURES else row[name].ljust(widths[name])
            for name in _COLUMNS
        )
        for row in cells
    ]
    indent = " " * (widths["name"] + 2)
    drawn = lines[:1]
    for row, line in zip(rows, lines[1:], strict=True):
        drawn.append(line)
        for name, title in _BELOW.items():
            text = ", ".join(row[name]) if isinstance(row[name], list) else row[name]
            drawn.append(f"{indent}{title}: {text}")
    return "\n".join(drawn)
