"""Rows of a corpus as a model takes them.  dataset row -> features -> padded batch"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import datasets
import numpy as np
import torch
from torch import Tensor

from mmser.curation.rows import read_columns
from mmser.curation.schema import decode_audio
from mmser.models.loading import Processor

ROW = "row"
Augment = Callable[[np.ndarray, str], np.ndarray]


class RowDataset(torch.utils.data.Dataset):
    """A split whose items are made of its rows when asked for.

    Args:
        split: rows with the columns of ``curation.schema``.
    """

    def __init__(self, split: datasets.Dataset):
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    @property
    def lengths(self) -> list[float]:
        """Seconds of each clip, by which batches can be grouped."""
        return read_columns(self.split, ("duration_s",))[0]


class ClipDataset(RowDataset):
    """A split whose items are the features of one clip.

    Args:
        split: rows with the columns of ``curation.schema``.
        processor: the model's own processor.
        augment: waveform and id of a clip -> what is heard of it; the waveform itself if None.
    """

    def __init__(self, split: datasets.Dataset, processor: Processor, augment: Augment | None = None):
        super().__init__(split)
        self.processor = processor
        self.augment = augment

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.split[index]
        features = self.processor.features(hear(row, self.augment), row["transcript"] or "")
        return {**features, "labels": row["label"]}


def hear(row: Mapping[str, Any], augment: Augment | None = None) -> np.ndarray:
    """The waveform of a row, float32 (S,), altered if at all by ``augment``."""
    waveform = decode_audio(row["audio"])
    return waveform if augment is None else augment(waveform, row["id"])


def collate_clips(items: Sequence[dict[str, Any]], *, processor: Processor) -> dict[str, Tensor]:
    """Pad the items of a :class:`ClipDataset` into one batch, its labels in ``labels`` (B,)."""
    labels = torch.tensor([item["labels"] for item in items])
    features = [{key: value for key, value in item.items() if key != "labels"} for item in items]
    return {**processor.pad(features), "labels": labels}


def class_targets(split: datasets.Dataset) -> Tensor:
    """What classes each clip has: 0 or 1, float32 (N, C); one of them under a scheme of single labels."""
    targets = torch.zeros(len(split), len(split.features["label"].names))
    for index, (label, several) in enumerate(zip(*read_columns(split, ("label", "labels")), strict=True)):
        targets[index, several if label is None else [label]] = 1
    return targets


class NumberedDataset(torch.utils.data.Dataset):
    """Items with the number of their clip in ``row``, so that a batch can be told by its clips.

    Args:
        items: of a split; ``lengths`` are handed on.
    """

    def __init__(self, items: Any):
        self.items = items
        self.lengths = items.lengths

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.items[index], ROW: index}


def collate_numbered(
    items: Sequence[dict[str, Any]], *, collate: Callable[[list[dict[str, Any]]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Put items into a batch as ``collate`` does, with the numbers of their clips in ``row`` (B,) if any."""
    batch = collate([{name: value for name, value in item.items() if name != ROW} for item in items])
    return batch | ({ROW: torch.tensor([item[ROW] for item in items])} if ROW in items[0] else {})


class PooledDataset(torch.utils.data.Dataset):
    """A split whose items were computed ahead, and the features that a trained tower takes.

    Args:
        states: name -> what was computed of each clip: rows of a tower (R, L, D), or features (...).
        labels: class index of each clip, or 0 or 1 a class, (N, C).
        lengths: of each clip's features, in any unit, by which batches can be grouped.
        makers: index of a clip -> its features, for each tower that is trained.
    """

    def __init__(
        self,
        states: Mapping[str, Sequence[Tensor] | Tensor],
        labels: Sequence[int] | Tensor,
        lengths: Sequence[float],
        makers: Sequence[Callable[[int], Mapping[str, np.ndarray]]] = (),
    ):
        self.states = dict(states)
        self.labels = torch.as_tensor(labels)
        self.lengths = list(lengths)
        self.makers = list(makers)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item: dict[str, Any] = {name: rows[index] for name, rows in self.states.items()}
        for make in self.makers:
            item |= make(index)
        return item | {"labels": self.labels[index]}
