"""The decoder's forward pass over encoded windows.  tokens (B, T) -> logits of the next ones

In place of whisper's ``PyTorchInference``, whose hooks know no weights of positions: keys and values of the
windows are projected once, logits computed where they are read, and clips that have ended leave the batch.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from whisper.decoding import Inference

from mmser.curation.whisper_window import EncodedWindow, attend, fast_precision, split_heads

KeyValue = tuple[Tensor, Tensor]  # each (B, heads, P, D / heads)


@dataclass
class _Memory:
    """What a decoder block attends to, for the clips that go on.

    Attributes:
        heard: the encoded windows.
        written: the tokens so far; None before the first.
    """

    heard: KeyValue
    written: KeyValue | None = None

    def append(self, key: Tensor, value: Tensor) -> KeyValue:
        """Add the tokens that were fed, and return all."""
        if self.written is not None:
            key = torch.cat([self.written[0], key], dim=2)
            value = torch.cat([self.written[1], value], dim=2)
        self.written = key, value
        return self.written

    def select(self, rows: Tensor) -> None:
        """Keep some rows of the batch."""
        self.heard = self.heard[0][rows], self.heard[1][rows]
        if self.written is not None:
            self.written = self.written[0][rows], self.written[1][rows]


class WindowInference(Inference):
    """whisper's ``Inference`` over windows that :func:`encode_window` made.

    Args:
        model: an openai-whisper model.
        window: the encoded clips.
        eot: the token that ends a transcript.
    """

    def __init__(self, model: Any, window: EncodedWindow, eot: int):
        self.decoder = model.decoder
        self.log_weights = window.log_weights[None, None, None]
        self.eot = eot
        self.rows = torch.arange(len(window.states), device=window.states.device)
        with fast_precision(window.states.device):
            self.memories = [
                _Memory(_project(block.cross_attn, window.states)) for block in self.decoder.blocks
            ]

    def logits(self, tokens: Tensor, audio_features: Tensor) -> Tensor:
        """Feed the tokens that are new.

        Args:
            tokens: of all clips, also of those that have ended, (B, T).
            audio_features: not used; the windows were given before.

        Returns:
            Logits after the first and the last token fed, (B, 2, V); of clips that have left, zeros.
        """
        self._let_go(tokens[:, -1] == self.eot)
        num_fed = 0 if self.memories[0].written is None else self.memories[0].written[0].shape[2]
        logits = self._forward(tokens[self.rows, num_fed:], num_fed)
        if len(self.rows) == len(tokens):
            return logits
        full = logits.new_zeros(len(tokens), *logits.shape[1:])
        full[self.rows] = logits
        return full

    def _let_go(self, ended: Tensor) -> None:
        """Drop ended clips once they are half of the batch: copying the others costs as much as a step."""
        going_on = ~ended[self.rows]
        num_left = int(going_on.sum())
        if 0 < num_left <= len(self.rows) // 2:
            self.rows = self.rows[going_on]
            for memory in self.memories:
                memory.select(going_on)

    def _forward(self, tokens: Tensor, num_fed: int) -> Tensor:
        decoder, num_new = self.decoder, tokens.shape[1]
        hidden = decoder.token_embedding(tokens) + decoder.positional_embedding[num_fed : num_fed + num_new]
        for block, memory in zip(decoder.blocks, self.memories, strict=True):
            normed = block.attn_ln(hidden)
            written = memory.append(*_project(block.attn, normed))
            hidden = hidden + attend(block.attn, normed, *written, is_causal=num_new > 1)
            normed = block.cross_attn_ln(hidden)
            hidden = hidden + attend(block.cross_attn, normed, *memory.heard, attn_mask=self.log_weights)
            hidden = hidden + block.mlp(block.mlp_ln(hidden))
        read = decoder.ln(hidden[:, [0, -1]])
        return (read @ decoder.token_embedding.weight.T).float()


def _project(attention: Any, hidden: Tensor) -> KeyValue:
    """Keys and values of states, (B, P, D), for an attention in float32."""
    key, value = attention.key(hidden).float(), attention.value(hidden).float()
    return split_heads(attention, key).contiguous(), split_heads(attention, value).contiguous()
