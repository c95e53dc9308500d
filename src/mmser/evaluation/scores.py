"""Score predictions.  class indices of labels and predictions -> UA, WA, UA+WA, macro-F1, recalls, in percent

UA (unweighted accuracy) is the mean of the class recalls, WA (weighted accuracy) the share of clips that are
right. A class without a clip in the split has no recall: it is left out of UA and macro-F1 and named in
``absent_classes``. Light on purpose: this file needs numpy alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmser.errors import EmptySplitError, SettingsError

TESS = "tess"  # so easy for every model that it hides the other corpora: scores are given without it too
FLAT_KEYS = ("ua", "wa", "ua_plus_wa", "macro_f1")


def compute_scores(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    classes: Sequence[str],
    *,
    corpora: Sequence[str] | None = None,
    genders: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score predictions as the papers do, in percent and unrounded.

    A class that is predicted but has no clip adds no term to macro-F1; the clips given to it are missing from
    the recalls, and so from the F1, of their own classes.

    Args:
        labels: true class indices, (N,).
        predictions: predicted class indices, (N,).
        classes: class names in the order of the indices.
        corpora: corpus of each clip, (N,), for the last three keys.
        genders: gender of each clip's speaker, (N,), for ``per_gender``.

    Returns:
        - ``n``: clips;
        - ``ua``, ``wa``, ``ua_plus_wa``, ``macro_f1``;
        - ``recall``: class -> recall, of the classes present; ``absent_classes``: the others;
        - ``per_gender``: gender -> ``ua``, ``wa``, ``ua_plus_wa``, ``macro_f1``, ``n``, as ``per_corpus``;
        - ``per_corpus``: corpus -> the same; UA and macro-F1 are over the classes present in that corpus;
        - ``corpus_mean``: ``ua``, ``wa``, ``ua_plus_wa`` averaged over corpora, each
          counting the same;
        - ``without_tess``: ``ua``, ``wa``, ``ua_plus_wa``, ``n`` of all clips but those of TESS; None
          where TESS is all there is.

        Without ``corpora``, ``per_corpus`` is empty and the last two are None; without ``genders``,
        ``per_gender`` is empty.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: lengths differ, an index is no class, or class names repeat.
    """
    matrix = compute_confusion_matrix(labels, predictions, classes)
    recalls = compute_recalls(matrix)
    present = matrix.sum(axis=1) > 0
    return {
        "n": int(matrix.sum()),
        **_headline(matrix),
        "macro_f1": _macro_f1(matrix),
        "recall": {name: float(recalls[index]) for index, name in enumerate(classes) if present[index]},
        "absent_classes": [name for index, name in enumerate(classes) if not present[index]],
        "per_gender": _score_groups(_matrix_of_each("genders", labels, predictions, classes, genders)),
        **_score_corpora(_matrix_of_each("corpora", labels, predictions, classes, corpora)),
    }


def flat_scores(logits: npt.ArrayLike, labels: npt.ArrayLike, classes: Sequence[str]) -> dict[str, float]:
    """Score logits in four figures, for a training loop.

    Args:
        logits: (N, C); the highest of a row is the prediction, the first of equals.
        labels: true class indices, (N,).
        classes: class names in the order of the logits.

    Returns:
        ``ua``, ``wa``, ``ua_plus_wa`` and ``macro_f1`` in percent.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: logits of another shape or that are not finite, or labels that do not fit.
    """
    values = np.asarray(logits)
    if values.size == 0:
        raise EmptySplitError("No clip to score: logits are empty. Evaluate a split that holds clips.")
    if values.ndim != 2 or values.shape[1] != len(classes):
        raise SettingsError(
            f"Logits have shape {values.shape}, expected one column a class, (clips, {len(classes)})."
        )
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise SettingsError(
            f"Logits of {bad} of {len(values)} clips are NaN or infinite: the model has diverged. "
            "Lower the learning rate, or train without mixed precision."
        )
    scores = compute_scores(labels, values.argmax(axis=1), classes)
    return {key: scores[key] for key in FLAT_KEYS}


