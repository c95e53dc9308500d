"""Sound alone, by transformers' stock audio classifiers.  name or folder -> model and its features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    PreTrainedModel,
    WhisperForAudioClassification,
)

from mmser.models.fusion import AudioFeatures, install_masked_norm
from mmser.models.fusion.pooling import Pooling
from mmser.models.fusion.pretrained import label_maps, load_audio_features, load_audio_tower
from mmser.models.fusion.towers import encode_audio
from mmser.models.strict import load_processor, load_strictly

STOCK_POOLING = Pooling(1, 1)  # the mean of the last layer, which has no weights


def build_audio_classifier(
    source: str, classes: Sequence[str], *, window_s: float = 10.0, **overrides: Any
) -> tuple[PreTrainedModel, AudioFeatures]:
    """Put a fresh head on a pretrained speech encoder; the head reads its last hidden states.

    Args:
        source: name or path of a speech encoder, of any model around one, or of a whole Whisper.
        classes: class names, in the order of the logits.
        window_s: seconds that a Whisper encoder hears; the others hear whole clips.
        overrides: fields of the encoder's configuration.

    Returns:
        A stock model in eval mode, and the features that it takes.

    Raises:
        ValueError: not a speech encoder, an unknown field, missing weights, or a window longer than the
            checkpoint's.
    """
    tower = load_audio_tower(source, window_s=window_s, **overrides)
    config = tower.config
    config.update({**label_maps(classes), "use_weighted_layer_sum": False})
    model_class: Any = MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING[type(config)]
    model = model_class(config)
    setattr(model, _tower_name(model), tower)
    return _prepare(model), load_audio_features(source, config)


def load_audio_classifier(folder: str | Path) -> tuple[PreTrainedModel, AudioFeatures]:
    """Load a trained audio classifier, head and all, in eval mode.

    Raises:
        CheckpointError: the folder lacks weights of the model, or its feature extractor.
    """
    model = load_strictly(AutoModelForAudioClassification, folder)
    return _prepare(model), AudioFeatures(load_processor(AutoFeatureExtractor, folder))


def get_audio_tower(model: PreTrainedModel) -> PreTrainedModel:
    """The encoder of a stock audio classifier."""
    return getattr(model, _tower_name(model))


def reduce_audio(
    model: PreTrainedModel,
    input_values: Tensor | None = None,
    attention_mask: Tensor | None = None,
    *,
    input_features: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Turn what the encoder makes of each clip into rows, of which the stock classifier reads one.

    The classifier projects frames and takes their mean; both are linear, so it may read the mean instead.

    Args:
        model: a stock audio classifier.
        input_values: waveforms, (B, S).
        attention_mask: 1 at real samples, (B, S); Whisper's is not read, for its classifier pools the window.
        input_features: log-mel spectrograms in place of ``input_values`` for Whisper, (B, 80, M).

    Returns:
        As :meth:`Pooling.reduce` gives them: means and standard deviations of all layers, (B, 2, L, D), and
        (B, 2).

    Raises:
        ValueError: the classifier reads a mixture of layers, which is not one vector a clip.
    """
    hidden, mask = encode_layers(model, input_values, attention_mask, input_features=input_features)
    return STOCK_POOLING.reduce(hidden, mask)


def encode_layers(
    model: PreTrainedModel,
    input_values: Tensor | None = None,
    attention_mask: Tensor | None = None,
    *,
    input_features: Tensor | None = None,
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Run the encoder of a stock audio classifier.

    Args:
        model: a stock audio classifier.
        input_values: as :func:`reduce_audio` takes them.
        attention_mask: the same.
        input_features: the same.

    Returns:
        Hidden states of each layer, (B, F, D), and True at frames whose mean the classifier reads, (B, F).

    Raises:
        ValueError: as :func:`reduce_audio`.
    """
    if model.config.use_weighted_layer_sum:
        raise ValueError(
            "The classifier mixes its encoder's layers (use_weighted_layer_sum), so they cannot be "
            "pooled before its head: call the model itself."
        )
    tower = get_audio_tower(model)
    if input_values is None or attention_mask is None:
        values: Any = input_features if input_values is None else input_values
        whole = torch.ones(len(values), values.shape[-1], device=values.device, dtype=torch.long)
        attention_mask, input_values = whole, values
    return encode_audio(tower, input_values, attention_mask, all_layers=True)


def project_rows(model: PreTrainedModel, rows: Tensor, mask: Tensor) -> Tensor:
    """What enters the classifier for what :func:`reduce_audio` gives, (B, 2, L, D) -> (B, W)."""
    return model.projector(STOCK_POOLING(rows, mask).to(model.dtype))  # type: ignore[operator]


def _prepare(model: PreTrainedModel) -> PreTrainedModel:
    # Stock classifiers take **kwargs, from which Trainer concludes that their loss averages over accumulated
    # batches. It does not: without this it is scaled wrongly under accumulation and in several processes.
    model.accepts_loss_kwargs = False  # type: ignore[assignment]
    install_masked_norm(model)
    return model.eval()


def _tower_name(model: PreTrainedModel) -> str:
    return "encoder" if isinstance(model, WhisperForAudioClassification) else model.base_model_prefix
