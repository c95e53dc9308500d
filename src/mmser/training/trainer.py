"""transformers' Trainer, fitted to corpora of clips.  model + splits -> trained model, logits"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import EvalPrediction, Trainer

from mmser.evaluation.metrics import EmotionMetric


class EmotionTrainer(Trainer):
    """Trainer whose evaluation keeps the order of the split, however training batches are drawn.

    transformers groups evaluation clips by length too where training does; predictions would then come back
    in another order than the ids they belong to.
    """

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        return SequentialSampler(eval_dataset)  # type: ignore[arg-type]

    def predict_logits(self, split: Dataset) -> np.ndarray:
        """Logits of a split in its own order, float32 (N, C)."""
        return np.asarray(self.predict(split).predictions, dtype=np.float32)


def make_compute_metrics(classes: Sequence[str]) -> Callable[[EvalPrediction], dict[str, Any]]:
    """Return what Trainer calls after each evaluation: logits and labels -> UA, WA, UA+WA, macro-F1."""
    metric = EmotionMetric(classes=classes)

    def compute_metrics(prediction: EvalPrediction) -> dict[str, Any]:
        predicted = np.asarray(prediction.predictions).argmax(axis=-1)
        return metric.compute(predictions=predicted, references=prediction.label_ids)

    return compute_metrics
