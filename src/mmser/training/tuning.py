"""Settings of fine-tuning.  YAML or command line -> dataclass"""

from dataclasses import dataclass, field
from typing import Any

from mmser.audio.augmentation import KINDS
from mmser.errors import SettingsError, UnknownNameError
from mmser.models.fusion.pooling import LAYERS, POOLINGS, parse_layers
from mmser.models.fusion.speeds import parse_speeds
from mmser.models.networks.modeling import CROSS_ENTROPY
from mmser.training.losses import FOCAL

LOSSES = (CROSS_ENTROPY, FOCAL)
FOCAL_GAMMA = 2.0  # of Lin et al. 2017, the best in their table 1b
AUGMENT_PROBABILITY = 0.5
ATTENTIONS = ("eager", "sdpa", "flash_attention_2")


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
    focal_gamma: float | None = field(
        default=None,
        metadata={"help": f"How much less, under the focal loss; {FOCAL_GAMMA:g} if not given."},
    )
    class_weights: bool = field(
        default=False, metadata={"help": "Weigh classes against their counts in the training split."}
    )
    layer_lr_decay: float = field(
        default=1.0,
        metadata={
            "help": "Learning rate of each layer of a tower, relative to the layer above it; that of the top "
            "one is learning_rate."
        },
    )
    head_learning_rate: float | None = field(
        default=None, metadata={"help": "Of the head; learning_rate if not given."}
    )
    augment: list[str] = field(
        default_factory=list,
        metadata={
            "help": f"What may be done to a training clip each time that it is heard: {', '.join(KINDS)}.",
            "choices": KINDS,
        },
    )
    augment_probability: float | None = field(
        default=None,
        metadata={
            "help": "How likely one of them is done to a training clip; "
            f"{AUGMENT_PROBABILITY:g} if not given."
        },
    )

    @property
    def gamma(self) -> float | None:
        """Of the focal loss; None under another."""
        if self.loss != FOCAL:
            return None
        return FOCAL_GAMMA if self.focal_gamma is None else self.focal_gamma

    def check_tuning(self) -> None:
        """Check what argparse does not check in a value that came from YAML.

        Raises:
            UnknownNameError: there is no such loss.
            SettingsError: a value out of its range.
        """
        if self.loss not in LOSSES:
            raise UnknownNameError("loss", self.loss, LOSSES)
        if self.focal_gamma is not None and self.loss != FOCAL:
            raise SettingsError(f"focal_gamma is given, but the loss is {self.loss}. Give --loss {FOCAL}.")
        if self.focal_gamma is not None and not 0 <= self.focal_gamma < float("inf"):
            raise SettingsError(f"focal_gamma is {self.focal_gamma}, expected a number from 0.")
        self._check_augmentation()
        if not 0 < self.layer_lr_decay <= 1:
            raise SettingsError(f"layer_lr_decay is {self.layer_lr_decay}, expected above 0, to 1 at most.")
        if self.head_learning_rate is not None and not 0 <= self.head_learning_rate < float("inf"):
            raise SettingsError(f"head_learning_rate is {self.head_learning_rate}, expected a number from 0.")

    def _check_augmentation(self) -> None:
        if isinstance(self.augment, str):  # as YAML has a single one
            self.augment = [self.augment]
        for kind in self.augment:
            if kind not in KINDS:
                raise UnknownNameError("augmentation", kind, KINDS)
        if self.augment_probability is None:
            return
        if not self.augment:
            raise SettingsError(f"augment_probability is given, but not what is done: --augment {KINDS[0]} …")
        if not 0 < self.augment_probability <= 1:
            raise SettingsError(
                f"augment_probability is {self.augment_probability}, expected above 0, to 1 at most."
            )


