"""Settings of fine-tuning.  YAML or command line -> dataclass"""

from dataclasses import dataclass, field

from mmser.errors import SettingsError, UnknownNameError
from mmser.models.networks.modeling import CROSS_ENTROPY
from mmser.training.losses import FOCAL

LOSSES = (CROSS_ENTROPY, FOCAL)


@dataclass
class TuningSettings:
    """How a model with encoders learns from a batch."""

    loss: str = field(
        default=CROSS_ENTROPY,
        metadata={
            "help": "cross-entropy, or focal: clips that the model is sure of count less.",
            "choices": LOSSES,
        },
    )
    focal_gamma: float = field(
        default=2.0, metadata={"help": "How much less, under the focal loss; 0 is cross-entropy."}
    )
    class_weights: bool = field(
        default=False, metadata={"help": "Weigh classes against their counts in the training split."}
    )

    def check_tuning(self) -> None:
        """Check what argparse does not check in a value that came from YAML.

        Raises:
            UnknownNameError: there is no such loss.
            SettingsError: a value out of its range.
        """
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        if not 0 <= self.focal_gamma < float("inf"):
            raise SettingsError(f"focal_gamma is {self.focal_gamma}, expected a number from 0.")
