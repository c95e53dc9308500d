"""In which order clips are trained on.  lengths, seed, epoch -> indices"""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class StepSampler(Sampler[int]):
    """Random order in which the clips of an optimiser step stand by length, the longest first.

    A step's batches then hold clips of like length, and little padding. Its gradient is the same, batch norm
    aside: it is the sum over its clips, and each clip's does not depend on the others. The order follows from
    seed and epoch alone, so it is the same in every process and in a resumed run.

    Args:
        lengths: of each clip, in any unit.
        group: clips in an optimiser step.
        seed: of the order.
        alike: whether clips of similar length share a step, as transformers groups them; else steps are
            drawn at random, those that Trainer draws.
    """

    def __init__(self, lengths: Sequence[float], group: int, *, seed: int, alike: bool = False):
        self.lengths = list(lengths)
        self.group = group
        self.seed = seed
        self.alike = alike
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        if self.alike:
            yield from get_length_grouped_indices(self.lengths, self.group, generator=generator)
            return
        for step in torch.randperm(len(self.lengths), generator=generator).split(self.group):
            yield from sorted(step.tolist(), key=lambda index: -self.lengths[index])

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; accelerate calls it."""
        self.epoch = epoch
