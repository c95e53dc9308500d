"""transformers' Trainer, fitted to corpora of clips.  model + splits -> trained model, logits"""

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from mmser.errors import DivergedError, SettingsError
from mmser.evaluation.metrics import EmotionMetric
from mmser.memory import kept_memory
from mmser.models.cpu import install_fast_linears
from mmser.models.loading import encoders_of
from mmser.models.precision import exact_float32
from mmser.training.arguments import TrainerSettings
from mmser.training.augmenting import EpochCallback
from mmser.training.collation import ROW, NumberedDataset, class_targets, collate_numbered
from mmser.training.inputs import Inputs
from mmser.training.losses import EmotionLoss, weigh_classes
from mmser.training.optimizer import LayerRates, is_decayed, set_rates
from mmser.training.resuming import iter_checkpoints
from mmser.training.sampling import StepSampler
from mmser.training.scoring import class_names
from mmser.training.tuning import TuningSettings


class EmotionTrainer(Trainer):
    """Trainer that scores UA, WA, UA+WA and macro-F1, and keeps the order of a split that it evaluates.

    transformers groups evaluation clips by length too where training does; predictions would then come back
    in another order than the ids they belong to.

    Args:
        classes: class names, in the order of the logits.
        clip_ids: of the training split, in its order.
        loss: of logits and labels; the model's own if None.
        rates: of what is trained, layer by layer; the same for all if None.
        towers: the model's encoders, by name, which ``rates`` go down.
        options: what Trainer takes.
    """

    def __init__(
        self,
        *,
        classes: Sequence[str],
        clip_ids: Sequence[str],
        loss: EmotionLoss | None = None,
        rates: LayerRates | None = None,
        towers: Mapping[str, nn.Module] | None = None,
        **options: Any,
    ):
        self._metric = EmotionMetric(classes=classes)
        self._clip_ids = clip_ids
        self._loss = loss
        self._rates = rates
        self._towers = dict(towers or {})
        super().__init__(compute_metrics=self._compute_metrics, **options)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The loss of a batch, and of which clips it is no number.

        Raises:
            DivergedError: a loss in training is no number; the batch's clips are named.
        """
        batch = {name: value for name, value in inputs.items() if name != ROW}
        if self._loss is None:
            loss, outputs = super().compute_loss(model, batch, True, num_items_in_batch)
        else:
            labels = batch.pop("labels")
            outputs = model(**batch)
            loss = self._loss(outputs.logits, labels)
        if ROW in inputs and not torch.isfinite(loss):
            raise self._diverged(loss.item(), inputs[ROW].tolist())
        return (loss, outputs) if return_outputs else loss

    def train(self, *args: Any, **options: Any) -> Any:
        """Train; memory is kept from one batch to the next."""
        with kept_memory():
            return super().train(*args, **options)

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Names of what weight decay is for: matrices alone."""
        stock = set(super().get_decay_parameter_names(model))
        return [name for name, each in model.named_parameters() if name in stock and is_decayed(name, each)]

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimiser, each layer with its own learning rate where that is asked for."""
        is_fresh = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_fresh and self._rates is not None:
            set_rates(optimizer, self._towers, self._rates)
        return optimizer

    def _diverged(self, loss: float, rows: list[int]) -> DivergedError:
        kept = next(iter_checkpoints(Path(str(self.args.output_dir))), None)
        left = "No checkpoint was written yet." if kept is None else f"The last checkpoint is {kept}."
        return DivergedError(
            f"Step {self.state.global_step + 1}, in epoch {int(self.state.epoch or 0) + 1}: the loss is "
            f"{loss} over the {len(rows)} clips {', '.join(self._clip_ids[row] for row in rows)}. {left} "
            + self._what_to_change()
        )

    def _what_to_change(self) -> str:
        return (
            f"Lower --learning_rate (now {self.args.learning_rate:g}), or lengthen --warmup_steps; under "
            "--fp16 True try --bf16 True."
        )

    def predict_logits(self, split: Dataset) -> np.ndarray:
        """Logits of a split in its own order, float32 (N, C), those that the saved model gives.

        Mixed precision ends here for good: whoever loads the model runs it in float32.

        Raises:
            DivergedError: a logit is no number.
        """
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        with exact_float32(), kept_memory():
            return np.asarray(self.predict(split).predictions, dtype=np.float32)

    def gather_weights(self) -> dict[str, Tensor] | None:
        """The whole weights, on the main process, where each holds a shard of them (FSDP); else None.

        Every process has to call it.
        """
        return self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else None

    def _compute_metrics(self, prediction: EvalPrediction) -> dict[str, Any]:
        logits = np.asarray(prediction.predictions)
        odd = int((~np.isfinite(logits)).any(axis=-1).sum())
        if odd:
            raise DivergedError(
                f"After epoch {self.state.epoch or 0:g}, step {self.state.global_step}: the logits of {odd} "
                f"of {len(logits)} evaluated clips are NaN or infinite, so the model has diverged and there "
                f"is nothing to score. {self._what_to_change()}"
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
        if self.args.train_sampling_strategy == "sequential":
            return super()._get_train_sampler(train_dataset)
        split: Any = self.train_dataset if train_dataset is None else train_dataset
        group = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        alike = self.args.train_sampling_strategy == "group_by_length"
        return StepSampler(split.lengths, group, seed=seed, alike=alike)

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        return SequentialSampler(eval_dataset)  # type: ignore[arg-type]


def build_trainer(
    inputs: Inputs,
    clips: datasets.Dataset,
    arguments: TrainingArguments,
    folder: Path,
    settings: TrainerSettings,
) -> EmotionTrainer:
    """Put together what trains a model on the train split and judges it on validation.

    Args:
        inputs: the model and its splits.
        clips: the rows of the train split.
        arguments: transformers' own; what every run of ours fixes is set in a copy of them.
        folder: for checkpoints.
        settings: of the run: when it stops, and for a model with encoders how it learns.

    Raises:
        SettingsError: a setting that the loss does not have.
    """
    install_fast_linears(inputs.trained)
    loss = _build_loss(settings, clips, arguments.label_smoothing_factor)
    arguments = copy.copy(arguments)
    arguments.output_dir = str(folder)
    arguments.remove_unused_columns = False
    arguments.label_names = ["labels"]
    arguments.label_smoothing_factor = 0.0  # done by the loss: Trainer's own knows no weights
    callbacks: list[TrainerCallback] = [EarlyStoppingCallback(settings.patience)] if settings.patience else []
    if inputs.augmenter is not None:
        callbacks.append(EpochCallback(inputs.augmenter))
    trainer = EmotionTrainer(
        classes=class_names(inputs.model),
        clip_ids=clips["id"],
        loss=loss,
        rates=_choose_rates(settings, arguments.learning_rate),
        towers=encoders_of(inputs.model) if isinstance(settings, TuningSettings) else None,
        model=inputs.trained,
        args=arguments,
        data_collator=partial(collate_numbered, collate=inputs.collate),
        train_dataset=NumberedDataset(inputs.view("train")),
        eval_dataset=inputs.view("validation"),
        callbacks=callbacks,
    )
    if trainer.is_fsdp_enabled and inputs.trained is not inputs.model:
        raise SettingsError(
            "Shards are of what is trained, and with frozen towers that is not the whole model: it could not "
            "be saved. Give --freeze entire (and --freeze_text False), or another --config_file."
        )
    return trainer


def _build_loss(
    settings: TrainerSettings, clips: datasets.Dataset, label_smoothing: float
) -> EmotionLoss | None:
    """The loss of a model with encoders; None for a network, which computes its own."""
    if isinstance(settings, TuningSettings):
        return EmotionLoss(
            class_weights=weigh_classes(class_targets(clips)) if settings.class_weights else None,
            gamma=settings.gamma,
            label_smoothing=label_smoothing,
        )
    if label_smoothing:
        raise SettingsError(
            f"label_smoothing_factor is {label_smoothing:g}, but a network over features computes its own "
            "loss, of labels as they are. Leave it at 0."
        )
    return None


def _choose_rates(settings: TrainerSettings, learning_rate: float) -> LayerRates | None:
    """Learning rates by layer; None where all are the same."""
    if not isinstance(settings, TuningSettings):
        return None
    rates = LayerRates(learning_rate, settings.layer_lr_decay, settings.head_learning_rate)
    return None if rates == LayerRates(learning_rate) else rates
