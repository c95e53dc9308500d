"""Build what a recipe trains.  settings + corpus -> a model, what of it is frozen, and its inputs"""

from functools import partial
from typing import Any

import datasets
from transformers import PreTrainedModel, TrainingArguments

from mmser.errors import SettingsError
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion, build_speech
from mmser.models.fusion.speeds import parse_speeds
from mmser.models.loading import Processor, encoders_of
from mmser.models.strict import refusing_bad_towers
from mmser.training.arguments import AudioSettings, FusionSettings, RunSettings
from mmser.training.closed_form import fit_classifier
from mmser.training.describing import describe
from mmser.training.fitting import check_lora, fit_audio_tower, fit_text_tower
from mmser.training.inputs import read_clips
from mmser.training.run import Run


def prepare_run(
    settings: RunSettings, towers: AudioSettings, arguments: TrainingArguments, corpus: datasets.DatasetDict
) -> Run:
    """Build a model, freeze what is not to be trained, and run its frozen towers where they were not yet.

    Args:
        settings: of the run.
        towers: a speech encoder alone, or with a text encoder (:class:`FusionSettings`), and their head.
        arguments: transformers' own.
        corpus: splits "train", "validation", "test".

    Raises:
        CheckpointError: an encoder cannot be read, or is none.
        SettingsError: settings that do not go together.
    """
    classes = corpus["train"].features["label"].names
    with refusing_bad_towers():
        model, processor = _build(towers, classes)
    encoders = encoders_of(model)
    fit_audio_tower(encoders["audio"], towers)
    if isinstance(towers, FusionSettings):
        fit_text_tower(encoders["text"], towers)
    check_lora(model, towers)
    described = describe(settings, towers, arguments)
    inputs = read_clips(model, processor, corpus, settings, device=arguments.device)
    shrinkage = towers.lda_shrinkage
    if shrinkage is not None:
        _check_nothing_is_learnt(settings, towers, arguments)
    fit = None if shrinkage is None else partial(fit_classifier, inputs, shrinkage)
    return Run(inputs, corpus, settings, arguments, described, fit)


def _build(towers: AudioSettings, classes: list[str]) -> tuple[PreTrainedModel, Processor]:
    """The fusion model; of sound alone transformers' own classifier, unless it cannot pool so."""
    window = {"window_s": towers.window_s}
    if not isinstance(towers, FusionSettings) and towers.has_stock_head:
        return build_audio_classifier(towers.audio_encoder, classes, **window, **towers.tower_options)
    head: dict[str, Any] = {
        "dropout": towers.dropout,
        "audio_pooling": towers.pooling,
        "audio_layers": towers.layers,
        "speeds": parse_speeds(towers.speeds),
        "tower_options": towers.tower_options,
        **window,
    }
    if not isinstance(towers, FusionSettings):
        return build_speech(towers.audio_encoder, classes, **head)
    return build_fusion(
        towers.audio_encoder,
        towers.text_encoder,
        classes,
        text_pooling=towers.text_pooling,
        text_layers=towers.text_layers,
        modality_dropout=towers.modality_dropout,
        **head,
    )


def _check_nothing_is_learnt(
    settings: RunSettings, towers: AudioSettings, arguments: TrainingArguments
) -> None:
    """Refuse settings of training beside a classifier that is computed.

    Raises:
        SettingsError: one of them is given.
    """
    given = {
        "loss": settings.gamma is not None,
        "class_weights": settings.class_weights,
        "layer_lr_decay": settings.layer_lr_decay != 1,
        "head_learning_rate": settings.head_learning_rate is not None,
        "patience": settings.patience > 0,
        "label_smoothing_factor": arguments.label_smoothing_factor > 0,
        "dropout": towers.dropout > 0 and not isinstance(towers, FusionSettings),
        "modality_dropout": isinstance(towers, FusionSettings) and towers.modality_dropout > 0,
    }
    odd = [name for name, is_given in given.items() if is_given]
    if odd:
        raise SettingsError(
            f"lda_shrinkage computes the classifier, and {', '.join(odd)} are for training one. Leave out "
            "one or the other."
        )
