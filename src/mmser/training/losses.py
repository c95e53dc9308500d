"""The loss of a batch.  logits (B, C), labels (B,) -> mean over the clips"""

import torch
from torch import Tensor
from torch.nn import functional

from mmser.errors import SettingsError

FOCAL = "focal"


class EmotionLoss:
    """Cross-entropy or focal loss, classes weighed or not, of a model that tells one class of each clip.

    The mean is over clips and not over weights, so that a step is the same in however many batches and
    processes it is computed.

    Args:
        class_weights: of each class, (C,), by which the losses of its clips are multiplied; all 1 if None.
        gamma: of the focal loss (Lin et al. 2017, equation 4): a clip's cross-entropy is multiplied by
            (1 - p) ** gamma, where p is the probability of its class; None is plain cross-entropy.
        label_smoothing: share of a clip's label that is spread over all classes.

    Raises:
        SettingsError: smoothed labels under the focal loss, which has no one p for them.
    """

    def __init__(
        self,
        *,
        class_weights: Tensor | None = None,
        gamma: float | None = None,
        label_smoothing: float = 0.0,
    ):
        if gamma is not None and label_smoothing:
            raise SettingsError(
                f"label_smoothing_factor is {label_smoothing:g} under the focal loss, which takes labels as "
                "they are. Leave it at 0, or choose --loss cross-entropy."
            )
        self.class_weights = class_weights
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, computed in float32.

        Args:
            logits: (B, C).
            labels: class indices, (B,).
        """
        losses = functional.cross_entropy(
            logits.float(), labels, label_smoothing=self.label_smoothing, reduction="none"
        )
        if self.gamma is not None:
            # 1 - p, without the rounding of p; above 0, where a power of less than 1 has no gradient.
            losses = losses * (-torch.expm1(-losses)).clamp(min=1e-12) ** self.gamma
        if self.class_weights is not None:
            losses = losses * self.class_weights.to(labels.device)[labels]
        return losses.mean()


def weigh_classes(targets: Tensor, *, binary: bool = False) -> Tensor:
    """Weigh classes against their counts.

    Under cross-entropy a class of n clips weighs N / (C n), so that all classes weigh the same together and
    a clip weighs 1 on average; under the binary loss its positive clips weigh (N - n) / n. A class without
    clips weighs 1, and so under the binary loss does one of all clips.

    Args:
        targets: of the training split, 0 or 1 a class, (N, C).
        binary: whether the loss asks each class by itself.

    Returns:
        (C,).
    """
    counts = targets.sum(dim=0)
    total = len(targets)
    weights = (total - counts) / counts if binary else total / (targets.shape[1] * counts)
    return torch.where((counts > 0) & (weights > 0), weights, 1.0)