@dataclass
class TowerTuning:
    """How an audio tower is trained, beside what of it is."""

    mask_time_prob: float | None = field(
        default=None,
        metadata={
            "help": "Share of a clip's frames that is masked in training, in spans that may overlap, half "
            "of them at most; the checkpoint's if not given."
        },
    )
    mask_time_length: int | None = field(
        default=None, metadata={"help": "Frames of 20 ms in one span; the checkpoint's if not given."}
    )
    mask_feature_prob: float | None = field(
        default=None,
        metadata={"help": "The same of features in place of frames, for the whole clip."},
    )
    mask_feature_length: int | None = field(
        default=None, metadata={"help": "Features in one span; the checkpoint's if not given."}
    )

    lora_rank: int = field(
        default=0,
        metadata={
            "help": "Train low-rank updates of this rank in place of the weights of towers that would be "
            "trained whole; 0 trains the weights."
        },
    )
    lora_alpha: int | None = field(
        default=None, metadata={"help": "Scale of the updates, times the rank; twice the rank if not given."}
    )
    lora_targets: list[str] = field(
        default_factory=list,
        metadata={"help": "Names of the projections that are updated; those of attention if not given."},
    )
    attn_implementation: str | None = field(
        default=None,
        metadata={
            "help": "How towers compute attention; sdpa where there is one if not given.",
            "choices": ATTENTIONS,
        },
    )

    @property
    def masks(self) -> dict[str, Any]:
        """What is given of the masks, by its name in the tower's configuration."""
        names = ("mask_time_prob", "mask_time_length", "mask_feature_prob", "mask_feature_length")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def tower_options(self) -> dict[str, Any]:
        """Fields of the tower's configuration."""
        masks = self.masks | ({"apply_spec_augment": True} if self.masks else {})
        return masks | self.attention

    @property
    def attention(self) -> dict[str, str]:
        """How every tower computes attention, where that is given."""
        return {"attn_implementation": self.attn_implementation} if self.attn_implementation else {}

    def check_tower(self) -> None:
        """Check what argparse does not check in a value that came from YAML.

        Raises:
            SettingsError: a value out of its range.
        """
        for name, value in self.masks.items():
            if name.endswith("prob") and not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value}, expected a share from 0 to 1.")
            if name.endswith("length") and value < 1:
                raise SettingsError(f"{name} is {value}, expected 1 or more.")
        if self.attn_implementation not in (None, *ATTENTIONS):
            raise UnknownNameError("attention", str(self.attn_implementation), ATTENTIONS)
        if isinstance(self.lora_targets, str):  # as YAML has a single one
            self.lora_targets = [self.lora_targets]
        if self.lora_rank < 0:
            raise SettingsError(f"lora_rank is {self.lora_rank}, expected 1 or more, or 0 for none.")
        if self.lora_alpha is not None and self.lora_alpha < 1:
            raise SettingsError(f"lora_alpha is {self.lora_alpha}, expected 1 or more.")
        if not self.lora_rank and (self.lora_alpha is not None or self.lora_targets):
            raise SettingsError("lora_alpha or lora_targets is given without a rank. Give --lora_rank 8 too.")


@dataclass
class HeadSettings:
    """What stands on the audio tower."""

    pooling: str = field(
        default="mean",
        metadata={
            "help": "Of the audio tower's frames: mean; mean+std; attention, a mean with learned weights.",
            "choices": POOLINGS,
        },
    )
    layers: str = field(
        default="last",
        metadata={
            "help": "Of the audio tower: last; weighted, all of them with learned weights; or a range side "
            "by side, such as 2-4, from 0 for what enters the first block."
        },
    )
    speeds: str = field(
        default="1",
        metadata={
            "help": "At which each clip is heard, such as 1+1.1+1.2; the frames of all hearings are pooled "
            "together."
        },
    )
    dropout: float = field(default=0.0, metadata={"help": "Dropout on the pooled states, from 0 to below 1."})

    lda_shrinkage: float | None = field(
        default=None,
        metadata={
            "help": "Compute the classifier by linear discriminant analysis, its covariance shrunk by so "
            "much (above 0, to 1), in place of training it; every tower is frozen then."
        },
    )

    @property
    def has_stock_head(self) -> bool:
        """Whether transformers' audio classifiers pool so."""
        plain = self.pooling == "mean" and self.layers == "last" and parse_speeds(self.speeds) == (1.0,)
        return plain and not self.dropout and self.lda_shrinkage is None

    def check_head(self) -> None:
        """Check what argparse does not check in a value that came from YAML.

        Raises:
            UnknownNameError: there is no such pooling.
            SettingsError: a value out of its range.
        """
        self.layers, self.speeds = str(self.layers), str(self.speeds)  # YAML reads "3" as a number
        check_head(self.pooling, self.layers)
        try:
            parse_speeds(self.speeds)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        check_probability("dropout", self.dropout)
        if self.lda_shrinkage is not None and not 0 < self.lda_shrinkage <= 1:
            raise SettingsError(f"lda_shrinkage is {self.lda_shrinkage}, expected above 0, to 1 at most.")


def check_head(pooling: str, layers: str) -> None:
    """Refuse a pooling or a choice of layers that there is not.

    Raises:
        UnknownNameError: there is no such pooling.
        SettingsError: ``layers`` is neither a name nor a range.
    """
    if pooling not in POOLINGS:
        raise UnknownNameError("pooling", pooling, POOLINGS)
    if layers not in LAYERS:
        try:
            parse_layers(layers)
        except ValueError as error:
            raise SettingsError(str(error)) from error


def check_probability(name: str, value: float) -> None:
    """Refuse a dropout that would leave nothing.

    Raises:
        SettingsError: not from 0 to below 1.
    """
    if not 0 <= value < 1:
        raise SettingsError(f"{name} is {value}, expected a probability from 0 to below 1.")
