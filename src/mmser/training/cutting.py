"""Train the top of a tower behind its frozen rest.  tower, depth -> its blocks from there on

The blocks below never change, so what they make of a clip is computed once, as for a frozen tower.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from mmser.models.fusion.towers import encode_audio
from mmser.training.freezing import blocks_of, final_norm_of, is_frozen, stands_last

_NOT_CUT = ("wavlm",)  # its first block computes what all others read


def frozen_depth(tower: PreTrainedModel) -> int:
    """How many of a speech encoder's blocks are frozen with all that stands before them.

    Returns:
        Their number; 0 where something before the first block is trained, or the encoder cannot be cut.
    """
    blocks = blocks_of(tower)
    above = {id(weight) for part in (*blocks, final_norm_of(tower)) for weight in part.parameters()}
    trained = [weight for weight in tower.parameters() if weight.requires_grad]
    if tower.config.model_type in _NOT_CUT or any(id(weight) not in above for weight in trained):
        return 0
    return next((index for index, block in enumerate(blocks) if not is_frozen(block)), len(blocks))


def bottom_of(tower: Any, depth: int) -> PreTrainedModel:
    """A speech encoder up to a depth: its last hidden states are what leaves that many blocks."""
    bottom = copy.copy(tower)
    if isinstance(tower, WhisperEncoder):
        bottom._modules = {
            **tower._modules,
            "layers": tower.layers[:depth],
            "layer_norm": nn.Identity(),
        }
        return bottom
    encoder = copy.copy(tower.encoder)
    encoder._modules = {**tower.encoder._modules, "layers": tower.encoder.layers[:depth]}
    if stands_last(tower.config):
        encoder._modules["layer_norm"] = nn.Identity()
    bottom._modules = {**tower._modules, "encoder": encoder}
    return bottom


def run_bottom(
    tower: PreTrainedModel, depth: int, input_values: Tensor, attention_mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Run a speech encoder up to a depth.

    Args:
        tower: the encoder.
        depth: blocks that are run.
        input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
        attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper.

    Returns:
        Frames with 1 behind those that are real, else 0, (B, F, 1, D + 1); and True at frames that the blocks
        above read, (B, F): real ones, or for Whisper, which attends to its whole window, all.
    """
    (hidden,), real = encode_audio(bottom_of(tower, depth), input_values, attention_mask)
    frames = torch.cat([hidden, real[..., None].to(hidden.dtype)], dim=-1)[:, :, None]
    return frames, torch.ones_like(real) if isinstance(tower, WhisperEncoder) else real


class TowerTop(nn.Module):
    """The blocks of a speech encoder from a depth on; its weights are the encoder's own.

    Args:
        tower: the encoder.
        depth: blocks left out, from 1.
    """

    def __init__(self, tower: PreTrainedModel, depth: int):
        super().__init__()
        is_whisper = isinstance(tower, WhisperEncoder)
        self.top: nn.Module = (
            _WhisperTop(tower, depth) if is_whisper else _without_bottom(tower.encoder, depth, tower.config)
        )

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """What leaves the last block.

        Args:
            frames: what enters the first of the blocks, (B, F, D).
            mask: True at frames that are attended to, (B, F); Whisper attends to all.

        Returns:
            (B, F, D).
        """
        return self.top(frames, mask)


class _WhisperTop(nn.Module):
    def __init__(self, tower: Any, depth: int):
        super().__init__()
        self.layers = tower.layers[depth:]
        self.layer_norm = tower.layer_norm

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            frames = layer(frames, None)
        return self.layer_norm(frames)


class _HubertTop(nn.Module):
    """A wav2vec 2.0-like encoder whose parts below a depth let frames pass."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        return self.encoder(frames.clone(), attention_mask=mask).last_hidden_state


class _Zeros(nn.Module):
    """In place of positions that the frames already have."""

    def forward(self, frames: Tensor) -> Tensor:
        return torch.zeros_like(frames)


def _without_bottom(encoder: Any, depth: int, config: Any) -> _HubertTop:
    top = copy.copy(encoder)
    passing: Mapping[str, nn.Module] = {
        "pos_conv_embed": _Zeros(),
        "dropout": nn.Identity(),
        "layers": encoder.layers[depth:],
    }
    if not stands_last(config):
        passing = {**passing, "layer_norm": nn.Identity()}
    top._modules = {**encoder._modules, **passing}
    return _HubertTop(top)
