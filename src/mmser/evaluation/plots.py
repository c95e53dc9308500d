"""Plots of scores.  confusion matrix -> PNG"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmser.evaluation.scores import check_confusion_matrix
from mmser.evaluation.writing import replacing

_CELL_INCHES = 0.86
_DOTS_PER_INCH = 160
_INK, _FAINT, _STRIPE = "#1f2933", "#7b8794", "#cbd2d9"
_WHITE_TEXT_FROM_PERCENT = 55  # where the colour map is dark enough for white letters


def plot_confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str], path: Path, *, title: str) -> None:
    """Draw a confusion matrix: each cell its share of the true class in percent, and its count below.

    Args:
        matrix: counts, rows true classes, columns predicted ones, (C, C).
        classes: class names in the order of rows and columns.
        path: PNG file to write.
        title: one line above the plot.

    Raises:
        SettingsError: the matrix has another shape, or holds what is no count.
    """
    counts = check_confusion_matrix(matrix, classes)
    side = _CELL_INCHES * len(classes)
    figure = Figure(figsize=(side + 1.9, side + 1.5), dpi=_DOTS_PER_INCH, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_cells(axes, counts)
    _label_axes(axes, counts, classes)
    axes.set_title(title, loc="left", fontsize=12, color=_INK, pad=12, wrap=True)
    with replacing(Path(path)) as part:
        canvas.print_figure(part, format="png")


def _draw_cells(axes: Axes, counts: np.ndarray) -> None:
    num_clips = counts.sum(axis=1, keepdims=True)
    percent = 100.0 * counts / np.maximum(num_clips, 1)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*counts.shape):
        if not num_clips[row]:
            continue
        shown = percent[row, column]
        color = "white" if shown >= _WHITE_TEXT_FROM_PERCENT else (_INK if counts[row, column] else _FAINT)
        weight = "bold" if row == column else "normal"
        axes.text(
            column,
            row - 0.09,
            f"{shown:.1f}",
            ha="center",
            va="center",
            fontsize=12,
            color=color,
            weight=weight,
        )
        axes.text(
            column, row + 0.24, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8, color=color
        )
    for row in np.flatnonzero(num_clips[:, 0] == 0):
        stripe = Rectangle(
            (-0.5, row - 0.5), len(counts), 1, facecolor="none", edgecolor=_STRIPE, hatch="///", lw=0
        )
        axes.add_patch(stripe)


def _label_axes(axes: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    ticks = np.arange(len(classes))
    axes.set_xticks(ticks, classes)
    axes.set_yticks(
        ticks,
        [f"{name}\n{num:,} clips" for name, num in zip(classes, counts.sum(axis=1), strict=True)],
    )
    axes.tick_params(length=0, labelsize=10.5, labelcolor=_INK)
    axes.set_xlabel(
        "predicted class: percent of the true class, clips below", fontsize=11, color=_INK, labelpad=6
    )
    axes.set_ylabel("true class", fontsize=11, color=_INK, labelpad=6)
    axes.set_xticks(ticks[1:] - 0.5, minor=True)
    axes.set_yticks(ticks[1:] - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
