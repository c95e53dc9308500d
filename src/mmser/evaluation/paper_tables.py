"""Print tables 6, 8 and 9 of Sharma from runs.  leaderboard -> measured figures beside the published ones

- Table 6: the baselines, eight classical classifiers, MobileNetV2 and CNN 1-D: WA and UA.
- Table 8: HuBERT alone and HuBERT + BERT, beside the best three baselines. The paper's class recalls are not
  known, so ours stand alone.
- Table 9: the benchmark on RAVDESS. Scores of runs are over their RAVDESS clips; the figures of the
  neighbouring papers are theirs, under splits and classes of their own.

A run stands on the line of a published figure that the leaderboard would show beside it
(``published.find_published``), with a star where the two are not like for like. Other runs of the named
systems follow below with a dash for the paper. So do, in tables 8 and 9, runs of all systems that have no
line in table 6: other encoders, other networks, and SVM, LDA and the like.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mmser.errors import EmptySplitError, UnknownNameError
from mmser.evaluation.collecting import Run
from mmser.evaluation.layout import text_table, wrap
from mmser.evaluation.leaderboard import Group, Row, View, build_leaderboard
from mmser.evaluation.leaderboard_text import STAR, explain_published, headline, notes, number
from mmser.evaluation.published import (
    BASELINES,
    RAVDESS_BENCHMARK,
    TRANSFORMERS,
    Published,
    published_name,
)

_NUM_BEST_BASELINES = 3
_FOOT = (
    "Percent. Published WA, UA and their sum stand first, those of the runs after them. Runs below the last "
    "published line are of other systems, classes, corpora or sizes, or of models trained elsewhere."
)


@dataclass(frozen=True)
class PaperTable:
    """What a table of the paper holds.

    Attributes:
        title: what it shows.
        published: its rows.
        view: the clips that ours are scored over.
        others: whether runs of systems that neither it nor table 6 names follow below.
        recalls: whether recalls of the classes are columns.
    """

    title: str
    published: tuple[Published, ...]
    view: View
    others: bool
    recalls: bool


def _best_baselines() -> tuple[Published, ...]:
    best = sorted(BASELINES, key=lambda row: row.ua_plus_wa or 0.0)[-_NUM_BEST_BASELINES:]
    return tuple(best)


TABLES = {
    "6": PaperTable("Table 6: baselines", BASELINES, View(), others=False, recalls=False),
    "8": PaperTable(
        "Table 8: speech alone, and speech and text, beside the best baselines",
        (*_best_baselines(), *TRANSFORMERS),
        View(),
        others=True,
        recalls=True,
    ),
    "9": PaperTable("Table 9: RAVDESS", RAVDESS_BENCHMARK, View(only="ravdess"), others=True, recalls=False),
}


def render_paper_table(number_of_table: str, runs: Sequence[Run]) -> str:
    """Lay a table out, once for each group of runs that may be compared.

    Args:
        number_of_table: "6", "8" or "9".
        runs: of any systems; those that the table has no row for are passed by.

    Returns:
        Lines of fixed width: published figures and those of the runs, a dash where there is none.

    Raises:
        UnknownNameError: there is no such table.
    """
    if number_of_table not in TABLES:
        raise UnknownNameError("table", number_of_table, TABLES)
    table = TABLES[number_of_table]
    fitting = [run for run in runs if _is_named(run, table.published) or _follows(run, table)]
    groups = _find_groups(fitting, table.view)
    parts = [table.title]
    for group in groups:
        parts.append(f"{wrap(headline(group), *notes(group))}\n\n{_lay_out(table, group.rows)}")
    if not groups:
        clips = f", {table.view.title}" if table.view.only else ""
        parts += [f"There is no run of these systems{clips}.", _lay_out(table, ())]
    starred = any(
        row.published in table.published and not row.alike for group in groups for row in group.rows
    )
    parts += [wrap(_FOOT), *([wrap(STAR)] if starred else []), wrap(explain_published(table.published))]
    return "\n\n".join(parts)


def _find_groups(runs: Sequence[Run], view: View) -> tuple[Group, ...]:
    try:
        return build_leaderboard(runs, view).groups
    except EmptySplitError:
        return ()


def _lay_out(table: PaperTable, rows: Sequence[Row]) -> str:
    classes = sorted({name for row in rows for name in row.scores["recall"]}) if table.recalls else []
    header = ["system", "WA", "UA", "UA+WA", "run", "WA", "UA", "UA+WA", *(name[:5] for name in classes)]
    lines = []
    for figures in table.published:
        own = [row for row in rows if row.published == figures]
        lines += [_cells(figures, row, classes) for row in own] or [_cells(figures, None, classes)]
    others = [row for row in rows if row.published not in table.published]
    return text_table(header, lines + [_cells(None, row, classes) for row in others])


def _is_named(run: Run, figures: Sequence[Published]) -> bool:
    return published_name(run.metrics["system"]) in {row.system for row in figures}


def _follows(run: Run, table: PaperTable) -> bool:
    """Whether a run that the table does not name stands below it: no system of table 6 does."""
    return table.others and not _is_named(run, BASELINES)


def _cells(figures: Published | None, row: Row | None, classes: Sequence[str]) -> list[str]:
    name = figures.name if figures else row.run.metrics["system"] if row else ""
    if figures and figures.paper != "Sharma":
        name += f" ({figures.paper})"
    keys = ("wa", "ua", "ua_plus_wa")
    scores = row.scores if row else {"recall": {}}
    return [
        name,
        *(number(getattr(figures, key, None)) for key in keys),
        f"{row.name}{'*' if figures and not row.alike else ''}" if row else "-",
        *(number(scores.get(key)) for key in keys),
        *(number(scores["recall"].get(each)) for each in classes),
    ]
