"""Pool what a tower makes of a clip.  hidden states of layers (B, F, D), mask (B, F) -> a vector (B, W)

In two steps. The first, :meth:`Pooling.reduce`, has no weights: it turns hidden states into rows, either
their mean and standard deviation over time or the frames themselves. What a frozen tower says of a clip is
kept in this form. The second, calling the module, has the weights: of layers, of frames.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

POOLINGS = ("mean", "mean+std", "attention")
LAYERS = ("last", "weighted")  # or a range
_LEAST_VARIANCE = 1e-6  # keeps the root's gradient finite where a clip has one frame


class Pooling(nn.Module):
    """Weigh the layers of a tower, then pool over time.

    Args:
        width: D of the tower.
        num_layers: of the tower's hidden states: its blocks, and what enters the first.
        pooling: "mean"; "mean+std", both side by side (statistics pooling, Snyder et al., 2018);
            "attention", a mean whose weights are the softmax of a learned linear score of each frame
            (self-attentive pooling with one head, Safari et al., 2020).
        layers: "last"; "weighted", a softmax-weighted sum over all layers (SUPERB, Yang et al., 2021), with
            "mean+std" of their means and standard deviations, not of their frames; or some side by side,
            "2-4", counted from 0 for what enters the first block.

    Raises:
        ValueError: an unknown pooling or choice of layers.
    """

    def __init__(self, width: int, num_layers: int, *, pooling: str = "mean", layers: str = "last"):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}, expected one of {list(POOLINGS)}.")
        self.pooling = pooling
        self.layers = layers
        self._range = None if layers in LAYERS else parse_layers(layers, num_layers)
        width *= 1 if self._range is None else len(self._range)
        self.out_features = 2 * width if pooling == "mean+std" else width
        if layers == "weighted":
            self.layer_weights = nn.Parameter(torch.zeros(num_layers))
        if pooling == "attention":
            self.score = nn.Linear(width, 1)

    @property
    def reads_all_layers(self) -> bool:
        """Whether hidden states of every layer are needed, not the last alone."""
        return self.layers != "last"

    @property
    def reads_frames(self) -> bool:
        """Whether rows are frames, not statistics over them."""
        return self.pooling == "attention"

    def reduce(self, hidden: Sequence[Tensor], mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn hidden states into rows, without weights.

        Args:
            hidden: of each layer that is needed, (B, F, D).
            mask: True at real positions, (B, F).

        Returns:
            Rows (B, R, L, D) of the L layers given, and True where they are real (B, R): R = 2 statistics in
            float32, mean and standard deviation; or R = F frames.
        """
        if self.reads_frames:
            return torch.stack(list(hidden), dim=2), mask
        rows = torch.stack([masked_statistics(layer, mask) for layer in hidden], dim=2)
        return rows, mask.any(dim=1, keepdim=True).expand(-1, 2)

    def select(self, rows: Tensor) -> Tensor:
        """Of the rows of one clip, (R, L, D), those that are read."""
        if self._range is not None:
            rows = rows[:, self._range.start : self._range.stop]
        elif self.layers == "last":
            rows = rows[:, -1:]
        return rows[:1] if self.pooling == "mean" else rows

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Weigh the layers and pool.

        Args:
            rows: what :meth:`reduce` gives, (B, R, L, D), or what :meth:`select` leaves of it.
            mask: True at real rows, (B, R).

        Returns:
            (B, W); zeros where a clip has no real row.
        """
        return self._pool(rows, mask).masked_fill(~mask.any(dim=1, keepdim=True), 0.0)

    def mix(self, rows: Tensor) -> Tensor:
        """Weigh the layers of rows or frames, as :meth:`forward` takes them: (B, R, L, D) -> (B, R, W)."""
        if self.layers == "weighted":
            return torch.einsum("brld,l->brd", rows, self.layer_weights.softmax(0).to(rows.dtype))
        if self._range is not None:
            chosen = rows[:, :, self._range.start : self._range.stop]
            return (rows if rows.shape[2] == len(self._range) else chosen).flatten(2)
        return rows[:, :, -1]

    def weigh_layers(self, num_layers: int) -> Tensor:
        """What each of all layers counts for, (L,): 1 for each that is read side by side, else a share."""
        if self.layers == "weighted":
            return self.layer_weights.softmax(0)
        weights = torch.zeros(num_layers)
        weights[list(self._range or [num_layers - 1])] = 1.0
        return weights

    def weigh_frames(self, frames: Tensor, mask: Tensor) -> Tensor:
        """The share that each frame has in the mean over time.

        Args:
            frames: frames whose layers are weighed, (B, F, W).
            mask: True at real frames, (B, F); at least one in each row.

        Returns:
            (B, F), float32; 0 at padding, 1 in sum.
        """
        if self.pooling != "attention":
            return mask / mask.sum(dim=1, keepdim=True)
        scores = self.score(frames).float().squeeze(-1)
        return scores.masked_fill(~mask, torch.finfo(torch.float32).min).softmax(-1)

    def _pool(self, rows: Tensor, mask: Tensor) -> Tensor:
        mixed = self.mix(rows)
        if self.pooling == "mean":
            return mixed[:, 0]
        if self.pooling == "mean+std":
            return mixed.flatten(1)
        weights = self.weigh_frames(mixed, mask)
        real = mixed.masked_fill(~mask[..., None], 0.0)
        return torch.einsum("br,brd->bd", weights.to(real.dtype), real)


def masked_statistics(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean and standard deviation over real positions.

    Args:
        hidden: (B, F, D).
        mask: True at real positions, (B, F).

    Returns:
        float32 (B, 2, D). The deviation is that of the population, the root of variance + 1e-6.
    """
    mean = _masked_mean(hidden, mask)
    variance = _masked_mean((hidden.float() - mean[:, None]).square(), mask)
    return torch.stack([mean, (variance + _LEAST_VARIANCE).sqrt()], dim=1)


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average hidden states over real positions.

    Args:
        hidden: (B, F, D).
        mask: True at real positions, (B, F).

    Returns:
        (B, D), same dtype as ``hidden``; summed in float32.
    """
    return _masked_mean(hidden, mask).to(hidden.dtype)


def _masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    real = hidden.masked_fill(~mask[..., None], 0.0)
    return real.sum(dim=1, dtype=torch.float32) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def parse_layers(text: str, num_layers: int | None = None) -> range:
    """Read what ``layers`` takes beside names: "2-4" or "3", of a tower with so many layers.

    Raises:
        ValueError: it is none, or the tower has no such layer.
    """
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) < int(first):
        raise ValueError(f"layers is {text!r}, expected one of {list(LAYERS)}, or a range such as '2-4'.")
    chosen = range(int(first), int(last or first) + 1)
    if num_layers is not None and chosen[-1] >= num_layers:
        raise ValueError(f"layers is {text!r}, but the tower's layers are 0 to {num_layers - 1}.")
    return chosen
