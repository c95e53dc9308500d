"""Convolutions over a spectrogram.  log-mel (B, 278, 200) -> logits (B, C)"""

from torch import Tensor, nn

_NUM_FILTERS = (16, 32, 64, 128)
_NUM_UNITS = (512, 256, 128)
_POOLED_STEPS = 278 // 16  # four poolings by 2


class PhoCnn(nn.Module):
    """Multi-label 2-D CNN of Pho et al.: four convolutions with batch norm, four dense layers with dropout.

    The paper gives neither filters nor units nor rates; here they are convolutions of 3 by 3 with 16 to 128
    filters, each pooled by 2, and dense layers of 512, 256 and 128 units before the outputs, dropout 0.3. The
    sigmoid of the paper is in its loss: outputs are logits.

    Args:
        num_classes: C.
        num_bands: of the spectrogram; four poolings halve them and the 278 frames.
        dropout: rate of the dense layers.
    """

    def __init__(self, num_classes: int, num_bands: int = 200, *, dropout: float = 0.3):
        super().__init__()
        layers: list[nn.Module] = []
        num_in = 1
        for num_out in _NUM_FILTERS:
            layers += [
                nn.Conv2d(num_in, num_out, kernel_size=3, padding=1),
                nn.BatchNorm2d(num_out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            num_in = num_out
        layers.append(nn.Flatten())
        num_in *= _POOLED_STEPS * (num_bands // 16)
        for num_out in _NUM_UNITS:
            layers += [nn.Linear(num_in, num_out), nn.ReLU(), nn.Dropout(dropout)]
            num_in = num_out
        self.layers = nn.Sequential(*layers, nn.Linear(num_in, num_classes))

    def forward(self, features: Tensor) -> Tensor:
        """(B, 278, 200) -> (B, C)."""
        return self.layers(features[:, None])
