"""Group norm over real frames only.  speech encoder -> the same, blind to padding.

Encoders with ``feat_extract_norm="group"`` (hubert-base, wav2vec2-base) normalise each channel of their
first convolution over time, and padding is part of that time: a clip beside a longer one changes. Here the
statistics run over the frames that the attention mask calls real; without a mask nothing differs from stock.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer


class MaskedNormConvLayer(GradientCheckpointingLayer):
    """The first convolution of a speech encoder, its group norm blind to padding.

    Takes over the stock layer's own parts under their own names, so the state dict stays as it was.

    Attributes:
        num_samples: real samples of each clip in the forward pass under way, (B,), or None. Set and cleared
            by the encoder's hooks; handed on as an argument, so that a recomputation under gradient
            checkpointing sees the lengths of its own pass.
    """

    def __init__(self, conv: nn.Conv1d, layer_norm: nn.GroupNorm, activation: nn.Module):
        super().__init__()
        self.conv = conv
        self.layer_norm = layer_norm
        self.activation = activation
        self.num_samples: Tensor | None = None

    def __call__(self, hidden: Tensor) -> Tensor:
        """Convolve, normalise, activate; (B, 1, S) -> (B, D, F)."""
        return super().__call__(hidden, self.num_samples)

    def forward(self, hidden: Tensor, num_samples: Tensor | None = None) -> Tensor:
        """The same with the lengths as an argument, (B,)."""
        hidden = self.conv(hidden)
        if num_samples is None:
            return self.activation(self.layer_norm(hidden))
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        num_frames = torch.div(num_samples - kernel, stride, rounding_mode="floor") + 1
        return self.activation(masked_channel_norm(hidden, num_frames, self.layer_norm))


def masked_channel_norm(hidden: Tensor, num_frames: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Normalise each channel of each clip over its real frames.

    Args:
        hidden: (B, D, F).
        num_frames: real frames of each clip, (B,); the others follow them.
        norm: gives scale, shift and epsilon; as many groups as channels.

    Returns:
        (B, D, F), same dtype as ``hidden``; computed in float32. What lies behind the real frames is zero, or
        anything in a graph.
    """
    if torch.jit.is_tracing() or torch.compiler.is_compiling():
        return _norm_without_loop(hidden, num_frames, norm)
    length, counts = hidden.shape[-1], num_frames.clamp(min=1).tolist()
    if min(counts) == length:
        return _group_norm(hidden, norm)
    normed = [_group_norm(hidden[clip : clip + 1, :, :count], norm) for clip, count in enumerate(counts)]
    # Not written into one tensor: the gradient would be copied whole once a clip.
    return torch.cat([nn.functional.pad(each, (0, length - each.shape[-1])) for each in normed])


def _group_norm(hidden: Tensor, norm: nn.GroupNorm) -> Tensor:
    # nn.functional's refuses a clip of one frame; autocast would widen the result.
    normed = torch.group_norm(hidden, norm.num_groups, norm.weight, norm.bias, norm.eps)
    return normed.to(hidden.dtype)


def _norm_without_loop(hidden: Tensor, num_frames: Tensor, norm: nn.GroupNorm) -> Tensor:
    """The same for graphs, which hold no loop over clips; four times as slow."""
    counts = num_frames.clamp(min=1)[:, None, None]
    real = torch.arange(hidden.shape[-1], device=hidden.device) < counts  # (B, 1, F)
    values = hidden.float()
    mean = (values * real).sum(-1, keepdim=True) / counts
    centred = values - mean
    variance = (centred * real).square().sum(-1, keepdim=True) / counts
    normed = centred * torch.rsqrt(variance + norm.eps)
    return (normed * norm.weight[:, None] + norm.bias[:, None]).to(hidden.dtype)


def install_masked_norm(model: nn.Module) -> nn.Module:
    """Make every convolutional speech encoder inside ``model`` blind to padding, in place.

    Encoders that are so already stay as they are: most with layer norm, and all that have been here before.

    Returns:
        ``model``.
    """
    for encoder in list(model.modules()):
        layers = getattr(getattr(encoder, "feature_extractor", None), "conv_layers", None)
        if layers is None or not (_replace_group_norm(layers) or _guard_positions(encoder)):
            continue
        encoder.register_forward_pre_hook(_set_lengths, with_kwargs=True)
        encoder.register_forward_hook(_clear_lengths, always_call=True)
    return model


def _replace_group_norm(layers: nn.ModuleList) -> bool:
    """Swap the first convolution for one with masked norm; False where there is no need."""
    stock: Any = layers[0]
    norm = getattr(stock, "layer_norm", None)
    if isinstance(stock, MaskedNormConvLayer) or not isinstance(norm, nn.GroupNorm):
        return False
    layers[0] = MaskedNormConvLayer(stock.conv, norm, stock.activation).train(stock.training)
    return True


def _guard_positions(encoder: Any) -> bool:
    """Zero padding before each of Data2Vec's positional convolutions; False where there is no need.

    Other encoders have one such convolution and zero the padding before it. Data2Vec has five, and what
    one of them writes over padding the next would read.
    """
    layers = _positional_layers(encoder)
    if not layers or hasattr(layers[0], "num_frames"):
        return False
    for layer in layers:
        layer.num_frames = None
        layer.register_forward_pre_hook(_zero_padding)
    return True


def _zero_padding(layer: Any, args: tuple[Tensor]) -> tuple[Tensor] | None:
    if layer.num_frames is None:
        return None
    real = torch.arange(args[0].shape[-1], device=args[0].device) < layer.num_frames[:, None, None]
    return (args[0] * real,)


def _set_lengths(encoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the encoder runs: note how much of each clip is real."""
    mask = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
    num_samples = None if mask is None else mask.sum(-1)
    encoder.feature_extractor.conv_layers[0].num_samples = num_samples
    for layer in _positional_layers(encoder):
        layer.num_frames = (
            None if num_samples is None else encoder._get_feat_extract_output_lengths(num_samples)
        )


def _clear_lengths(encoder: Any, args: tuple[Any, ...], output: object) -> None:
    """After the encoder ran, or failed: forget it."""
    encoder.feature_extractor.conv_layers[0].num_samples = None
    for layer in _positional_layers(encoder):
        layer.num_frames = None


def _positional_layers(encoder: Any) -> list[Any]:
    return list(getattr(encoder.encoder.pos_conv_embed, "layers", ()))
