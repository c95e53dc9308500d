"""Clips of like length in one batch.  lengths -> batches of indices"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

_MAX_BATCH_S = {"cpu": 7.5}  # more at a time is no faster on a processor
_MAX_BATCH_S_ELSEWHERE = 120.0


def max_batch_s(device: torch.device | str) -> float:
    """Seconds of sound that a device takes at a time, padding included."""
    return _MAX_BATCH_S.get(torch.device(device).type, _MAX_BATCH_S_ELSEWHERE)


@dataclass(frozen=True)
class BatchLimits:
    """How large a batch may be.

    Attributes:
        max_items: in it.
        max_length: of all its items, padded to the longest; one item alone may be longer.
    """

    max_items: int
    max_length: float = math.inf


def iter_batches(lengths: Sequence[float], limits: BatchLimits) -> Iterator[list[int]]:
    """Put items of like length together, the shortest first.

    Args:
        lengths: of each item.
        limits: of a batch.

    Yields:
        Indices into ``lengths``; each occurs once.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        too_long = (len(batch) + 1) * lengths[index] > limits.max_length
        if batch and (too_long or len(batch) == limits.max_items):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
