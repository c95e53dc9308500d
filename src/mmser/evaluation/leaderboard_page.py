"""Show a leaderboard as a page.  leaderboard -> one HTML file, without a script, that needs no network

The plots are inline SVG in percent of the page's width, so that letters keep their size on a phone; a wide
table scrolls within its own frame.
"""

from html import escape
from pathlib import Path

from mmser.errors import OutputExistsError
from mmser.evaluation.leaderboard import Group, Leaderboard, Row
from mmser.evaluation.leaderboard_text import (
    TITLE,
    WRITTEN_BY,
    foot,
    header,
    headline,
    notes,
    number,
    render_markdown,
    rows,
)
from mmser.evaluation.writing import replacing

_ROW_PX, _NAME_PX, _BAR_PX, _AXIS_PX = 46, 14, 26, 22  # height of a row; in it, its name and its bar
_TICKS = (0, 20, 40, 60, 80, 100)
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --faint: #616e7c; --line: #cbd2d9; --bar: #2f6fb0;
  --published: #c2410c; --warn: #9b1c1c; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --faint: #9aa5b1; --line: #3e4c59;
  --bar: #6aa9e9; --published: #fb923c; --warn: #fca5a5; --page: #12181f; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; } .leaks { color: var(--warn); }
p { max-width: 46rem; } .foot { color: var(--faint); font-size: .87rem; }
svg { width: 100%; max-width: 46rem; display: block; overflow: visible; margin: .6rem 0; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); } svg .faint { fill: var(--faint); }
.grid { stroke: var(--line); } .bar { fill: var(--bar); opacity: .35; } .whisker { stroke: var(--ink); }
.dot { fill: var(--bar); } .published { stroke: var(--published); stroke-width: 3; }
.frame { overflow-x: auto; } table { border-collapse: collapse; font-size: .87rem; }
td, th { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; position: sticky; left: 0; background: var(--page);
  white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
th { white-space: normal; vertical-align: bottom; }
"""


def render_html(board: Leaderboard) -> str:
    """A whole page: for each group its plot and its table."""
    title = escape(f"{TITLE}: {board.view.title}")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *(_section(group) for group in board.groups),
        *(f'<p class="foot">{_prose(text)}</p>' for text in (*foot(board), WRITTEN_BY)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def write_leaderboard(folder: Path, board: Leaderboard) -> list[Path]:
    """Write leaderboard.md and leaderboard.html, in the place of earlier ones.

    Args:
        folder: made where it is missing; what else it holds stays.
        board: the leaderboard.

    Returns:
        The two paths.

    Raises:
        OutputExistsError: the folder is a file, or a file of these names is no leaderboard.
    """
    contents = {
        folder / "leaderboard.md": render_markdown(board),
        folder / "leaderboard.html": render_html(board),
    }
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder}: is a file, expected a folder for the leaderboard.")
    for path in contents:
        if path.exists() and _prose(WRITTEN_BY) not in _prose(path.read_text("utf-8", errors="replace")):
            raise OutputExistsError(f"{path}: is no leaderboard that mmser wrote. Choose another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        with replacing(path) as part:
            part.write_text(content, encoding="utf-8")
    return list(contents)


def _prose(text: str) -> str:
    return escape(text.replace("`", ""))


def _section(group: Group) -> str:
    mark = ' class="leaks"' if group.leaks else ""
    warnings = [f"<p{mark}>{_prose(text)}</p>" for text in notes(group)]
    return "\n".join([f"<h2{mark}>{escape(headline(group))}</h2>", *warnings, _plot(group), _table(group)])


def _table(group: Group) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header(group))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>\n" for cells in rows(group)
    )
    return f'<div class="frame"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _plot(group: Group) -> str:
    """UA of each system as a bar with its interval; a stroke where a published UA stands."""
    height = _ROW_PX * len(group.rows) + _AXIS_PX
    has_published = any(row.published and row.published.ua is not None for row in group.rows)
    legend = "UA in percent, with its interval" + (
        "; upright stroke: the published UA, * where it is not like for like" if has_published else ""
    )
    ends = {_TICKS[0]: "start", _TICKS[-1]: "end"}
    ticks = "".join(
        f'<line class="grid" x1="{tick}%" x2="{tick}%" y1="0" y2="{height - _AXIS_PX}"/>'
        f'<text class="faint" x="{tick}%" y="{height - 6}" text-anchor="{ends.get(tick, "middle")}">{tick}'
        "</text>"
        for tick in _TICKS
    )
    bars = "".join(_bar(row, position * _ROW_PX) for position, row in enumerate(group.rows))
    return f'<svg height="{height}" role="img" aria-label="{escape(legend)}">{ticks}{bars}</svg>\n' + (
        f'<p class="foot">{escape(legend)}</p>'
    )


def _bar(row: Row, top: int) -> str:
    ua = row.scores["ua"]
    published = row.published.ua if row.published else None
    middle = top + _BAR_PX
    said = f"{row.name}  {number(ua)}"
    stroke = ""
    if published is not None:
        said += f", published {number(published)}{'' if row.alike else '*'}"
        stroke = _line("published", (published, published), (middle - 8, middle + 8))
    return (
        f'<text x="2" y="{top + _NAME_PX}">{escape(said)}</text>'
        f'<rect class="bar" x="0" y="{middle - 6}" width="{ua:.2f}%" height="12"/>'
        + (_whisker(row.interval, middle) if row.interval else "")
        + f'<circle class="dot" cx="{ua:.2f}%" cy="{middle}" r="4"/>{stroke}\n'
    )


def _whisker(interval: tuple[float, float], middle: int) -> str:
    ends = "".join(_line("whisker", (end, end), (middle - 4, middle + 4)) for end in interval)
    return _line("whisker", interval, (middle, middle)) + ends


def _line(kind: str, x: tuple[float, float], y: tuple[int, int]) -> str:
    return f'<line class="{kind}" x1="{x[0]:.2f}%" x2="{x[1]:.2f}%" y1="{y[0]}" y2="{y[1]}"/>'
