"""Lay out tables and sentences.  header and rows of text -> lines of fixed width, Markdown"""

import textwrap
from collections.abc import Sequence

_GAP = "  "
_LINE_LETTERS = 110


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a terminal; the first column is aligned to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for first, *others in (header, *rows):
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def wrap(*sentences: str) -> str:
    """Lines that a terminal shows whole, a new one for each sentence."""
    return "\n".join(textwrap.fill(text, _LINE_LETTERS, break_long_words=False) for text in sentences)
