"""Follow one clip through a model.  model, batch of one clip -> states of its towers, votes of its frames

From frames to logits a head is linear: it takes a weighted mean over time, and each class a weighted sum of
that. So the logits are a sum over frames and tokens, and what each of them adds to a class can be told
exactly. Only a head that reads deviations over time ("mean+std") has a part that belongs to no single frame.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.errors import SettingsError
from mmser.models.audio_classifier import STOCK_POOLING, encode_layers
from mmser.models.exported import ExportedModel
from mmser.models.fusion import FusionForEmotionClassification
from mmser.models.fusion.pooling import Pooling
from mmser.models.fusion.pretrained import WHISPER_FRAMES_PER_S
from mmser.models.fusion.towers import PLAIN_NDIM, encode_audio, encode_text


@dataclass(frozen=True)
class TowerTrace:
    """What one tower makes of a clip; F are its real frames, of a text tower its tokens.

    Attributes:
        states: what enters the first block and what leaves each, (L, F, D).
        layer_weights: what each layer counts for in the head, (L,).
        frame_weights: the share of each frame in the mean over time, (F,), 1 in sum.
        pooled: what the head reads of this tower, (W,).
        votes: what each frame adds to the logit of each class, (F, C).
    """

    states: np.ndarray
    layer_weights: np.ndarray
    frame_weights: np.ndarray
    pooled: np.ndarray
    votes: np.ndarray


@dataclass(frozen=True)
class Trace:
    """A clip's way through a model.

    Attributes:
        audio: of the speech encoder.
        text: of the text encoder; None for a model that reads no text.
        constant: what no frame adds to the logits: the bias, and the share of deviations over time, (C,).
        logits: what the model itself answers, (C,): the sum of all votes and the constant.
        frame_s: seconds from one frame of the speech encoder to the next.
    """

    audio: TowerTrace
    text: TowerTrace | None
    constant: np.ndarray
    logits: np.ndarray
    frame_s: float


@dataclass(frozen=True)
class _Tower:
    """States (1, F, D) of each layer, mask (1, F), pooling, and the weights (C, W) of what it pools."""

    hidden: Sequence[Tensor]
    mask: Tensor
    pooling: Pooling
    weight: Tensor


@torch.inference_mode()
def trace_clip(model: Any, inputs: Mapping[str, Tensor]) -> Trace:
    """Follow one clip through a model.

    Args:
        model: a fusion model or a stock audio classifier, in eval mode.
        inputs: what the model's processor pads, of one clip with its sound and, where the model reads text,
            its transcript.

    Raises:
        SettingsError: several clips, a model that hears each at several speeds, or an exported one, whose
            states cannot be seen.
        ValueError: a stock classifier that mixes layers (``use_weighted_layer_sum``).
    """
    if isinstance(model, ExportedModel):
        raise SettingsError(
            "An exported model does not show its states. Follow the clip through the run that it was made of."
        )
    sizes = {len(each) for each in inputs.values()}
    if sizes != {1}:
        raise SettingsError(f"Got a batch of {max(sizes)} clips, expected one: pad([features]) of one clip.")
    if isinstance(model, FusionForEmotionClassification):
        towers, bias = _open_fusion(model, **inputs)
    else:
        towers, bias = _open_stock(model, inputs)
    traces = [_trace_tower(tower) for tower in towers]
    constant = bias + sum(_constant_of(tower, trace) for tower, trace in zip(towers, traces, strict=True))
    logits = model(**inputs).logits[0]
    return Trace(
        audio=traces[0],
        text=traces[1] if len(traces) > 1 else None,
        constant=_array(constant),
        logits=_array(logits),
        frame_s=_measure_frame_s(getattr(model.config, "audio_config", model.config)),
    )


def name_tokens(processor: Any, features: Mapping[str, np.ndarray]) -> list[str]:
    """The tokens of one clip's text, as ``processor.features`` gives them; none where only sound is heard."""
    if "input_ids" not in features:
        return []
    return processor.tokenizer.convert_ids_to_tokens(features["input_ids"].tolist())


def _measure_frame_s(config: Any) -> float:
    """Whisper's encoder takes 100 columns a second and halves them; the others convolve samples at 16 kHz."""
    if config.model_type == "whisper":
        return 1 / WHISPER_FRAMES_PER_S
    return math.prod(config.conv_stride) / SAMPLE_RATE_HZ


def _open_fusion(
    model: FusionForEmotionClassification,
    input_values: Tensor,
    attention_mask: Tensor,
    input_ids: Tensor | None = None,
    text_attention_mask: Tensor | None = None,
) -> tuple[list[_Tower], Tensor]:
    """Both towers of a fusion model, or the one that it has, and the classifier's bias."""
    if attention_mask.ndim > PLAIN_NDIM:
        raise SettingsError(
            f"The model hears a clip at {attention_mask.shape[1]} speeds, whose frames have no time in "
            "common. Follow the clip through a run with one speed."
        )
    weight = model.classifier.weight
    width = model.audio_pooling.out_features
    hidden, mask = encode_audio(model.audio_encoder, input_values, attention_mask, all_layers=True)
    towers = [_Tower(hidden, mask, model.audio_pooling, weight[:, :width])]
    if input_ids is not None and text_attention_mask is not None:
        hidden, mask = encode_text(model.text_encoder, input_ids, text_attention_mask, all_layers=True)
        towers.append(_Tower(hidden, mask, model.text_pooling, weight[:, width:]))
    return towers, model.classifier.bias


def _open_stock(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> tuple[list[_Tower], Tensor]:
    """The encoder of a stock classifier, whose two linear layers are one, and the bias of that one."""
    projector: Any = model.projector
    classifier: Any = model.classifier
    hidden, mask = encode_layers(model, **inputs)
    weight = classifier.weight @ projector.weight
    return [_Tower(hidden, mask, STOCK_POOLING, weight)], classifier(projector.bias)


def _trace_tower(tower: _Tower) -> TowerTrace:
    rows = torch.stack(list(tower.hidden), dim=2)  # (1, F, L, D)
    frames = tower.pooling.mix(rows)
    shares = tower.pooling.weigh_frames(frames, tower.mask)[0]
    votes = shares[:, None] * (frames[0] @ tower.weight[:, : frames.shape[-1]].T)
    real = tower.mask[0]
    return TowerTrace(
        states=_array(rows[0, real].transpose(0, 1)),
        layer_weights=_array(tower.pooling.weigh_layers(len(tower.hidden))),
        frame_weights=_array(shares[real]),
        pooled=_array(tower.pooling(*tower.pooling.reduce(tower.hidden, tower.mask))[0]),
        votes=_array(votes[real]),
    )


def _constant_of(tower: _Tower, trace: TowerTrace) -> Tensor:
    """What a tower adds to the logits beyond its frames: the share of deviations over time, (C,)."""
    num_means = tower.weight.shape[1] // (2 if tower.pooling.pooling == "mean+std" else 1)
    deviations = torch.from_numpy(trace.pooled[num_means:]).to(tower.weight.device)
    return tower.weight[:, num_means:] @ deviations


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()
