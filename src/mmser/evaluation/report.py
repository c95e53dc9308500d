"""Write down what a run reached.  facts of a run + predictions -> metrics.json, report.md, plot"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from mmser.errors import RunFormatError, SettingsError
from mmser.evaluation.bootstrap import NUM_RESAMPLES
from mmser.evaluation.calibration import CALIBRATION_HEADER, calibrate, calibration_rows, explain_calibration
from mmser.evaluation.emotions import EMOTIONS_PLOT
from mmser.evaluation.layout import markdown_table
from mmser.evaluation.plots import plot_confusion_matrix, plot_reliability
from mmser.evaluation.predictions import (
    UNKNOWN_GENDER,
    classes_of,
    label_indices,
    predicted_indices,
    probabilities_of,
    score_predictions,
    write_predictions,
)
from mmser.evaluation.scores import compute_confusion_matrix, compute_recalls
from mmser.evaluation.summary import (
    SCORE_HEADER,
    describe_run,
    format_confusion_matrix,
    score_rows,
    summarize,
)
from mmser.evaluation.writing import METRICS_FILE, replacing

__all__ = [
    "describe_run",
    "format_confusion_matrix",
    "read_metrics",
    "summarize",
    "write_evaluation",
    "write_report",
]

SCHEMA_VERSION = 1
PREDICTIONS_FILE = "predictions.parquet"
PLOT_FILE = "confusion_matrix.png"
CALIBRATION_FILE = "calibration.png"
REPORT_FILE = "report.md"
FACTS: Mapping[str, tuple[type, ...]] = {  # of metrics.json, and what each may be
    "system": (str,),
    "scheme": (str,),
    "protocol": (str,),
    "fold": (int, NoneType),  # None in a pool
    "folds": (int, NoneType),
    "corpora": (list,),
    "leaks": (list,),
    "corpus_fingerprint": (str, NoneType),
    "seed": (int, NoneType),
    "num_parameters": (int, NoneType),
    "settings": (dict,),
    "seconds": (dict,),
}


def write_evaluation(
    folder: Path, facts: Mapping[str, Any], test: pd.DataFrame, validation: pd.DataFrame | None
) -> dict[str, Any]:
    """Score both splits and write everything that a run's folder says of them.

    Args:
        folder: the run's folder; made where it is missing. metrics.json is written last: where it stands, the
            rest is complete.
        facts: all of metrics.json but the scores; must hold ``FACTS`` and may hold more. ``seed`` seeds the
            bootstrap too (0 where it is None).
        test: predictions frame of the test split.
        validation: predictions frame of the validation split, or None where there was none.

    Returns:
        What metrics.json holds.

    Raises:
        EmptySplitError: a split has no clip.
        SettingsError: facts are missing, or a frame is no predictions frame.
    """
    missing = [key for key in FACTS if key not in facts]
    if missing:
        raise SettingsError(f"Facts of the run lack {missing}, expected {list(FACTS)}.")
    seed = facts["seed"] or 0
    metrics = {
        "schema_version": SCHEMA_VERSION,
        **facts,
        "test": score_predictions(test, seed=seed),
        "validation": None if validation is None else score_predictions(validation, seed=seed),
        "calibration": calibrate(test, validation),
    }
    content = json.dumps(metrics, indent=2, default=_to_plain, allow_nan=False) + "\n"
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_predictions(folder / PREDICTIONS_FILE, test)
    write_report(folder, metrics, test)
    with replacing(folder / METRICS_FILE) as part:
        part.write_text(content, encoding="utf-8")
    return json.loads(content)


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read a run's metrics.json.

    Raises:
        RunFormatError: it is missing, is no JSON, is of another schema version, lacks keys, or holds what
            no run writes.
    """
    path = Path(folder) / METRICS_FILE
    if not path.is_file():
        raise RunFormatError(f"{path}: no such file. Name the folder of a finished run.")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFormatError(f"{path}: not JSON ({error}). Evaluate the run again.") from error
    version = metrics.get("schema_version") if isinstance(metrics, dict) else None
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise RunFormatError(
            f"{path}: schema_version is {version!r}, this mmser reads {SCHEMA_VERSION}. "
            + ("Upgrade mmser." if newer else "Train or evaluate the run again with this version.")
        )
    missing = [key for key in (*FACTS, "test") if key not in metrics]
    if missing:
        raise RunFormatError(f"{path}: lacks {missing}. Train or evaluate the run again.")
    wrong = [key for key, kinds in FACTS.items() if not isinstance(metrics[key], kinds)]
    if wrong:
        raise RunFormatError(
            f"{path}: {wrong[0]} is {metrics[wrong[0]]!r}, which no run writes. Evaluate the run again."
        )
    return metrics


