"""transformers' Trainer, fitted to corpora of clips.  model + splits -> trained model, logits"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices

from mmser.errors import DivergedError
from mmser.evaluation.metrics import EmotionMetric
from mmser.training.inputs import Inputs
from mmser.training.scoring import class_names


class EmotionTrainer(Trainer):
    """Trainer that scores UA, WA, UA+WA and macro-F1, and keeps the order of a split that it evaluates.

    transformers groups evaluation clips by length too where training does; predictions would then come back
    in another order than the ids they belong to.

    Args:
        classes: class names, in the order of the logits.
        options: what Trainer takes.
    """

    def __init__(self, *, classes: Sequence[str], **options: Any):
        self._metric = EmotionMetric(classes=classes)
        super().__init__(compute_metrics=self._compute_metrics, **options)

    def predict_logits(self, split: Dataset) -> np.ndarray:
        """Logits of a split in its own order, float32 (N, C), those that the saved model gives.

        Mixed precision ends here for good: whoever loads the model runs it in float32.

        Raises:
            DivergedError: a logit is no number.
        """
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return np.asarray(self.predict(split).predictions, dtype=np.float32)

    def _compute_metrics(self, prediction: EvalPrediction) -> dict[str, Any]:
        logits = np.asarray(prediction.predictions)
        odd = int((~np.isfinite(logits)).any(axis=-1).sum())
        if odd:
            raise DivergedError(
                f"After epoch {self.state.epoch or 0:g}, step {self.state.global_step}: the logits of {odd} "
                f"of {len(logits)} evaluated clips are NaN or infinite, so the model has diverged and there "
                f"is nothing to score. Lower --learning_rate (now {self.args.learning_rate:g}), or lengthen "
                "--warmup_steps; under --fp16 True try --bf16 True."
            )
        labels = np.asarray(prediction.label_ids)
        if labels.ndim == 1:
            return self._metric.compute(predictions=logits.argmax(axis=-1), references=labels)
        single = labels.sum(axis=1) == 1  # clips with several classes have no place in UA and WA
        scores = self._metric.compute(
            predictions=logits[single].argmax(axis=-1), references=labels[single].argmax(axis=-1)
        )
        return scores | {"emotion_accuracy": 100.0 * ((logits > 0) == (labels > 0)).mean()}

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        split: Any = self.train_dataset if train_dataset is None else train_dataset
        group = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return LengthSampler(split.lengths, group, seed=seed)

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        return SequentialSampler(eval_dataset)  # type: ignore[arg-type]


def build_trainer(
    inputs: Inputs, arguments: TrainingArguments, folder: Path, patience: int = 0
) -> EmotionTrainer:
    """Put together what trains a model on the train split and judges it on validation.

    Args:
        inputs: the model and its splits.
        arguments: transformers' own; what every run of ours fixes is set in them.
        folder: for checkpoints.
        patience: evaluations without a better validation UA after which it stops; 0 never stops.
    """
    arguments.output_dir = str(folder)
    arguments.remove_unused_columns = False
    arguments.label_names = ["labels"]
    return EmotionTrainer(
        classes=class_names(inputs.model),
        model=inputs.trained,
        args=arguments,
        data_collator=inputs.collate,
        train_dataset=inputs.view("train"),
        eval_dataset=inputs.view("validation"),
        callbacks=[EarlyStoppingCallback(patience)] if patience else None,
    )


class LengthSampler(Sampler[int]):
    """Random order in which clips that share an optimiser step are of similar length.

    The order follows from seed and epoch alone, so it is the same in every process and in a resumed run.

    Args:
        lengths: of each clip, in any unit.
        group: clips in an optimiser step.
        seed: of the order.
    """

    def __init__(self, lengths: Sequence[float], group: int, *, seed: int):
        self.lengths = list(lengths)
        self.group = group
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return iter(get_length_grouped_indices(self.lengths, self.group, generator=generator))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; accelerate calls it."""
        self.epoch = epoch
