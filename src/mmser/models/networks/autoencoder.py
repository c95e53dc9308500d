"""Features that an auto-encoder learns, and a classifier over them.  features (B, D) -> logits (B, C)"""

from torch import Tensor, nn
from torch.nn import functional


class AutoencoderClassifier(nn.Module):
    """Auto-encoder features as Pinto et al. survey them: a bottleneck that is trained to restore its input.

    Encoder D → 64 → 32, decoder 32 → 64 → D, and a dense classifier over the 32; the mean squared error of
    the restored features is part of the loss.

    Args:
        num_classes: C.
        num_features: D.
    """

    def __init__(self, num_classes: int, num_features: int = 94):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(num_features, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, num_features))
        self.classifier = nn.Linear(32, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        return self.classifier(self.encoder(features))

    def penalty(self, features: Tensor) -> Tensor:
        """How badly features (B, D) are restored, a mean squared error."""
        return functional.mse_loss(self.decoder(self.encoder(features)), features)
