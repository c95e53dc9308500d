"""What a model is trained on.  splits of a corpus -> items, batches

A run asks its inputs for each split as a dataset, and for a way to put items into a batch. Clips are decoded
when asked for; what frozen towers and hand-made features say of them is computed once and kept.
"""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import datasets
import numpy as np
import torch
from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import PreTrainedModel

from mmser.audio.augmentation import AugmentationSettings
from mmser.curation.store import default_cache_dir
from mmser.errors import SettingsError
from mmser.models.loading import Processor
from mmser.models.precision import parse_dtype
from mmser.training.arguments import RunSettings
from mmser.training.augmenting import Augmenter
from mmser.training.collation import ClipDataset, PooledDataset, collate_clips, hear
from mmser.training.embedding import FrozenTowers
from mmser.training.embedding_cache import trim_stores
from mmser.training.frozen import PooledModel, frozen_encoders_of
from mmser.training.tuning import AUGMENT_PROBABILITY

logger = logging.getLogger(__name__)
_NUM_COMPARED = 16  # clips computed in both precisions


class Inputs(Protocol):
    """What a run is trained on.

    Attributes:
        processor: is saved beside the model, where there is one.
        seconds: what computing ahead took, by name.
        several_classes: whether a clip may have several classes; its labels are then 0 or 1, (C,).
        facts: what else metrics.json says of them.
        augmenter: alters training clips, or None; it has to be told of each epoch.
    """

    processor: Processor | None
    seconds: dict[str, float]
    several_classes: bool
    facts: dict[str, Any]
    augmenter: Augmenter | None

    @property
    def model(self) -> PreTrainedModel:
        """The whole model, which is saved."""

    @property
    def trained(self) -> nn.Module:
        """What of it Trainer trains."""

    def view(self, split: str) -> Any:
        """A split as a torch dataset, in the order of its rows."""

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Put items of a view into a batch, labels in ``labels``."""


class ClipInputs:
    """Clips for a model of which every part is trained; features are made when asked for."""

    several_classes = False

    def __init__(
        self,
        model: PreTrainedModel,
        processor: Processor,
        corpus: datasets.DatasetDict,
        augmenter: Augmenter | None = None,
    ):
        self.model = self.trained = model
        self.processor: Processor | None = processor
        self.seconds = {"embed": 0.0}
        self.facts: dict[str, Any] = {}
        self.collate = partial(collate_clips, processor=processor)
        self.augmenter = augmenter
        self._corpus = corpus

    def view(self, split: str) -> ClipDataset:
        """A split whose items are the features of a clip."""
        augment = self.augmenter if split == "train" else None
        return ClipDataset(self._corpus[split], cast(Processor, self.processor), augment)


class FrozenInputs:
    """Rows of frozen towers, and features for the tower that is trained, if one is.

    Args:
        towers: for what is scored, in float32.
        training_towers: the same in the precision of training.
        corpus: splits "train", "validation", "test".
        device: towers are computed on.
        make_room: is called when a split has been computed, and before the first.
    """

    several_classes = False

    def __init__(
        self,
        towers: FrozenTowers,
        training_towers: FrozenTowers,
        corpus: datasets.DatasetDict,
        device: torch.device,
        augmenter: Augmenter | None,
        make_room: Callable[[], object],
    ):
        self.model: PreTrainedModel = towers.model
        self.trained = PooledModel(towers.model)
        self.processor: Processor | None = towers.processor
        self.seconds = {"embed": 0.0}
        self.facts: dict[str, Any] = {}
        self.collate = towers.collate
        self.augmenter = augmenter
        self._towers, self._training_towers = towers, training_towers
        self._corpus, self._device, self._make_room = corpus, device, make_room
        make_room()

    def view(self, split: str) -> PooledDataset:
        """A split whose items are what the towers said; computed now where it is not kept."""
        started = time.perf_counter()
        towers = self._training_towers if split == "train" else self._towers
        rows = towers.embed(self._corpus[split], device=self._device)
        self._make_room()
        self.seconds["embed"] += time.perf_counter() - started
        if towers is not self._towers and "embedding" not in self.facts:
            self._compare()
        if split == "train" and self.augmenter is not None:  # the audio tower is the one that is trained
            rows.makers = [partial(self._hear, self._corpus[split])]
        return rows

    def _compare(self) -> None:
        """Note how far rows of training are from those in float32, on clips that are scored in float32."""
        split = self._corpus["validation"]
        few = split.select(range(min(_NUM_COMPARED, len(split))))
        rows, exact = (each.embed(few, device=self._device) for each in (self._training_towers, self._towers))
        pairs = [
            (rows.states[name][index], exact.states[name][index])
            for name in rows.states
            for index in range(len(few))
        ]
        difference = statistics.median(
            ((ours - theirs).norm() / theirs.norm()).item() for ours, theirs in pairs
        )
        dtype = str(self._training_towers.dtype).removeprefix("torch.")
        self.facts["embedding"] = {"dtype": dtype, "relative_difference": round(difference, 6)}
        logger.info("Rows in %s differ from float32 by %.2g %% (median of clips).", dtype, 100 * difference)

    def _hear(self, split: datasets.Dataset, index: int) -> dict[str, np.ndarray]:
        return self._towers.audio.features(hear(split[index], self.augmenter))


def read_clips(
    model: PreTrainedModel,
    processor: Processor,
    corpus: datasets.DatasetDict,
    settings: RunSettings,
    *,
    device: torch.device,
) -> Inputs:
    """Choose what a model with encoders is trained on: states of its frozen towers, or clips.

    Args:
        model: with the parts that are not to be trained already frozen.
        processor: makes the model's features of a clip.
        corpus: splits "train", "validation", "test".
        settings: of the run: where states of frozen towers are kept, and how many clips are in a batch while
            they are computed.
        device: they are computed on.

    Raises:
        SettingsError: training clips are to be altered, and no tower hears them in training.
    """
    frozen = frozen_encoders_of(model)
    augmenter = None
    if settings.augment:
        if "audio" in frozen:
            raise SettingsError(
                f"augment is {settings.augment}, but the audio tower is frozen: it hears each clip once, and "
                "its states are kept. Leave it out and build the corpus with altered copies (mmser build "
                "--balance-to), or train the tower."
            )
        kinds = AugmentationSettings(kinds=tuple(settings.augment))
        augmenter = Augmenter(kinds, settings.augment_probability or AUGMENT_PROBABILITY)
    if not frozen:
        return ClipInputs(model, processor, corpus, augmenter)
    folder = Path(settings.cache_dir) if settings.cache_dir else default_cache_dir()
    towers = FrozenTowers(model, processor, folder, batch_size=settings.embedding_batch_size)
    dtype = parse_dtype(settings.embedding_dtype)
    training_towers = towers if dtype == torch.float32 else towers.in_precision(dtype)
    stores = [*towers.stores.values(), *training_towers.stores.values()]
    make_room = partial(trim_stores, folder / "embeddings", settings.cache_limit_gb * 1e9, keep=stores)
    make_room = PartialState().on_main_process(make_room)
    return FrozenInputs(towers, training_towers, corpus, device, augmenter, make_room)
