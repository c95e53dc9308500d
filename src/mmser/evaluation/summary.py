"""Say in a few lines what a run reached.  metrics.json -> text for a terminal"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmser.evaluation.scores import check_confusion_matrix, compute_recalls

SCORE_HEADER = ("percent", "UA", "WA", "UA+WA", "macro-F1", "clips")
_HEADER_LETTERS = 5  # of a class name above a column: eight classes stay within 80 characters


def describe_run(metrics: Mapping[str, Any]) -> str:
    """One line that tells a run from others: "hubert+bert, protocol speaker, fold 0 of 5"."""
    parts = (metrics["system"], f"protocol {metrics['protocol']}", describe_folds(metrics))
    return ", ".join(part for part in parts if part)


def describe_folds(metrics: Mapping[str, Any]) -> str:
    """Which folds a run is, "folds 0, 1 of 3 pooled (2 missing)"; nothing where there is but one."""
    folds = metrics["folds"] or 1
    if "pooled_folds" in metrics:
        missing = f" ({_join(metrics['missing_folds'])} missing)" if metrics["missing_folds"] else ""
        return f"folds {_join(metrics['pooled_folds'])} of {folds} pooled{missing}"
    return f"fold {metrics['fold']} of {folds}" if folds > 1 else ""


def summarize(metrics: Mapping[str, Any]) -> str:
    """Lines of fixed width: which run it is, its leaks, its scores.

    Args:
        metrics: what metrics.json holds, or ``pool_folds`` returns.
    """
    lines = [describe_run(metrics), f"scheme {metrics['scheme']}, corpora {_join(metrics['corpora'])}"]
    if metrics["leaks"]:
        lines += [
            f"LEAKS ({len(metrics['leaks'])}): these scores are too high",
            *(f"  {leak}" for leak in metrics["leaks"]),
        ]
    for name, *cells in (SCORE_HEADER, *score_rows(metrics)):
        lines.append(f"{name:<18}" + "".join(f"{cell:>10}" for cell in cells))
    absent = metrics["test"]["absent_classes"]
    if absent:
        lines.append(f"without a test clip: {_join(absent)}")
    return "\n".join(line.rstrip() for line in lines)


def score_rows(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows below ``SCORE_HEADER``: both splits with their intervals, and the test split seen otherwise."""
    rows = _split_rows("test", metrics["test"])
    for name, key in (("  without TESS", "without_tess"), ("  mean of corpora", "corpus_mean")):
        if metrics["test"][key]:
            rows.append(_row(name, metrics["test"][key]))
    if metrics["validation"]:
        rows += _split_rows("validation", metrics["validation"])
    return rows


def format_confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str]) -> str:
    """Counts in lines of fixed width: a line a true class, predicted classes across, then its recall.

    Args:
        matrix: counts, (C, C).
        classes: class names in the order of rows and columns.

    Raises:
        SettingsError: the matrix has another shape, or holds what is no count.
    """
    counts = check_confusion_matrix(matrix, classes)
    margin = max(len("true"), *map(len, classes)) + 1
    width = max(_HEADER_LETTERS, len(str(counts.max()))) + 2
    lines = [("true", [name[:_HEADER_LETTERS] for name in classes], "recall")]
    for name, row, recall in zip(classes, counts, compute_recalls(counts), strict=True):
        lines.append((name, [str(count) for count in row], "-" if np.isnan(recall) else f"{recall:.2f}"))
    return "\n".join(
        f"{name:<{margin}}" + "".join(f"{cell:>{width}}" for cell in cells) + f"{recall:>9}"
        for name, cells, recall in lines
    )


def _split_rows(name: str, scores: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = [_row(name, scores)]
    for side, label in ((0, "  95 % from"), (1, "  95 % to")):
        rows.append(_row(label, {key: bounds[side] for key, bounds in scores["intervals"].items()}))
    return rows


def _row(name: str, scores: Mapping[str, Any]) -> tuple[str, ...]:
    figures = (
        f"{scores[key]:.2f}" if key in scores else "" for key in ("ua", "wa", "ua_plus_wa", "macro_f1")
    )
    return (name, *figures, f"{scores['n']:,}" if "n" in scores else "")


def _join(items: Sequence[Any]) -> str:
    return ", ".join(map(str, items))
