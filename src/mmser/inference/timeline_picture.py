"""Draw emotion over time.  timeline -> matplotlib figure, PNG"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from mmser.evaluation.writing import replacing
from mmser.inference.coarsening import coarsen
from mmser.inference.prediction import UNCERTAIN
from mmser.inference.segments import average_windows, cut_span, rows_of_parts
from mmser.inference.timeline import Timeline
from mmser.inference.timeline_files import NO_SPEECH, name_label

_INCHES, _DOTS_PER_INCH = (11.0, 5.6), 150
_INK, _FAINT, _SILENCE, _UNSURE = "#1f2933", "#7b8794", "#eef1f4", "#b8c2cc"
_WAVE = "#52606d"
_LEVEL_COLUMNS = 1200
_TICKS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_LEAST_DB = -60.0
_LEAST_NAMED_INCHES = 0.5  # for a name of seven letters to fit into a segment
_LEGEND_ENTRY_INCHES = 1.05
_COLOURS = {  # apart from one another also for the colour-blind, as far as eight can be
    "angry": "#d1495b",
    "bored": "#8d99ae",
    "calm": "#3a7ca5",
    "disgust": "#6a994e",
    "excited": "#f4a259",
    "fearful": "#7b4b94",
    "frustrated": "#9c6644",
    "happy": "#f2c14e",
    "neutral": "#adb5bd",
    "sad": "#274c77",
    "surprised": "#2ec4b6",
}
_OTHERS = ("#e07a5f", "#81b29a", "#3d405b", "#f2cc8f", "#118ab2", "#ef476f")


def colour_classes(classes: Sequence[str]) -> dict[str, str]:
    """Class -> its colour, the same in every picture; emotions that have none of their own share a few."""
    others = [name for name in classes if name not in _COLOURS]
    return {name: _COLOURS.get(name) or _OTHERS[others.index(name) % len(_OTHERS)] for name in classes}


def draw_timeline(
    timeline: Timeline, *, title: str | None = None, inches: tuple[float, float] = _INCHES
) -> Figure:
    """Draw three bands over one axis of time: the labels, the probabilities, the sound.

    Args:
        timeline: of any length.
        title: one line above; the name of the recording if None.
        inches: width and height.

    Returns:
        A figure. Where nobody speaks the ground is pale grey; where the model is not sure
        enough the label is grey. Of recordings that last longer than can be seen
        (:func:`mmser.inference.coarsening.coarsen`) columns are shown, and the title says how long each is.
    """
    given = timeline
    timeline, cell_s = coarsen(given)
    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    bands = figure.subplots(3, 1, sharex=True, height_ratios=(0.7, 3.2, 1.2))
    colours = colour_classes(timeline.classes)
    for axes in bands:
        _mark_silence(axes, timeline)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK, labelsize=9)
    _draw_labels(bands[0], timeline, colours, _LEAST_NAMED_INCHES / inches[0])
    _draw_probabilities(bands[1], timeline, cell_s, colours)
    _draw_levels(bands[2], timeline)
    bands[2].set_xlim(0, timeline.duration_s)
    bands[2].xaxis.set_major_locator(MultipleLocator(_choose_tick_s(timeline.duration_s, inches[0])))
    bands[2].xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_time(value)))
    bands[2].set_xlabel("time", fontsize=10, color=_INK)
    name = Path(timeline.source).name if title is None else title
    if timeline is not given:
        name += f"   (a column is {cell_s:.0f} s, its label the one that lasts longest)"
    bands[0].set_title(name, loc="left", fontsize=12, color=_INK, pad=10)
    _add_legend(figure, timeline, colours, inches[0])
    return figure


def write_picture(timeline: Timeline, path: Path) -> None:
    """Write :func:`draw_timeline` as PNG; an older file is replaced at the end."""
    with replacing(path) as part:
        draw_timeline(timeline).savefig(part, format="png")


def format_time(seconds: float, *, digits: int = 0) -> str:
    """75 -> "1:15", 3675 -> "1:01:15"; with one digit 12.54 -> "0:12.5"."""
    minutes, rest = divmod(round(seconds, digits), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _choose_tick_s(duration_s: float, width_inches: float) -> float:
    """The shortest usual distance of ticks that leaves an inch to each."""
    return next((each for each in _TICKS_S if duration_s / each <= width_inches), _TICKS_S[-1])


def _mark_silence(axes: Axes, timeline: Timeline) -> None:
    silent = [segment for segment in timeline.segments if not segment.speech]
    spans = [(segment.start_s, segment.duration_s) for segment in silent]
    axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), color=_SILENCE, zorder=0, lw=0)


def _draw_labels(axes: Axes, timeline: Timeline, colours: dict[str, str], least_share: float) -> None:
    """A bar a segment of speech, named where seven letters take at most that share of the width."""
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(bottom=False)
    spans: dict[str, list[tuple[float, float]]] = {}
    for segment in (each for each in timeline.segments if each.speech):
        colour = colours.get(segment.label or "", _UNSURE)
        spans.setdefault(colour, []).append((segment.start_s, segment.duration_s))
        name = name_label(segment)
        if segment.duration_s / timeline.duration_s >= least_share * len(name) / 7:
            middle = (segment.start_s + segment.end_s) / 2
            ink = "white" if np.dot(to_rgb(colour), (0.3, 0.59, 0.11)) < 0.6 else _INK
            axes.text(middle, 0.5, name, ha="center", va="center", fontsize=9, color=ink)
    for colour, bars in spans.items():
        axes.broken_barh(bars, (0.08, 0.84), color=colour, lw=0)


def _draw_probabilities(axes: Axes, timeline: Timeline, cell_s: float, colours: dict[str, str]) -> None:
    """A stack of all classes, with gaps where nobody speaks or nothing was predicted."""
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability", fontsize=10, color=_INK)
    cells = average_windows(timeline.windows, timeline.duration_s, cell_s, timeline.classes)
    edges, heights = [np.zeros(1)], [np.zeros((1, len(timeline.classes)))]  # each holds to the next edge
    for span in timeline.speech:
        borders = cut_span(*span, cell_s)
        edges.append(borders)
        heights += [rows_of_parts(borders, cells, cell_s), heights[0]]
    columns = np.nan_to_num(np.concatenate(heights)).T
    colours_in_order = [colours[name] for name in timeline.classes]
    axes.stackplot(np.concatenate(edges), columns, step="post", colors=colours_in_order, lw=0)


def _draw_levels(axes: Axes, timeline: Timeline) -> None:
    """The loudest of each column, in decibels."""
    step = max(1, len(timeline.levels_db) // _LEVEL_COLUMNS)
    starts = np.arange(0, len(timeline.levels_db), step)
    if len(starts):
        loudest = np.maximum(np.maximum.reduceat(timeline.levels_db, starts), _LEAST_DB)
        times = np.minimum((starts + step / 2) / 100, timeline.duration_s)
        axes.fill_between(times, loudest, _LEAST_DB, color=_WAVE, lw=0)
    axes.set_ylim(_LEAST_DB, 0)
    axes.set_yticks([_LEAST_DB, _LEAST_DB / 2, 0])
    axes.set_ylabel("level, dB", fontsize=10, color=_INK)


def _add_legend(figure: Figure, timeline: Timeline, colours: dict[str, str], width_inches: float) -> None:
    entries = {**colours, UNCERTAIN: _UNSURE, NO_SPEECH: _SILENCE}
    patches = [
        Patch(facecolor=colour, edgecolor=_FAINT if name == NO_SPEECH else "none", lw=0.5, label=name)
        for name, colour in entries.items()
    ]
    columns = min(len(patches), int(width_inches / _LEGEND_ENTRY_INCHES))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
