"""What a model said of each clip.  labels and probabilities -> predictions.parquet, scores

A predictions frame is a plain DataFrame, one row a clip:

- ``id``, ``speaker``, ``corpus``: as in the corpus;
- ``label``: name of the true class;
- ``gender``: as in the corpus, empty or missing where it is not known; the column may be absent;
- ``probabilities``: C floats that sum to 1, in the order of ``frame.attrs["classes"]``.

pandas keeps ``attrs`` in the Parquet file's metadata, so a file alone says what its probabilities mean. The
prediction is the class of the highest probability, the first of equals; it is not stored twice.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmser.errors import EmptySplitError, RunFormatError, SettingsError
from mmser.evaluation.bootstrap import bootstrap_intervals
from mmser.evaluation.scores import compute_scores
from mmser.evaluation.writing import replacing

COLUMNS = ("id", "speaker", "corpus", "label", "probabilities")
GENDER = "gender"  # may be absent: runs were once stored without it
UNKNOWN_GENDER = "unknown"
_SUM_TOLERANCE = 1e-3  # half-precision probabilities of seven classes are off by less


def softmax(logits: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probabilities of logits (N, C), in float64 so that each row sums to 1."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def make_predictions(
    clips: pd.DataFrame, probabilities: npt.ArrayLike, classes: Sequence[str]
) -> pd.DataFrame:
    """Put clips and what a model said of them into one frame.

    Args:
        clips: columns id, speaker, corpus, label (class name) and, where it is known, gender, one row a
            clip; others are left out.
        probabilities: (N, C), in the order of ``clips`` and of ``classes``.
        classes: class names.

    Returns:
        A predictions frame; probabilities are float32, as they are stored.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: a column is missing, ids repeat, a label is no class, or probabilities are none.
    """
    values = np.asarray(probabilities, dtype=np.float32)
    if len(values) != len(clips):
        raise SettingsError(f"{len(clips)} clips but {len(values)} rows of probabilities, expected as many.")
    kept = [name for name in (*COLUMNS[:-1], GENDER) if name in clips.columns]
    frame = clips.loc[:, kept].reset_index(drop=True).assign(probabilities=list(values))
    frame.attrs = {"classes": list(classes)}
    check_predictions(frame)
    return frame


def check_predictions(frame: pd.DataFrame) -> None:
    """Check that a frame is what this module's docstring says.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: anything else is wrong; the message names it.
    """
    classes = classes_of(frame)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise SettingsError(f"Predictions lack the columns {missing}, expected {list(COLUMNS)}.")
    if frame.empty:
        raise EmptySplitError("No clip to score: predictions are empty. Evaluate a split that holds clips.")
    repeated = frame.loc[frame["id"].duplicated(), "id"]
    if len(repeated):
        raise SettingsError(
            f"{len(repeated)} ids repeat, e.g. {repeated.iloc[0]!r}; expected one row a clip."
        )
    unknown = frame.loc[~frame["label"].isin(classes), "label"]
    if len(unknown):
        raise SettingsError(f"Label {unknown.iloc[0]!r} is not among the classes {classes}.")
    _check_probabilities(frame, len(classes))


def _check_probabilities(frame: pd.DataFrame, num_classes: int) -> None:
    lengths = {len(row) for row in frame["probabilities"]}
    if lengths != {num_classes}:
        raise SettingsError(
            f"Clips have {sorted(lengths)} probabilities, expected one a class: {num_classes}."
        )
    values = probabilities_of(frame)
    good = np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1)
    good &= np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE
    if not good.all():
        position = int(np.flatnonzero(~good)[0])
        raise SettingsError(
            f"{frame['id'].iloc[position]}: {values[position].tolist()} are no probabilities, expected "
            f"numbers from 0 that sum to 1 ({int((~good).sum())} such clips). Pass the softmax of "
            "logits; NaN means that the model has diverged."
        )


def classes_of(frame: pd.DataFrame) -> list[str]:
    """Class names in the order of the probabilities.

    Raises:
        SettingsError: the frame does not say.
    """
    if "classes" not in frame.attrs:
        raise SettingsError(
            'Predictions do not name their classes: frame.attrs["classes"] is missing. Make them with '
            "make_predictions, read them with read_predictions."
        )
    return list(frame.attrs["classes"])


def probabilities_of(frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Probabilities as one array, (N, C)."""
    return np.stack([np.asarray(row, dtype=np.float32) for row in frame["probabilities"]])


def label_indices(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """True class of each clip, (N,)."""
    index_of = {name: index for index, name in enumerate(classes_of(frame))}
    return np.array([index_of[name] for name in frame["label"]], dtype=np.int64)


def predicted_indices(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Predicted class of each clip, (N,)."""
    return probabilities_of(frame).argmax(axis=1)


def genders_of(frame: pd.DataFrame) -> list[str]:
    """Gender of each clip's speaker, ``UNKNOWN_GENDER`` where it is not known, (N,)."""
    if GENDER not in frame.columns:
        return [UNKNOWN_GENDER] * len(frame)
    return frame[GENDER].fillna("").replace("", UNKNOWN_GENDER).tolist()


def score_predictions(frame: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """Score a predictions frame: ``compute_scores`` and, as ``intervals``, those of ``bootstrap_intervals``.

    Args:
        frame: a predictions frame.
        seed: of the bootstrap.

    Returns:
        What metrics.json holds of a split.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: the frame is no predictions frame.
    """
    check_predictions(frame)
    classes, labels, predicted = classes_of(frame), label_indices(frame), predicted_indices(frame)
    scores = compute_scores(
        labels, predicted, classes, corpora=frame["corpus"].tolist(), genders=genders_of(frame)
    )
    intervals = bootstrap_intervals(labels, predicted, frame["speaker"].tolist(), len(classes), seed=seed)
    return scores | {"intervals": intervals}


def write_predictions(path: Path, frame: pd.DataFrame) -> None:
    """Write a predictions frame as Parquet, whole or not at all.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: the frame is no predictions frame.
    """
    check_predictions(frame)
    kept = [name for name in (*COLUMNS[:-1], GENDER) if name in frame.columns]
    stored = frame.loc[:, kept].assign(probabilities=list(probabilities_of(frame)))
    stored.attrs = {"classes": classes_of(frame)}
    with replacing(Path(path)) as part:
        stored.to_parquet(part, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a predictions frame.

    Raises:
        RunFormatError: the file is missing, or is not what ``write_predictions`` wrote.
    """
    path = Path(path)
    if not path.is_file():
        raise RunFormatError(f"{path}: no such file. Name the folder of a finished run.")
    try:
        frame = pd.read_parquet(path)
        check_predictions(frame)
    except (ValueError, OSError, SettingsError, EmptySplitError) as error:
        raise RunFormatError(f"{path}: not a run's predictions ({error}). Evaluate the run again.") from error
    return frame
