"""Encode short clips in Whisper's window at a fraction of its cost.  mels (B, M, 2N) -> states (B, P, D)

Whisper was trained on windows of 30 s. A window cut to a clip of 2 s is ten times cheaper, but Whisper then
does not know that the clip is over and repeats itself. Here the window keeps its length and its silence is
thinned: of 16 silent positions one stands for all, at its own place, and the logarithm of 16 added to its
attention scores makes it weigh as much as they would. The clip's own positions are all there. (The window's
last position, where Whisper's convolutions see zeros in place of silence, is taken for one like the others.)
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

POSITIONS_PER_S = 50  # one each 20 ms
WINDOW_S = 30  # all that Whisper can hear at once
STRIDE = 16  # silent positions that one stands for; from 32 on Whisper repeats itself
_MEL_RANGE = 2.0  # whisper.log_mel_spectrogram cuts 8 decades below the peak, and divides by 4
_MEL_FLOOR = -1.5  # of digital silence: (log10(1e-10) + 4) / 4
_SILENT_FRAMES = 8  # after the clip: more than the two convolutions reach
_FAST_BF16 = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class EncodedWindow:
    """A batch of encoded windows.

    Attributes:
        states: of the clips' positions, then of the silent ones that were kept, (B, P, D).
        log_weights: logarithm of the number of positions that each stands for, (P,).
    """

    states: Tensor
    log_weights: Tensor


@torch.inference_mode()
def encode_window(model: Any, mels: Tensor, *, stride: int = STRIDE) -> EncodedWindow:
    """Encode clips of one length, followed by silence to the end of Whisper's window.

    A clip's states do not depend on the clips beside it.

    Args:
        model: an openai-whisper model.
        mels: log-mel spectrograms as whisper makes them, each holding its clip's peak, (B, M, 2N).
        stride: silent positions that one stands for.
    """
    with fast_precision(mels.device):
        num_positions = mels.shape[2] // 2
        kept, run_lengths = thin_silence(num_positions, model.dims.n_audio_ctx, stride)
        weights = torch.cat([torch.ones(num_positions), run_lengths]).to(mels.device)
        window = EncodedWindow(_embed(model.encoder, mels, kept), weights.log())
        for block in model.encoder.blocks:
            window = EncodedWindow(_apply_block(block, window), window.log_weights)
        return EncodedWindow(model.encoder.ln_post(window.states).float(), window.log_weights)


def thin_silence(num_positions: int, window: int, stride: int) -> tuple[Tensor, Tensor]:
    """Choose the silent positions that are kept.

    Args:
        num_positions: positions of the clip, at the window's start.
        window: all positions of the window.
        stride: positions that one stands for.

    Returns:
        The middle one of each run of ``stride`` positions (of fewer, at the end), and the runs' lengths.
    """
    starts = torch.arange(num_positions, window, stride)
    run_lengths = (window - starts).clamp(max=stride)
    return starts + run_lengths // 2, run_lengths


def split_heads(attention: Any, hidden: Tensor) -> Tensor:
    """(B, P, D) -> (B, heads, P, D / heads)."""
    return hidden.unflatten(2, (attention.n_head, -1)).transpose(1, 2)


def attend(attention: Any, query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
    """Whisper's attention, with options of ``scaled_dot_product_attention``.

    Args:
        attention: one of the model's ``MultiHeadAttention``.
        query: what asks, before its projection, (B, Q, D).
        key: projected and split into heads, (B, heads, P, D / heads).
        value: likewise.
        options: ``attn_mask`` or ``is_causal``.

    Returns:
        (B, Q, D).
    """
    heads = split_heads(attention, attention.query(query))
    found = functional.scaled_dot_product_attention(heads, key, value, **options)
    return attention.out(found.transpose(1, 2).flatten(2))


def fast_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Whisper's own half precision on a GPU, bfloat16 on processors that multiply it, else float32."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.float16)
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.11 has none
    fast = any(capabilities.get(name) for name in _FAST_BF16)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast and device.type == "cpu")


def _embed(encoder: Any, mels: Tensor, kept: Tensor) -> Tensor:
    """The encoder's convolutions over clip and silence, with their places: (B, M, 2N) -> (B, P, D)."""
    num_positions = mels.shape[2] // 2
    peak = mels.amax(dim=(1, 2), keepdim=True)
    silence = (peak - _MEL_RANGE).clamp(min=_MEL_FLOOR).expand(-1, mels.shape[1], _SILENT_FRAMES)
    hidden = functional.gelu(encoder.conv1(torch.cat([mels, silence], dim=2)))
    hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    places = encoder.positional_embedding
    clip = hidden[:, :num_positions] + places[:num_positions]
    silent = hidden[:, num_positions + 1, None] + places[kept.to(places.device)]  # alike at all positions
    return torch.cat([clip, silent], dim=1)


def _apply_block(block: Any, window: EncodedWindow) -> Tensor:
    """One block of the encoder, each position weighing as many as it stands for."""
    normed = block.attn_ln(window.states)
    key, value = block.attn.key(normed), block.attn.value(normed)
    states = window.states + attend(
        block.attn,
        normed,
        split_heads(block.attn, key),
        split_heads(block.attn, value),
        attn_mask=window.log_weights.to(key.dtype)[None, None, None],
    )
    return states + block.mlp(block.mlp_ln(states))