def compute_confusion_matrix(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, classes: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Count clips by true class (row) and predicted class (column), (C, C).

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: lengths differ, an index is no class, or class names repeat.
    """
    if len(set(classes)) != len(classes):
        raise SettingsError(f"Class names repeat: {list(classes)}. Give each class a name of its own.")
    rows = _as_indices("labels", labels, classes)
    columns = _as_indices("predictions", predictions, classes)
    if len(rows) != len(columns):
        raise SettingsError(
            f"{len(rows)} labels but {len(columns)} predictions, expected one of each a clip."
        )
    num_classes = len(classes)
    cells = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes).astype(np.int64)


def check_confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a confusion matrix as integers, (C, C).

    Raises:
        SettingsError: the matrix has another shape, or holds what is no count.
    """
    counts = np.asarray(matrix)
    expected = (len(classes), len(classes))
    if counts.shape != expected or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise SettingsError(
            f"Confusion matrix of shape {counts.shape} and type {counts.dtype}, expected counts of shape "
            f"{expected} from compute_confusion_matrix."
        )
    return counts.astype(np.int64)


def compute_recalls(matrix: np.ndarray) -> np.ndarray:
    """Recall of each class in percent, (…, C, C) counts -> (…, C); NaN for a class without clips."""
    num_clips = matrix.sum(axis=-1)
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return np.where(num_clips > 0, 100.0 * right / np.maximum(num_clips, 1), np.nan)


def compute_accuracies(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """UA and WA in percent, (…, C, C) counts of at least one clip each -> two of (…)."""
    right = np.trace(matrix, axis1=-2, axis2=-1)
    return np.nanmean(compute_recalls(matrix), axis=-1), 100.0 * right / matrix.sum(axis=(-2, -1))


def _as_indices(kind: str, values: npt.ArrayLike, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    indices = np.asarray(values)
    if indices.size == 0:
        raise EmptySplitError(f"No clip to score: {kind} are empty. Evaluate a split that holds clips.")
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise SettingsError(
            f"{kind} are an array of {indices.dtype} of shape {indices.shape}, expected integer class "
            "indices, one a clip. Take the argmax of logits; look names up among the classes."
        )
    outside = np.flatnonzero((indices < 0) | (indices >= len(classes)))
    if len(outside):
        position = int(outside[0])
        raise SettingsError(
            f"{kind}[{position}] is {indices[position]}, expected 0 to {len(classes) - 1}: {list(classes)}."
        )
    return indices.astype(np.int64)


def _headline(matrix: np.ndarray) -> dict[str, float]:
    ua, wa = compute_accuracies(matrix)
    return {"ua": float(ua), "wa": float(wa), "ua_plus_wa": float(ua + wa)}


def _macro_f1(matrix: np.ndarray) -> float:
    num_clips, num_predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    present = num_clips > 0
    f1 = 2.0 * np.diagonal(matrix)[present] / (num_clips + num_predicted)[present]
    return float(100.0 * f1.mean())


def _matrix_of_each(
    column: str,
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    classes: Sequence[str],
    groups: Sequence[str] | None,
) -> dict[str, np.ndarray]:
    """Group of clips, a corpus or a gender -> its confusion matrix, sorted by name."""
    if groups is None:
        return {}
    rows, columns, names = np.asarray(labels), np.asarray(predictions), np.asarray(groups, dtype=object)
    if names.shape != rows.shape:
        raise SettingsError(f"{len(rows)} labels but {len(names)} {column}, expected one of each a clip.")
    return {
        name: compute_confusion_matrix(rows[names == name], columns[names == name], classes)
        for name in sorted(set(groups))
    }


def _score_groups(matrices: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    return {
        name: _headline(matrix) | {"macro_f1": _macro_f1(matrix), "n": int(matrix.sum())}
        for name, matrix in matrices.items()
    }


def _score_corpora(matrices: dict[str, np.ndarray]) -> dict[str, Any]:
    if not matrices:
        return {"per_corpus": {}, "corpus_mean": None, "without_tess": None}
    headlines = {name: _headline(matrix) for name, matrix in matrices.items()}
    others = [matrix for name, matrix in matrices.items() if name != TESS]
    rest = np.sum(others, axis=0)
    return {
        "per_corpus": _score_groups(matrices),
        "corpus_mean": {
            key: float(np.mean([scores[key] for scores in headlines.values()]))
            for key in ("ua", "wa", "ua_plus_wa")
        },
        "without_tess": _headline(rest) | {"n": int(rest.sum())} if others else None,
    }
