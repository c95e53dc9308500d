"""Convolutions over a feature sequence.  features (B, T) or (B, T, D) -> logits (B, C)"""

from torch import Tensor, nn


class SharmaCnn(nn.Sequential):
    """CNN 1-D of Sharma over the 94 features: eight convolutions, three dense layers.

    The paper gives filters, kernels, dropout 0.6 and the order of layers; the widths of the two hidden dense
    layers are not given, and are 128 and 64 here.

    Args:
        num_classes: C.
        num_features: T, the length of the sequence: features (B, T), taken as T steps of one channel.
        dropout: rate of all three layers.
    """

    def __init__(self, num_classes: int, num_features: int = 94, *, dropout: float = 0.6):
        super().__init__(
            nn.Unflatten(1, (1, num_features)),
            *_convolve(1, 256, count=2),
            nn.BatchNorm1d(256),
            nn.Dropout(dropout),
            *_convolve(256, 128, count=4),
            nn.BatchNorm1d(128),
            nn.Dropout(dropout),
            *_convolve(128, 64, count=2),
            nn.Flatten(),
            nn.Linear(64 * num_features, 128),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, num_classes),
        )


class KhanCnn(nn.Sequential):
    """CNN 1-D of Khan et al. over 80 MFCC with their differences: 200 + 610 + 88 parameters for 8 classes.

    Args:
        num_classes: C.
        num_channels: D; three give the paper's 200 parameters of the first layer.
        dropout: rate after the first pooling.
    """

    def __init__(self, num_classes: int, num_channels: int = 3, *, dropout: float = 0.25):
        super().__init__(
            _ToChannelsFirst(),
            nn.Conv1d(num_channels, 20, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool1d(3),
            nn.Dropout(dropout),
            nn.Conv1d(20, 10, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool1d(3),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(10, num_classes),
        )


class _ToChannelsFirst(nn.Module):
    """(B, T, D) -> (B, D, T)."""

    def forward(self, features: Tensor) -> Tensor:
        return features.transpose(1, 2)


def _convolve(num_in: int, num_out: int, *, count: int) -> list[nn.Module]:
    """Convolutions of kernel 8 that keep the length, each with a ReLU."""
    layers: list[nn.Module] = []
    for index in range(count):
        layers.append(nn.Conv1d(num_in if index == 0 else num_out, num_out, kernel_size=8, padding="same"))
        layers.append(nn.ReLU())
    return layers
