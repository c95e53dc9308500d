"""What a model is trained on.  splits of a corpus -> items, batches

A run asks its inputs for each split as a dataset, and for a way to put items into a batch. Clips are decoded
when asked for; what frozen towers and hand-made features say of them is computed once and kept.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import datasets
import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mmser.audio.augmentation import AugmentationSettings
from mmser.curation.rows import read_columns
from mmser.curation.schema import decode_audio
from mmser.curation.store import default_cache_dir
from mmser.errors import SettingsError
from mmser.features.spectrogram import compute_block_picture, cut_blocks, to_jet
from mmser.models.loading import Processor
from mmser.models.networks.mobilenet import GENDERS, BlockNetForEmotionClassification
from mmser.training.arguments import RunSettings
from mmser.training.augmenting import Augmenter
from mmser.training.collation import ClipDataset, PooledDataset, RowDataset, collate_clips, hear
from mmser.training.frozen import FrozenTowers, PooledModel, frozen_encoders_of
from mmser.training.tuning import AUGMENT_PROBABILITY


class Inputs(Protocol):
    """What a run is trained on.

    Attributes:
        processor: is saved beside the model, where there is one.
        seconds: what computing ahead took, by name.
        several_classes: whether a clip may have several classes; its labels are then 0 or 1, (C,).
        augmenter: alters training clips, or None; it has to be told of each epoch.
    """

    processor: Processor | None
    seconds: dict[str, float]
    several_classes: bool
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
        self.collate = partial(collate_clips, processor=processor)
        self.augmenter = augmenter
        self._corpus = corpus

    def view(self, split: str) -> ClipDataset:
        """A split whose items are the features of a clip."""
        augment = self.augmenter if split == "train" else None
        return ClipDataset(self._corpus[split], cast(Processor, self.processor), augment)


class FrozenInputs:
    """Pooled states of frozen towers, and features for the tower that is trained, if one is."""

    several_classes = False

    def __init__(
        self,
        towers: FrozenTowers,
        corpus: datasets.DatasetDict,
        device: torch.device,
        augmenter: Augmenter | None = None,
    ):
        self.model: PreTrainedModel = towers.model
        self.trained = PooledModel(towers.model)
        self.processor: Processor | None = towers.processor
        self.seconds = {"embed": 0.0}
        self.collate = towers.collate
        self.augmenter = augmenter
        self._towers, self._corpus, self._device = towers, corpus, device

    def view(self, split: str) -> PooledDataset:
        """A split whose items are what the towers said; computed now where it is not kept."""
        started = time.perf_counter()
        states = self._towers.embed(self._corpus[split], device=self._device)
        self.seconds["embed"] += time.perf_counter() - started
        if split == "train" and self.augmenter is not None:  # the audio tower is the one that is trained
            states.makers = [partial(self._hear, self._corpus[split])]
        return states

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
    return FrozenInputs(towers, corpus, device, augmenter)


@dataclass
class FeatureInputs:
    """Hand-made features, computed ahead.

    Attributes:
        model: takes them.
        views: split -> features and labels.
        seconds: what computing them took.
        several_classes: whether labels are 0 or 1 a class.
    """

    model: PreTrainedModel
    views: Mapping[str, PooledDataset]
    seconds: dict[str, float]
    several_classes: bool = False
    processor: Processor | None = None
    augmenter: Augmenter | None = None

    @property
    def trained(self) -> PreTrainedModel:
        """All of the model."""
        return self.model

    def view(self, split: str) -> PooledDataset:
        """A split whose items are the features of a clip."""
        return self.views[split]

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Stack features (B, ...) and labels."""
        return {name: torch.stack([item[name] for item in items]) for name in items[0]}


@dataclass
class BlockInputs:
    """Pictures of the blocks of clips, made when asked for: one takes a millisecond and 64 kB.

    Attributes:
        model: takes them.
        corpus: splits "train", "validation", "test".
    """

    model: BlockNetForEmotionClassification
    corpus: datasets.DatasetDict
    seconds: dict[str, float] = field(default_factory=dict)
    several_classes: bool = False
    processor: Processor | None = None
    augmenter: Augmenter | None = None

    @property
    def trained(self) -> BlockNetForEmotionClassification:
        """All of the model."""
        return self.model

    def view(self, split: str) -> "BlockDataset":
        """A split whose items are the pictures of a clip."""
        config = self.model.config
        return BlockDataset(
            self.corpus[split], overlapping=config.overlapping, with_gender=config.with_gender
        )

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Colour all pictures, (K, 3, 257, 251), and say how many each clip has."""
        pictures = np.concatenate([item["pictures"] for item in items])
        batch = {
            "pixel_values": torch.from_numpy(to_jet(pictures)),
            "num_blocks": torch.tensor([len(item["pictures"]) for item in items]),
        }
        return batch | {
            name: torch.tensor([item[name] for item in items]) for name in items[0] if name != "pictures"
        }


class BlockDataset(RowDataset):
    """A split whose items are the pictures of a clip's blocks, uint8 (K, 257, 251).

    Args:
        split: rows with the columns of ``curation.schema``.
        overlapping: whether the blocks overlap by 10 ms.
        with_gender: whether items say the speaker's gender.

    Raises:
        SettingsError: a gender is asked for, and a speaker's is not known.
    """

    def __init__(self, split: datasets.Dataset, *, overlapping: bool, with_gender: bool):
        super().__init__(split)
        self.overlapping = overlapping
        self.genders: list[int] | None = None
        if with_gender:
            speakers, genders = read_columns(split, ("speaker", "gender"))
            unknown = sorted(
                {name for name, gender in zip(speakers, genders, strict=True) if gender not in GENDERS}
            )
            if unknown:
                raise SettingsError(
                    f"The gender of {len(unknown)} speakers is not known, e.g. {unknown[0]}. Train without "
                    "gender, or give their table a column gender."
                )
            self.genders = [GENDERS.index(gender) for gender in genders]

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.split[index]
        blocks = cut_blocks(decode_audio(row["audio"]), overlapping=self.overlapping)
        item: dict[str, Any] = {"pictures": np.stack([compute_block_picture(block) for block in blocks])}
        if self.genders is not None:
            item["genders"] = self.genders[index]
        return item | {"labels": row["label"]}
