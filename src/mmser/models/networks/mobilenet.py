"""MobileNetV2 over pictures of blocks of a clip.  pictures (K, 3, H, W) of B clips -> logits (B, C)"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, MobileNetV2Config, MobileNetV2Model, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.errors import CheckpointError
from mmser.models.strict import load_strictly

GENDERS = ("female", "male")
_MOMENTUM = 0.1  # of a batch in the statistics of a batch norm
# Sharma's four experiments: whether blocks overlap, whether gender is learnt too. The paper found its fourth
# best and does not say which that is; this is the order in which it names them.
BLOCK_NETS: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        "mobilenet-v2-1": {"overlapping": True, "with_gender": True},
        "mobilenet-v2-2": {"overlapping": True, "with_gender": False},
        "mobilenet-v2-3": {"overlapping": False, "with_gender": True},
        "mobilenet-v2-4": {"overlapping": False, "with_gender": False},
    }
)


class BlockNetConfig(PreTrainedConfig):
    """An image encoder over the blocks of a clip.

    Args:
        network: the name of the system.
        encoder: fields of its MobileNetV2Config.
        overlapping: whether the blocks overlap by 10 ms.
        with_gender: whether it learns emotion and the speaker's gender as one class, 2 C of them.
        options: other fields of a transformers configuration.
    """

    model_type = "mmser-blocknet"

    def __init__(
        self,
        network: str = "mobilenet-v2-4",
        encoder: dict[str, Any] | None = None,
        overlapping: bool = False,
        with_gender: bool = False,
        **options: Any,
    ):
        self.network = network
        self.encoder = dict(encoder or {})
        self.overlapping = overlapping
        self.with_gender = with_gender
        super().__init__(**options)


class BlockNetForEmotionClassification(PreTrainedModel):
    """Sharma's MobileNetV2: each block of 1 s is classified, a clip is the mean of its blocks' probabilities.

    Args:
        config: of the encoder and of the blocks. Weights are random; :func:`build_block_net` fills in
            pretrained ones.
    """

    config_class = BlockNetConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    accepts_loss_kwargs = False  # the loss is a mean over the batch; Trainer must scale accumulation itself

    def __init__(self, config: BlockNetConfig):
        super().__init__(config)
        encoder = MobileNetV2Config(**config.encoder)
        self.encoder = _with_running_statistics(MobileNetV2Model(encoder))
        num_outputs = len(config.id2label or {}) * (len(GENDERS) if config.with_gender else 1)
        self.dropout = nn.Dropout(encoder.classifier_dropout_prob)
        width = self.encoder.conv_1x1.convolution.out_channels
        self.classifier = nn.Linear(width, num_outputs)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initial weights."""

    def forward(
        self,
        pixel_values: Tensor,
        num_blocks: Tensor,
        labels: Tensor | None = None,
        genders: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Classify clips by their blocks.

        Args:
            pixel_values: pictures of all blocks of all clips, (K, 3, H, W), from 0 to 1.
            num_blocks: how many of them each clip has, (B,), in order.
            labels: class indices, (B,).
            genders: 0 female, 1 male, (B,): where the model learns gender with the emotion.

        Returns:
            ``logits`` (B, C): logarithms of the mean probabilities over the blocks of a clip (and over
            genders summed); ``loss``, the mean cross-entropy of the blocks, where labels are given.
        """
        pictures = pixel_values.contiguous(memory_format=torch.channels_last)  # half as long again without
        hidden = self.encoder(2 * pictures - 1).pooler_output
        blocks = functional.log_softmax(self.classifier(self.dropout(hidden)), dim=-1)
        loss = None
        if labels is not None:
            targets = labels if genders is None else labels * len(GENDERS) + genders
            loss = functional.nll_loss(blocks, targets.repeat_interleave(num_blocks))
        if self.config.with_gender:
            blocks = blocks.unflatten(-1, (-1, len(GENDERS))).logsumexp(dim=-1)
        clips = [
            part.logsumexp(dim=0) - torch.tensor(float(len(part))).log()
            for part in blocks.split(num_blocks.tolist())
        ]
        return SequenceClassifierOutput(loss=loss, logits=torch.stack(clips))


def build_block_net(
    name: str, source: str | Path, classes: Sequence[str]
) -> BlockNetForEmotionClassification:
    """Put a fresh head on a pretrained MobileNetV2.

    Args:
        name: of ``BLOCK_NETS``.
        source: name or folder of the MobileNetV2.
        classes: class names, in the order of the logits.

    Raises:
        CheckpointError: no MobileNetV2 there, or one that lacks weights.
    """
    try:
        encoder = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{source}: no image encoder could be read ({' '.join(str(error).split())}). Expected the "
            "name or folder of a MobileNetV2, e.g. google/mobilenet_v2_1.0_224."
        ) from error
    if not isinstance(encoder, MobileNetV2Config):
        raise CheckpointError(
            f"{source}: a model of type {encoder.model_type}, expected mobilenet_v2, e.g. "
            "google/mobilenet_v2_1.0_224."
        )
    config = BlockNetConfig(
        name,
        encoder.to_dict(),
        **BLOCK_NETS[name],
        id2label=dict(enumerate(classes)),
        label2id={name: index for index, name in enumerate(classes)},
    )
    model = BlockNetForEmotionClassification(config)
    model.encoder = _with_running_statistics(load_strictly(MobileNetV2Model, source))
    return model


def _with_running_statistics(encoder: MobileNetV2Model) -> MobileNetV2Model:
    """Let batch norms average over batches.

    transformers gives them TensorFlow's 0.997, of which PyTorch takes 99.7 % from the newest batch: what is
    evaluated would depend on the last batch that was trained.
    """
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _MOMENTUM
    return encoder
