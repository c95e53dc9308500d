"""Score yes or no to each emotion.  (N, C) truth and answers -> a confusion matrix and accuracy each

Pho et al. judge a multi-label network so: for each emotion the share of clips of which it is said rightly
that they have it or have it not, (TP + TN) / total, and the mean of these over the emotions. Saying "no" to
everything reaches 1 - 1 / C there where clips have one emotion: read it beside UA.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmser.errors import SettingsError
from mmser.evaluation.writing import replacing

EMOTIONS_FILE = "emotions.parquet"
EMOTIONS_PLOT = "emotions.png"
_CELLS = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))


def score_emotions(truth: np.ndarray, answers: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Count and score, in percent.

    Args:
        truth: whether a clip has an emotion, bool (N, C).
        answers: whether the network says so, bool (N, C).
        classes: class names in the order of the columns.

    Returns:
        ``n`` clips; ``accuracy``, the mean over emotions; ``all_no``, what saying no to everything reaches;
        ``per_emotion``: class -> ``accuracy`` and the four cells of its confusion matrix, clips.

    Raises:
        SettingsError: shapes differ, or there is no clip.
    """
    if truth.shape != answers.shape or truth.ndim != 2 or truth.shape[1] != len(classes) or not len(truth):
        raise SettingsError(
            f"Truth of shape {truth.shape} and answers of shape {answers.shape}, expected both "
            f"(clips, {len(classes)}) with a clip or more."
        )
    found = {}
    for index, name in enumerate(classes):
        has, says = truth[:, index], answers[:, index]
        found[name] = {
            "accuracy": float(100 * (has == says).mean()),
            "true_positives": int((has & says).sum()),
            "false_positives": int((~has & says).sum()),
            "false_negatives": int((has & ~says).sum()),
            "true_negatives": int((~has & ~says).sum()),
        }
    return {
        "n": len(truth),
        "accuracy": float(np.mean([each["accuracy"] for each in found.values()])),
        "all_no": float(100 * (~truth).mean()),
        "per_emotion": found,
    }


def write_emotion_predictions(
    folder: Path, ids: Sequence[str], truth: np.ndarray, logits: np.ndarray, classes: Sequence[str]
) -> None:
    """Write emotions.parquet, what was said of each clip, and emotions.png, a confusion matrix an emotion.

    Args:
        folder: of the run.
        ids: of the clips.
        truth: bool (N, C).
        logits: (N, C); above 0 is a yes.
        classes: class names in the order of the columns.
    """
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    frame = pd.DataFrame(
        {
            "id": list(ids),
            "emotions": [[name for name, has in zip(classes, row, strict=True) if has] for row in truth],
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )
    frame.attrs = {"classes": list(classes)}
    with replacing(folder / EMOTIONS_FILE) as part:
        frame.to_parquet(part, index=False)
    _plot(score_emotions(truth, logits > 0, classes), folder / EMOTIONS_PLOT)


def _plot(scores: dict[str, Any], path: Path) -> None:
    emotions = scores["per_emotion"]
    figure = Figure(figsize=(2.3 * len(emotions) + 0.4, 2.9), dpi=160, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for index, (name, counts) in enumerate(emotions.items()):
        axes = figure.add_subplot(1, len(emotions), index + 1)
        matrix = np.array([[counts[cell] for cell in row] for row in _CELLS])
        shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for row, column in np.ndindex(2, 2):
            color = "white" if shares[row, column] >= 55 else "#1f2933"
            axes.text(
                column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=color, fontsize=12
            )
        axes.set_title(f"{name}: {counts['accuracy']:.1f} % right", fontsize=11, color="#1f2933")
        axes.set_xticks([0, 1], ["said no", "said yes"])
        axes.set_yticks([0, 1], ("has not", "has") if index == 0 else ("", ""))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    with replacing(path) as part:
        canvas.print_figure(part, format="png")
