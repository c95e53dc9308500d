"""Pool a sequence into one vector.  hidden states (B, F, D), mask (B, F) -> (B, D)."""

import torch
from torch import Tensor


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average hidden states over real positions.

    Args:
        hidden: (B, F, D).
        mask: True at real positions, (B, F); at least one in each row.

    Returns:
        (B, D), same dtype as ``hidden``; summed in float32.
    """
    real = hidden.masked_fill(~mask[..., None], 0.0)
    mean = real.sum(dim=1, dtype=torch.float32) / mask.sum(dim=1, keepdim=True)
    return mean.to(hidden.dtype)
