"""Put a leaderboard into words.  leaderboard -> text for a terminal, Markdown"""

from collections.abc import Sequence

from mmser.evaluation.bootstrap import LEVEL, NUM_RESAMPLES
from mmser.evaluation.layout import markdown_table, text_table, wrap
from mmser.evaluation.leaderboard import Group, Leaderboard, Row, View
from mmser.evaluation.published import Published

TITLE = "Leaderboard"
WRITTEN_BY = "Written by `mmser leaderboard`."
_DASH = "-"
_EXPLANATION = (
    "Percent. UA is the mean of the class recalls, WA the share of clips that are right, F1 the mean over "
    f"classes; the interval holds {100 * LEVEL:.0f} % of {NUM_RESAMPLES:,} resamples of the test speakers. "
    "Rows are ranked by UA+WA within their group. Groups differ in protocol, classes, corpora or test clips "
    "and are not to be compared. Train: seconds of fitting alone, all folds; features and embeddings are "
    "cached."
)
STAR = (
    "* not like for like: the published figure was measured under another protocol, on other corpora or on "
    "another number of clips, so the difference is not that of the systems alone."
)
_ONE_SPEAKER = (
    "No interval (-): the test clips are of one speaker, who cannot be resampled, so nothing is known of "
    "how far the scores would move with others."
)
_ELSEWHERE = (
    "Rows that say what they were trained on are models of another corpus folder: the protocol and the folds "
    "above are those of the test clips, and they may have been trained on more, on less or under another "
    "protocol than the rest."
)


def render_terminal(board: Leaderboard) -> str:
    """Lines of fixed width, a table a group."""
    parts = [f"{TITLE}: {board.view.title}"]
    for group in board.groups:
        above = wrap(headline(group), *notes(group))
        parts.append(f"{above}\n\n{text_table(header(group), rows(group))}")
    return "\n\n".join([*parts, *map(wrap, foot(board))])


def render_markdown(board: Leaderboard) -> str:
    """A page of Markdown, a section a group."""
    parts = [f"# {TITLE}: {board.view.title}"]
    for group in board.groups:
        parts += [f"## {headline(group)}", *notes(group), markdown_table(header(group), rows(group))]
    return "\n\n".join([*parts, *foot(board), WRITTEN_BY]) + "\n"


def headline(group: Group) -> str:
    """One line that says what the rows of a group have in common."""
    parts = [f"protocol {group.protocol}{' (LEAKS)' if group.leaks else ''}", group.folds]
    parts += [f"scheme {group.scheme}", f"corpora {', '.join(group.corpora)}"]
    parts.append(f"{group.num_clips:,} test clips [{group.clips}]")
    text = ", ".join(part for part in parts if part)
    return text[0].upper() + text[1:]


def notes(group: Group) -> list[str]:
    """What a reader of a group must know before its figures."""
    found = []
    if group.leaks:
        leaks = group.found_leaks
        more = f" (and {len(leaks) - 1} more)" if len(leaks) > 1 else ""
        found.append(f"LEAKS: these scores are too high and are not ranked with others. {leaks[0]}{more}")
    if group.absent:
        found.append(f"Without a test clip, and left out of UA and F1: {', '.join(group.absent)}.")
    if any(row.trained_elsewhere for row in group.rows):
        found.append(_ELSEWHERE)
    return found


def header(group: Group) -> list[str]:
    """Names of the columns."""
    return [
        *("system", "rank", "UA", "WA", "UA+WA", "F1", f"{100 * LEVEL:.0f} % of UA"),
        *(["UA w/o TESS"] if group.has_tess else []),
        *("parameters", "train s", "published UA / WA", "difference"),
    ]


def rows(group: Group) -> list[list[str]]:
    """The cells below ``header``, the best system first."""
    return [_cells(rank, row, group) for rank, row in enumerate(group.rows, start=1)]


def foot(board: Leaderboard) -> list[str]:
    """What the figures mean, and how the published ones were measured."""
    found = [_EXPLANATION]
    compared = [row for group in board.groups for row in group.rows if row.published]
    if compared:
        found.append(explain_published([row.published for row in compared if row.published]))
    elif board.view != View():
        found.append("No published figure of these systems was measured on such clips.")
    if not all(row.alike for row in compared):
        found.append(STAR)
    if any(row.interval is None for group in board.groups for row in group.rows):
        found.append(_ONE_SPEAKER)
    if board.left_out:
        names = ", ".join(f"{run.metrics['system']} ({run.name()})" for run in board.left_out)
        found.append(f"Left out, for they have no such clip: {names}.")
    return found


def explain_published(figures: Sequence[Published]) -> str:
    """How published figures were measured, each circumstance once."""
    systems: dict[str, list[str]] = {}
    for each in dict.fromkeys(figures):
        systems.setdefault(_circumstances(each), []).append(each.name)
    told = [f"{circumstances} ({', '.join(names)})" for circumstances, names in systems.items()]
    extra = [
        f"{each.name}: {text}" for each in dict.fromkeys(figures) for text in (each.other, each.note) if text
    ]
    return f"Published: {'; '.join(told)}." + (f" Notes: {'; '.join(extra)}." if extra else "")


def number(value: float | None, *, signed: bool = False) -> str:
    """Two digits, or a dash."""
    if value is None:
        return _DASH
    return f"{value:+.2f}" if signed else f"{value:.2f}"


def pair(first: float | None, second: float | None, *, signed: bool = False) -> str:
    """UA / WA, or a dash where there is neither."""
    if first is None and second is None:
        return _DASH
    return f"{number(first, signed=signed)} / {number(second, signed=signed)}"


def _circumstances(figures: Published) -> str:
    classes = f"scheme {' or '.join(figures.schemes)}" if figures.schemes else "classes not stated"
    return f"{figures.source}: {', '.join(figures.corpora)}, {classes}, {figures.measured}"


def _cells(rank: int, row: Row, group: Group) -> list[str]:
    scores, metrics = row.scores, row.run.metrics
    interval = f"{row.interval[0]:.1f} to {row.interval[1]:.1f}" if row.interval else _DASH
    rest = scores["without_tess"]["ua"] if group.has_tess else None
    parameters, seconds = metrics["num_parameters"], metrics["seconds"].get("train")
    difference = pair(row.difference("ua"), row.difference("wa"), signed=True)
    star = "*" if difference != _DASH and not row.alike else ""
    figures = row.published
    return [
        *(row.name, str(rank), number(scores["ua"]), number(scores["wa"]), number(scores["ua_plus_wa"])),
        *(number(scores["macro_f1"]), interval),
        *([number(rest)] if group.has_tess else []),
        _DASH if parameters is None else f"{parameters:,}",
        _DASH if seconds is None else f"{seconds:,.1f}",
        pair(figures.ua, figures.wa) if figures else _DASH,
        f"{difference}{star}",
    ]
