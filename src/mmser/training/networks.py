"""Set up a network of a paper for training.  corpus + settings -> model and its inputs"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import torch
from accelerate.state import PartialState
from torch import Tensor

from mmser.curation.rows import read_columns
from mmser.errors import SettingsError, UnknownNameError
from mmser.models.networks.mobilenet import BLOCK_NETS, build_block_net
from mmser.models.networks.modeling import (
    BINARY,
    CROSS_ENTROPY,
    NetworkConfig,
    NetworkForEmotionClassification,
)
from mmser.models.networks.systems import NETWORKS, get_network
from mmser.training.arguments import PlaceSettings
from mmser.training.collation import PooledDataset, class_targets
from mmser.training.feature_cache import compute_features
from mmser.training.feature_inputs import BlockInputs, FeatureInputs
from mmser.training.losses import weigh_classes
from mmser.training.scoring import check_splits

NAMES = (*NETWORKS, *BLOCK_NETS)
LOSSES = (CROSS_ENTROPY, BINARY)


@dataclass
class NetworkSettings:
    """Which network, and its loss."""

    network: str = field(default="sharma-cnn", metadata={"help": f"Name, of {', '.join(NAMES)}."})
    dropout: float | None = field(
        default=None, metadata={"help": "Rate from 0 to below 1; the paper's if not given."}
    )
    l1: float = field(default=0.0, metadata={"help": "Weight of the kernels' absolute values in the loss."})
    l2: float = field(default=0.0, metadata={"help": "Weight of the kernels' squares in the loss."})
    loss: str = field(
        default=CROSS_ENTROPY,
        metadata={"help": "cross-entropy, or binary: yes or no to each emotion.", "choices": LOSSES},
    )
    class_weights: bool = field(
        default=False, metadata={"help": "Weigh classes against their counts in the training split."}
    )
    image_encoder: str = field(
        default="google/mobilenet_v2_1.0_224",
        metadata={"help": "Name or folder of the MobileNetV2 that mobilenet-v2-1 to -4 start from."},
    )
    num_proc: int | None = field(
        default=None, metadata={"help": "Processes that compute features; one a core if not given."}
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        if self.network not in NAMES:
            raise UnknownNameError("network", self.network, NAMES)
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout is {self.dropout}, expected a probability from 0 to below 1.")
        if min(self.l1, self.l2) < 0:
            raise SettingsError(f"l1 is {self.l1} and l2 {self.l2}, expected weights from 0.")
        if self.num_proc is not None and self.num_proc < 1:
            raise SettingsError(f"num_proc is {self.num_proc}, expected 1 or more processes.")
        given = [name for name, value in self._own_to_networks().items() if value]
        if self.network in BLOCK_NETS and given:
            raise SettingsError(f"{self.network} does not take {given}: it learns by cross-entropy alone.")

    def _own_to_networks(self) -> dict[str, bool]:
        return {
            "dropout": self.dropout is not None,
            "l1": self.l1 > 0,
            "l2": self.l2 > 0,
            "loss": self.loss != CROSS_ENTROPY,
            "class_weights": self.class_weights,
        }


def prepare_network(
    corpus: datasets.DatasetDict, settings: NetworkSettings, places: PlaceSettings
) -> FeatureInputs | BlockInputs:
    """Build a network with fresh weights, and what it is trained on.

    Args:
        corpus: splits "train", "validation", "test".
        settings: which network, and its loss.
        places: of the run: where features are kept.

    Returns:
        The inputs; ``trained`` is the model.

    Raises:
        EmptySplitError: a split is empty.
        SettingsError: clips have several classes and the loss tells one, a dropout for a network that has
            none, or a gender that is not known.
        CheckpointError: the image encoder cannot be read.
    """
    several = settings.loss == BINARY
    check_splits(corpus, str(places.corpus), several_classes=several)
    classes = corpus["train"].features["label"].names
    if settings.network in BLOCK_NETS:
        return BlockInputs(build_block_net(settings.network, settings.image_encoder, classes), corpus)
    system = get_network(settings.network)
    folder = Path(places.cache_dir) if places.cache_dir else None
    started = time.perf_counter()
    with PartialState().main_process_first():  # the others find them where they are kept
        features = {
            split: torch.from_numpy(
                compute_features(rows, system.features, cache_dir=folder, num_proc=settings.num_proc)
            )
            for split, rows in corpus.items()
        }
    seconds = {"features": time.perf_counter() - started}
    model = _build(classes, features["train"], settings)
    if settings.class_weights:
        model.class_weights.copy_(weigh_classes(class_targets(corpus["train"]), binary=several))
    views = {}
    for split, rows in corpus.items():
        labels, durations_s = read_columns(rows, ("label", "duration_s"))
        targets = class_targets(rows) if several else labels
        views[split] = PooledDataset({"features": features[split]}, targets, durations_s)
    return FeatureInputs(model, views, seconds, several)


def _build(
    classes: Sequence[str], features: Tensor, settings: NetworkSettings
) -> NetworkForEmotionClassification:
    """A network with fresh weights, scaled to training features (N, ...)."""
    model = NetworkForEmotionClassification(
        NetworkConfig(
            settings.network,
            features.shape[1:],
            settings.dropout,
            settings.l1,
            settings.l2,
            settings.loss,
            id2label=dict(enumerate(classes)),
            label2id={name: index for index, name in enumerate(classes)},
        )
    )
    if get_network(settings.network).scaled:
        model.fit_scaling(features)
    return model
