"""A network of a paper as a transformers model.  features (B, ...) -> logits (B, C), loss

The networks are plain PyTorch; here they get what every model of this package has: a configuration, strict
loading from safetensors, and a loss of its own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.models.networks.autoencoder import AutoencoderClassifier
from mmser.models.networks.systems import get_network

CROSS_ENTROPY, BINARY = "cross-entropy", "binary"


class NetworkConfig(PreTrainedConfig):
    """What a network is made of.

    Args:
        network: a name of ``mmser.models.networks.systems.NETWORKS``.
        input_shape: of the features of one clip.
        dropout: in place of the network's own; None keeps that.
        l1: weight of the sum of the absolute values of all kernels in the loss.
        l2: weight of the sum of their squares.
        loss: "cross-entropy", or "binary": one yes or no an emotion, for clips that have several.
        options: other fields of a transformers configuration.
    """

    model_type = "mmser-network"

    def __init__(
        self,
        network: str = "sharma-cnn",
        input_shape: Sequence[int] = (94,),
        dropout: float | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        loss: str = CROSS_ENTROPY,
        **options: Any,
    ):
        self.network = network
        self.input_shape = list(input_shape)
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.loss = loss
        super().__init__(**options)


class NetworkForEmotionClassification(PreTrainedModel):
    """Standard scaling, the network, and its loss.

    Args:
        config: the network and its loss. Scaling is the identity until :meth:`fit_scaling` is called, and
            classes weigh the same until ``class_weights`` (C,) is filled; both are saved with the weights.
    """

    config_class = NetworkConfig
    base_model_prefix = ""
    main_input_name = "features"
    accepts_loss_kwargs = False  # the loss is a mean over the batch; Trainer must scale accumulation itself
    feature_mean: Tensor
    feature_deviation: Tensor
    class_weights: Tensor

    def __init__(self, config: NetworkConfig):
        super().__init__(config)
        num_classes = len(config.id2label or {})
        system = get_network(config.network)
        network = system.build(num_classes, config.input_shape, config.dropout)
        # Pictures train in two thirds of the time.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("feature_mean", torch.zeros(config.input_shape))
        self.register_buffer("feature_deviation", torch.ones(config.input_shape))
        self.register_buffer("class_weights", torch.ones(num_classes))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initial weights."""

    def fit_scaling(self, features: Tensor) -> None:
        """Scale by mean and standard deviation of the training features (N, ...), element by element."""
        self.feature_mean.copy_(features.mean(dim=0))
        deviation = features.std(dim=0, correction=0)
        self.feature_deviation.copy_(torch.where(deviation > 0, deviation, 1.0))

    def forward(self, features: Tensor, labels: Tensor | None = None) -> SequenceClassifierOutput:
        """Classify clips by their features.

        Args:
            features: (B, ...), as the network takes them.
            labels: class indices, (B,), or under the binary loss 0 or 1 a class, (B, C).

        Returns:
            ``logits`` (B, C), and ``loss`` where labels are given.
        """
        scaled = (features - self.feature_mean) / self.feature_deviation
        logits = self.network(scaled)
        return SequenceClassifierOutput(
            loss=None if labels is None else self._compute_loss(scaled, logits, labels), logits=logits
        )

    def _compute_loss(self, scaled: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.loss == BINARY:
            loss = functional.binary_cross_entropy_with_logits(
                logits, labels.float(), pos_weight=self.class_weights
            )
        else:
            loss = functional.cross_entropy(logits, labels, weight=self.class_weights)
        if isinstance(self.network, AutoencoderClassifier):
            loss = loss + self.network.penalty(scaled)
        kernels = [each for each in self.network.parameters() if each.requires_grad and each.ndim > 1]
        if self.config.l1:
            loss = loss + self.config.l1 * sum(kernel.abs().sum() for kernel in kernels)
        if self.config.l2:
            loss = loss + self.config.l2 * sum(kernel.square().sum() for kernel in kernels)
        return loss
