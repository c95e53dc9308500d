"""Look at what a system gets wrong.  predictions frame -> answers, confusions, scores of speakers; figures"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmser.evaluation.calibration import apply_temperature
from mmser.evaluation.predictions import classes_of, label_indices, predicted_indices, probabilities_of
from mmser.evaluation.scores import compute_confusion_matrix, compute_recalls

_INK, _FAINT, _STRIPE = "#1f2933", "#7b8794", "#e4e8ec"
_BLUE, _ORANGE = "#0072b2", "#d55e00"  # apart for the colour-blind
_ROW_INCHES = 0.3


def list_answers(frame: pd.DataFrame, *, temperature: float = 1.0) -> pd.DataFrame:
    """Say of each clip what was predicted, and how sure.

    Args:
        frame: a predictions frame.
        temperature: that calibrates the probabilities, as the recognizer does; 1 leaves them as they are.

    Returns:
        A row a clip, in the same order: ``id``, ``corpus``, ``speaker``, ``label``, ``predicted``, ``right``,
        ``confidence`` (the probability of the prediction) and ``given_to_label`` (that of the true class).
    """
    classes, predicted = classes_of(frame), predicted_indices(frame)
    values = apply_temperature(probabilities_of(frame), temperature)
    rows = np.arange(len(frame))
    return frame.loc[:, ["id", "corpus", "speaker", "label"]].assign(
        predicted=[classes[index] for index in predicted],
        right=predicted == label_indices(frame),
        confidence=values[rows, predicted],
        given_to_label=values[rows, label_indices(frame)],
    )


def count_confusions(answers: pd.DataFrame) -> pd.DataFrame:
    """Count the mistakes of each kind, the most frequent first.

    Args:
        answers: as :func:`list_answers` gives them.

    Returns:
        ``label``, ``predicted``, ``clips``, and ``percent`` of the clips of the true class.
    """
    wrong = answers[~answers["right"]]
    counts = wrong.groupby(["label", "predicted"]).size().rename("clips").reset_index()
    percent = 100 * counts["clips"] / answers["label"].value_counts().reindex(counts["label"]).to_numpy()
    order = ["clips", "label", "predicted"]
    return counts.assign(percent=percent).sort_values(order, ascending=[False, True, True], ignore_index=True)


def score_groups(answers: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """Count clips and right answers of each group.

    Args:
        answers: as :func:`list_answers` gives them.
        by: the column or columns that tell groups apart.

    Returns:
        One row a group, in order: ``clips``, ``right`` in percent, and ``confidence``, the mean in percent.
        A model that knows what it knows is as sure as it is right.
    """
    groups = answers.groupby(by)
    scores = {
        "clips": groups.size(),
        "right": 100 * groups["right"].mean(),
        "confidence": 100 * groups["confidence"].mean().astype(float),
    }
    return pd.DataFrame(scores)


def draw_groups(scores: pd.DataFrame, *, mean: float) -> Figure:
    """Draw a row a group: how often the model is right there (a disc), and how sure it is (a ring).

    Args:
        scores: as :func:`score_groups` gives them, of one column or two; with two, groups of one first
            column stand together.
        mean: percent of all clips that are right, a line.
    """
    names, places = _place_rows(scores.index)
    figure = Figure(figsize=(8.5, _ROW_INCHES * (max(places) + 1) + 1.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.axvline(mean, color=_FAINT, linestyle="--", linewidth=1, label=f"all clips: {mean:.1f}")
    axes.hlines(places, scores["right"], scores["confidence"], color=_FAINT, linewidth=1.2)
    axes.scatter(scores["right"], places, s=48, color=_BLUE, zorder=3, label="right", clip_on=False)
    axes.scatter(
        scores["confidence"],
        places,
        s=48,
        facecolor="white",
        edgecolor=_ORANGE,
        linewidth=1.8,
        zorder=2.5,
        label="confidence",
        clip_on=False,
    )
    axes.set_yticks(places, names)
    for place, clips in zip(places, scores["clips"], strict=True):
        axes.text(101.5, place, f"{clips:,}", va="center", fontsize=9, color=_FAINT)
    axes.text(101.5, -1, "clips", va="center", fontsize=9, color=_FAINT)
    axes.set_ylim(max(places) + 0.7, -1.2)
    _finish(figure, axes, "percent of the clips, and mean probability of the answers in percent")
    return figure


def draw_recall_changes(first: pd.DataFrame, second: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw a row a class: its recall in two systems that were judged on the same clips.

    Args:
        first: predictions frame of the one.
        second: of the other.
        names: of both.
    """
    classes = classes_of(first)
    recalls = [
        compute_recalls(compute_confusion_matrix(label_indices(each), predicted_indices(each), classes))
        for each in (first, second)
    ]
    figure = Figure(figsize=(8.5, 0.42 * len(classes) + 1.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(classes))
    axes.hlines(places, recalls[0], recalls[1], color=_FAINT, linewidth=1.4)
    axes.scatter(
        recalls[0],
        places,
        s=56,
        facecolor="white",
        edgecolor=_ORANGE,
        linewidth=1.8,
        zorder=3,
        label=names[0],
    )
    axes.scatter(recalls[1], places, s=56, color=_BLUE, zorder=4, label=names[1])
    for place, before, after in zip(places, *recalls, strict=True):
        change = "no clip" if np.isnan(before) else f"{after - before:+.1f}"
        axes.text(101.5, place, change, va="center", fontsize=9, color=_INK)
    axes.set_yticks(places, classes)
    axes.set_ylim(len(classes) - 0.4, -0.8)
    _finish(figure, axes, "recall, percent of the clips of the class; at the right the difference in points")
    return figure


def _place_rows(index: pd.Index) -> tuple[list[str], list[float]]:
    """Names of the groups, and where they stand: half a row between those of unlike first columns."""
    keys = [key if isinstance(key, tuple) else (key,) for key in index]
    places, place = [], 0.0
    for number, key in enumerate(keys):
        if number:
            place += 1.0 if len(key) == 1 or key[0] == keys[number - 1][0] else 1.5
        places.append(place)
    return [str(key[-1]) for key in keys], places


def _finish(figure: Figure, axes: Axes, label: str) -> None:
    axes.set_xlim(0, 100)
    axes.set_xlabel(label, fontsize=10, color=_INK)
    axes.tick_params(colors=_INK, labelsize=10, length=0)
    axes.tick_params(axis="y", pad=9)  # a disc at 0 stands clear of the name
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=_STRIPE, linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=10, labelcolor=_INK)
