"""How far scores would move with other speakers.  labels, predictions, speakers -> intervals, in percent"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmser.errors import SettingsError
from mmser.evaluation.scores import compute_accuracies, compute_confusion_matrix

NUM_RESAMPLES = 1000
LEVEL = 0.95


def bootstrap_intervals(  # noqa: PLR0913 - three columns of equal length, and how to resample them
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    speakers: Sequence[str],
    num_classes: int,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
) -> dict[str, list[float]]:
    """Resample speakers with replacement and return percentile intervals.

    Clips of one speaker are alike, so resampling clips would promise far too much: a speaker is drawn with
    all of his or her clips. One speaker alone gives an interval of no width, which says nothing.

    Args:
        labels: true class indices, (N,).
        predictions: predicted class indices, (N,).
        speakers: speaker of each clip, (N,).
        num_classes: C.
        seed: of the resampling.
        num_resamples: how many times as many speakers as there are are drawn.
        level: share of the resamples inside the interval, between 0 and 1.

    Returns:
        ``ua``, ``wa`` and ``ua_plus_wa``, each [low, high] in percent. UA of a resample is over the classes
        that are present in it.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: lengths differ, an index is no class, or ``level`` or ``num_resamples`` cannot be used.
    """
    by_speaker = _confusion_by_speaker(labels, predictions, speakers, num_classes)
    draws = _draw_speakers(len(by_speaker), seed=seed, num_resamples=num_resamples, level=level)
    return _percentiles(_score_draws(draws, by_speaker), level)


def paired_intervals(  # noqa: PLR0913 - columns of equal length, and how to resample them
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    speakers: Sequence[str],
    num_classes: int,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
) -> dict[str, list[float]]:
    """Percentile intervals of the second system's scores minus the first's, on the same speakers each time.

    Args:
        labels: true class indices, (N,).
        first: class indices that one system predicts, (N,).
        second: those of the other, in the same order, (N,).
        speakers: speaker of each clip, (N,).
        num_classes: C.
        seed: of the resampling.
        num_resamples: how many times as many speakers as there are are drawn.
        level: share of the resamples inside the interval, between 0 and 1.

    Returns:
        ``ua``, ``wa`` and ``ua_plus_wa``, each [low, high] in percentage points.

    Raises:
        EmptySplitError: there is no clip.
        SettingsError: as :func:`bootstrap_intervals`.
    """
    pair = [_confusion_by_speaker(labels, each, speakers, num_classes) for each in (first, second)]
    draws = _draw_speakers(len(pair[0]), seed=seed, num_resamples=num_resamples, level=level)
    before, after = (_score_draws(draws, by_speaker) for by_speaker in pair)
    return _percentiles({name: after[name] - before[name] for name in before}, level)


def _draw_speakers(
    num_speakers: int, *, seed: int, num_resamples: int, level: float
) -> npt.NDArray[np.int64]:
    """How often each resample holds each speaker, (resamples, speakers)."""
    if not 0 < level < 1 or num_resamples < 1:
        raise SettingsError(
            f"level is {level} and num_resamples {num_resamples}, expected a level between 0 and 1 (0.95) "
            "and at least one resample."
        )
    shares = np.full(num_speakers, 1 / num_speakers)
    return np.random.default_rng(seed).multinomial(num_speakers, shares, size=num_resamples)


def _score_draws(draws: np.ndarray, by_speaker: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of each resample in percent, (resamples,)."""
    ua, wa = compute_accuracies(np.tensordot(draws, by_speaker, axes=1))
    return {"ua": ua, "wa": wa, "ua_plus_wa": ua + wa}


def _percentiles(scores: dict[str, np.ndarray], level: float) -> dict[str, list[float]]:
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: [float(bound) for bound in np.quantile(values, tails)] for name, values in scores.items()}


def _confusion_by_speaker(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, speakers: Sequence[str], num_classes: int
) -> npt.NDArray[np.int64]:
    """Confusion matrix of each speaker, (speakers, C, C)."""
    classes = [str(index) for index in range(num_classes)]
    total = compute_confusion_matrix(labels, predictions, classes)
    if len(speakers) != total.sum():
        raise SettingsError(
            f"{total.sum()} labels but {len(speakers)} speakers, expected one of each a clip."
        )
    names, owner = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    cells = np.zeros((len(names), num_classes, num_classes), dtype=np.int64)
    np.add.at(cells, (owner, np.asarray(labels), np.asarray(predictions)), 1)
    return cells
