"""Recurrent networks over a feature sequence.  features (B, T, D) -> logits (B, C)"""

from torch import Tensor, nn


class KhanRnn(nn.Module):
    """RNN of Khan et al.: 16 simple units over 80 MFCC, averaged over the steps.

    The paper's table gives its recurrent layer 560 parameters. Sixteen simple units over D channels have
    16 D + 16 * 16 + 16: with the three channels that its CNN needs 320, and 560 only with 18. (An LSTM of 10
    units over three channels has 560.) Here it is what the text says: 16 units, over the same three channels.

    Args:
        num_classes: C.
        num_channels: D.
    """

    def __init__(self, num_classes: int, num_channels: int = 3):
        super().__init__()
        self.recurrent = nn.RNN(num_channels, 16, batch_first=True)
        self.classifier = nn.Linear(16, num_classes)
        # PyTorch adds a second bias; one is enough, as in the paper's Keras.
        second_bias = self.recurrent.get_parameter("bias_hh_l0")
        nn.init.zeros_(second_bias)
        second_bias.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, C)."""
        return self.classifier(self.recurrent(features)[0].mean(dim=1))


class Lstm(nn.Module):
    """LSTM as Pinto et al. survey it: two layers of 128 units over log-mel frames, the mean of their outputs.

    Args:
        num_classes: C.
        num_channels: D, bands.
    """

    def __init__(self, num_classes: int, num_channels: int = 200):
        super().__init__()
        self.recurrent = nn.LSTM(num_channels, 128, num_layers=2, dropout=0.3, batch_first=True)
        self.classifier = nn.Linear(128, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, C)."""
        return self.classifier(self.recurrent(features)[0].mean(dim=1))


class CnnLstm(nn.Module):
    """CNN-LSTM on log-mel (J. Zhao et al., 2019): four local feature blocks, then an LSTM over time.

    A block is a convolution of 3 by 3, batch norm, ELU and max-pooling: 64, 64, 128 and 128 filters, pooled
    by 2, 4, 4 and 4; one LSTM layer of 256 units follows, and its last state is classified. The poolings
    divide time by 128 as they do the bands: of a spectrogram of 278 frames the LSTM sees two steps.

    Args:
        num_classes: C.
        num_channels: D, bands; at least 128.
    """

    def __init__(self, num_classes: int, num_channels: int = 200):
        super().__init__()
        layers: list[nn.Module] = []
        num_in, num_bands = 1, num_channels
        for num_out, pool in ((64, 2), (64, 4), (128, 4), (128, 4)):
            layers += [
                nn.Conv2d(num_in, num_out, kernel_size=3, padding=1),
                nn.BatchNorm2d(num_out),
                nn.ELU(),
                nn.MaxPool2d(pool),
            ]
            num_in, num_bands = num_out, num_bands // pool
        self.blocks = nn.Sequential(*layers)
        self.recurrent = nn.LSTM(num_in * num_bands, 256, batch_first=True)
        self.classifier = nn.Linear(256, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, C)."""
        maps = self.blocks(features[:, None])  # (B, 128, T', D')
        steps = maps.transpose(1, 2).flatten(2)  # (B, T', 128 D')
        return self.classifier(self.recurrent(steps)[0][:, -1])
