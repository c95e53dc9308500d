"""Plots of scores.  confusion matrix, or probabilities of a split -> PNG"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmser.evaluation.calibration import NUM_BINS, Bin, apply_temperature, compute_bins, compute_ece
from mmser.evaluation.scores import check_confusion_matrix
from mmser.evaluation.writing import replacing

_CELL_INCHES = 0.86
_DOTS_PER_INCH, _SCREEN_DOTS_PER_INCH = 160, 100  # of a file, of what is shown at once
_INK, _FAINT, _STRIPE = "#1f2933", "#7b8794", "#cbd2d9"
_BLUE, _ORANGE = "#2b6cb0", "#c05621"  # as predicted, at the temperature
_RELIABILITY_INCHES = (6.4, 6.6)
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
    _write(draw_confusion_matrix(matrix, classes, title=title), path)


def draw_confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str], *, title: str) -> Figure:
    """The figure that :func:`plot_confusion_matrix` writes, of the same arguments."""
    counts = check_confusion_matrix(matrix, classes)
    side = _CELL_INCHES * len(classes)
    figure = Figure(figsize=(side + 1.9, side + 1.5), dpi=_SCREEN_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    _draw_cells(axes, counts)
    _label_axes(axes, counts, classes)
    axes.set_title(title, loc="left", fontsize=12, color=_INK, pad=12, wrap=True)
    return figure


def plot_reliability(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    path: Path,
    *,
    title: str,
    temperature: float | None = None,
) -> None:
    """Draw accuracy over confidence, bin by bin, and below it how many clips are how sure.

    Args:
        labels: true class indices, (N,).
        probabilities: of the model, (N, C).
        path: PNG file to write.
        title: one line above the plot.
        temperature: the calibrated probabilities are drawn beside the model's own where it is given.
    """
    _write(draw_reliability(labels, probabilities, title=title, temperature=temperature), path)


def draw_reliability(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    *,
    title: str,
    temperature: float | None = None,
) -> Figure:
    """The figure that :func:`plot_reliability` writes, of the same arguments."""
    series = {"as predicted": (np.asarray(probabilities, dtype=np.float64), _BLUE)}
    if temperature is not None:
        series[f"temperature {temperature:.2f}"] = (apply_temperature(probabilities, temperature), _ORANGE)
    figure = Figure(figsize=_RELIABILITY_INCHES, dpi=_SCREEN_DOTS_PER_INCH, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 100), (0, 100), color=_FAINT, linestyle="--", linewidth=1, label="perfect")
    for position, (name, (values, color)) in enumerate(series.items()):
        label = f"{name}: ECE {compute_ece(labels, values):.1f}"
        _draw_reliability(upper, lower, compute_bins(labels, values), (position, len(series)), color, label)
    _label_reliability(upper, lower)
    upper.set_title(title, loc="left", fontsize=12, color=_INK, pad=12, wrap=True)
    return figure


def _write(figure: Figure, path: Path) -> None:
    with replacing(Path(path)) as part:
        FigureCanvasAgg(figure).print_figure(part, format="png", dpi=_DOTS_PER_INCH)


def _draw_reliability(
    upper: Axes, lower: Axes, bins: Sequence[Bin | None], place: tuple[int, int], color: str, label: str
) -> None:
    """One series: a line of accuracies over mean confidences, and its bars of clips, side by side."""
    filled = [each for each in bins if each is not None]
    upper.plot(
        [each.confidence for each in filled],
        [each.accuracy for each in filled],
        color=color,
        marker="o",
        markersize=5,
        linewidth=1.6,
        label=label,
        clip_on=False,
        zorder=3,
    )
    position, number = place
    width = 100 / NUM_BINS
    share = 0.86 * width / number
    lower.bar(
        [(index + 0.07) * width + position * share for index in range(NUM_BINS)],
        [0 if each is None else each.n for each in bins],
        width=share,
        align="edge",
        color=color,
    )


def _label_reliability(upper: Axes, lower: Axes) -> None:
    upper.set_xlim(0, 100)
    upper.set_ylim(0, 100)
    upper.set_ylabel("percent of these clips that are right", fontsize=11, color=_INK)
    upper.legend(loc="upper left", frameon=False, fontsize=10.5, labelcolor=_INK)
    lower.set_ylabel("clips", fontsize=11, color=_INK)
    lower.set_xlabel("confidence: probability of the predicted class, percent", fontsize=11, color=_INK)
    for axes in (upper, lower):
        axes.tick_params(labelsize=10, labelcolor=_INK, color=_STRIPE)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_STRIPE)
        axes.grid(color=_STRIPE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)


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
