"""What a network over hand-made features is trained on.  splits of a corpus -> items, batches"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from mmser.curation.rows import read_columns
from mmser.curation.schema import decode_audio
from mmser.errors import SettingsError
from mmser.features.spectrogram import compute_block_picture, cut_blocks, to_jet
from mmser.models.loading import Processor
from mmser.models.networks.mobilenet import GENDERS, BlockNetForEmotionClassification
from mmser.training.augmenting import Augmenter
from mmser.training.collation import PooledDataset, RowDataset


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
    facts: dict[str, Any] = field(default_factory=dict)
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
    facts: dict[str, Any] = field(default_factory=dict)
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
