"""UA, WA, UA+WA and macro-F1 as an offline ``evaluate`` metric.  class indices -> scores in percent

``import evaluate`` brings torch and transformers along; code that only scores imports ``evaluation.scores``.
"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

from mmser.evaluation.scores import FLAT_KEYS, compute_scores, flat_scores

__all__ = ["EmotionMetric", "compute_scores", "flat_scores"]


class EmotionMetric(evaluate.Metric):
    """``ua``, ``wa``, ``ua_plus_wa`` and ``macro_f1`` in percent, over batches or at once.

    Predictions stay in memory: nothing is downloaded, no file or folder is written, and any number of
    processes may hold one, each scoring what it was given. Gather predictions first where processes share a
    split, as Trainer and ``accelerator.gather_for_metrics`` do.

    Args:
        classes: class names in the order of the indices.
    """

    def __init__(self, classes: Sequence[str]):
        self.classes = tuple(classes)
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Unweighted accuracy, weighted accuracy, their sum, and macro-F1, in percent.",
            citation="",
            inputs_description="predictions and references: class indices, one a clip.",
            features=datasets.Features(
                {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
            ),
        )

    def _build_data_dir(self) -> str:
        """No folder; evaluate would make one in the user's home, though nothing is put there."""
        return ""

    def _compute(self, *, predictions: list[int], references: list[int]) -> dict[str, Any]:
        scores = compute_scores(references, predictions, self.classes)
        return {key: scores[key] for key in FLAT_KEYS}
