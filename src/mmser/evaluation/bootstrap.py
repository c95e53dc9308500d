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
    if not 0 < level < 1 or num_resamples < 1:
        raise SettingsError(
            f"level is {level} and num_resamples {num_resamples}, expected a level between 0 and 1 (0.95) "
            "and at least one resample."
        )
    by_speaker = _confusion_by_speaker(labels, predictions, speakers, num_classes)
    num_speakers = len(by_speaker)
    draws = np.random.default_rng(seed).multinomial(
        num_speakers, np.full(num_speakers, 1 / num_speakers), size=num_resamples
    )
    resampled = np.tensordot(draws, by_speaker, axes=1)  # (resamples, C, C)
    ua, wa = compute_accuracies(resampled)
    tails = [(1 - level) / 2, (1 + level) / 2]
    scores = {"ua": ua, "wa": wa, "ua_plus_wa": ua + wa}
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
