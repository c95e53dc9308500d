"""Alter training clips as they are heard.  waveform, clip id, epoch -> waveform

What is done to a clip follows from the run's seed, the epoch and the clip's id alone, so it is the same in
however many workers and processes, and in a resumed run.
"""

import hashlib
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerState, TrainingArguments

from mmser.audio.augmentation import AugmentationSettings, augment_waveform, choose_kind


class Augmenter:
    """Alters clips, some of them, in one way each.

    Args:
        settings: what may be done, and how far.
        probability: of being altered at all.
    """

    def __init__(self, settings: AugmentationSettings, probability: float):
        self.settings = settings
        self.probability = probability
        # Seed and epoch; in shared memory, for workers that live longer than an epoch.
        self._moment = torch.zeros(2, dtype=torch.int64).share_memory_()

    def begin_epoch(self, epoch: int, *, seed: int) -> None:
        """Alter clips in another way from here on, in every worker.

        Args:
            epoch: counted from 0.
            seed: of the run.
        """
        self._moment.copy_(torch.tensor([seed, epoch]))

    def __call__(self, waveform: np.ndarray, clip_id: str) -> np.ndarray:
        """A clip as it is heard in this epoch, float32 (S',), at 16 kHz.

        Args:
            waveform: float32 (S,), full scale 1, at 16 kHz.
            clip_id: names the clip.
        """
        seed, epoch = self._moment.tolist()
        digest = hashlib.sha256(f"{seed}/{epoch}/{clip_id}".encode()).digest()
        chance, kind_seed, copy_seed = (int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8))
        if chance >= self.probability * 2**32:
            return waveform
        kind = choose_kind(kind_seed, self.settings)
        return augment_waveform(waveform, kind, seed=copy_seed, settings=self.settings)[0]


class EpochCallback(TrainerCallback):
    """Tells what alters clips which epoch begins, before workers are asked for its first."""

    def __init__(self, augmenter: Augmenter):
        self.augmenter = augmenter

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any
    ) -> None:
        """Called by Trainer in every process; a resumed run may begin within an epoch."""
        self.augmenter.begin_epoch(int((state.epoch or 0.0) + 1e-6), seed=args.seed)