def write_report(folder: Path, metrics: Mapping[str, Any], frame: pd.DataFrame) -> Path:
    """Write report.md and the plots that it shows.

    Args:
        folder: an existing folder.
        metrics: what metrics.json holds.
        frame: predictions frame of the test split.

    Returns:
        The path of report.md.
    """
    classes, labels = classes_of(frame), label_indices(frame)
    matrix = compute_confusion_matrix(labels, predicted_indices(frame), classes)
    title = describe_run(metrics)
    plot_confusion_matrix(matrix, classes, Path(folder) / PLOT_FILE, title=title)
    calibration = metrics.get("calibration") or calibrate(frame, None)  # runs were once stored without it
    plot = Path(folder) / CALIBRATION_FILE
    plot_reliability(
        labels, probabilities_of(frame), plot, title=title, temperature=calibration["temperature"]
    )
    parts = [
        f"# {title}",
        _say_what(metrics),
        _say_leaks(metrics["leaks"]),
        "## Scores",
        markdown_table(SCORE_HEADER, score_rows(metrics)),
        _explain_scores(frame),
        "## Classes",
        markdown_table(("class", "recall", "clips"), _class_rows(matrix, classes)),
        _say_absent(metrics["test"]["absent_classes"]),
        _say_emotions(metrics.get("emotions")),
        "## Corpora",
        markdown_table(("corpus", "UA", "WA", "clips"), _group_rows(metrics["test"]["per_corpus"])),
        *_show_genders(metrics["test"].get("per_gender")),
        "## Confusion matrix",
        f"![Confusion matrix: rows true classes, columns predicted ones]({PLOT_FILE})",
        "## Calibration",
        markdown_table(CALIBRATION_HEADER, calibration_rows(calibration)),
        explain_calibration(calibration, metrics["leaks"], binary=_is_binary(metrics)),
        f"![Reliability: how many of the clips that are so sure are right]({CALIBRATION_FILE})",
        "## Settings",
        f"```json\n{json.dumps(metrics['settings'], indent=2, default=_to_plain)}\n```",
        _say_seconds(metrics["seconds"]),
    ]
    path = Path(folder) / REPORT_FILE
    with replacing(path) as part:
        part.write_text("\n\n".join(text for text in parts if text) + "\n", encoding="utf-8")
    return path


def _say_what(metrics: Mapping[str, Any]) -> str:
    """Under which conditions the scores hold."""
    parts = [f"Scheme `{metrics['scheme']}`", f"corpora {', '.join(metrics['corpora'])}"]
    if metrics["corpus_fingerprint"] is not None:
        parts.append(f"corpus fingerprint `{metrics['corpus_fingerprint'][:12]}`")
    if metrics["num_parameters"] is not None:
        parts.append(f"{metrics['num_parameters']:,} parameters")
    if metrics["seed"] is not None:
        parts.append(f"seed {metrics['seed']}")
    return ", ".join(parts) + "."


def _say_leaks(leaks: list[str]) -> str:
    if not leaks:
        return "No leaks: every promise of the protocol is kept."
    return "\n".join(
        [
            "> **LEAKS: these scores are too high.** Splits share what they should not, so the model",
            "> was judged, or chosen, on what it had learnt. Do not compare these with scores of a",
            "> protocol without leaks.",
            ">",
            *(f"> - {leak}" for leak in leaks),
        ]
    )


def _explain_scores(frame: pd.DataFrame) -> str:
    num_speakers = frame["speaker"].nunique()
    text = (
        "Percent. UA is the mean of the recalls of the classes that are present, WA the share of clips that "
        f"are right. The interval holds 95 % of {NUM_RESAMPLES:,} resamples of the "
        f"{num_speakers} test speakers."
    )
    if num_speakers == 1:
        text += " One speaker cannot be resampled: the interval has no width and says nothing."
    counts, num_classes = frame["speaker"].value_counts(), len(classes_of(frame))
    few = int((counts < num_classes).sum())
    if few and num_speakers > 1:
        text += (
            f" {few} of them have fewer clips than the {num_classes} classes, the fewest {counts.min()}: "
            "resamples differ in the clips and classes that they hold, so take the interval as rough."
        )
    return text


def _say_absent(absent: list[str]) -> str:
    return f"Without a test clip, and so left out of UA and macro-F1: {', '.join(absent)}." if absent else ""


def _say_emotions(emotions: Mapping[str, Any] | None) -> str:
    """What a network that says yes or no to each emotion reached, where the run is one."""
    if not emotions:
        return ""
    test = emotions["test"]
    rows = [(name, f"{each['accuracy']:.2f}") for name, each in test["per_emotion"].items()]
    return "\n\n".join(
        [
            "## Yes or no to each emotion",
            f"Of {test['n']:,} test clips {test['accuracy']:.2f} % of the answers are right, on average over "
            f"emotions; saying no to everything reaches {test['all_no']:.2f}. UA and WA above are of "
            "the clips with one emotion.",
            markdown_table(("emotion", "answers right"), rows),
            f"![A confusion matrix an emotion]({EMOTIONS_PLOT})",
        ]
    )


def _is_binary(metrics: Mapping[str, Any]) -> bool:
    """Whether a network says yes or no to each emotion; of one on another corpus its loss alone tells."""
    return bool(metrics.get("emotions")) or metrics["settings"].get("loss") == "binary"


def _say_seconds(seconds: Mapping[str, float]) -> str:
    return (
        "Seconds: "
        + (", ".join(f"{name} {value:,.1f}" for name, value in seconds.items()) or "not taken")
        + "."
    )


def _class_rows(matrix: np.ndarray, classes: Sequence[str]) -> list[Sequence[str]]:
    recalls, num_clips = compute_recalls(matrix), matrix.sum(axis=1)
    return [
        (name, f"{recalls[index]:.2f}" if num_clips[index] else "-", f"{num_clips[index]:,}")
        for index, name in enumerate(classes)
    ]


def _group_rows(groups: Mapping[str, Any]) -> list[Sequence[str]]:
    return [(name, f"{row['ua']:.2f}", f"{row['wa']:.2f}", f"{row['n']:,}") for name, row in groups.items()]


def _show_genders(groups: Mapping[str, Any] | None) -> list[str]:
    """The section on the speakers' gender; none where nothing is known of it."""
    if not groups or list(groups) == [UNKNOWN_GENDER]:
        return []
    return ["## Gender", markdown_table(("speakers", "UA", "WA", "clips"), _group_rows(groups))]


def _to_plain(value: Any) -> Any:
    """What json does not know but settings may hold: paths and numpy's numbers."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"metrics.json cannot hold {value!r} of type {type(value).__name__}.")
