"""Train behind frozen towers.  model -> what of it is trained, fed with rows of the frozen towers"""

import logging
from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.errors import SettingsError
from mmser.models.audio_classifier import STOCK_POOLING, project_rows
from mmser.models.fusion import FusionForEmotionClassification
from mmser.models.fusion.pooling import Pooling
from mmser.models.loading import encoders_of
from mmser.training.cutting import TowerTop, frozen_depth
from mmser.training.freezing import is_frozen

logger = logging.getLogger(__name__)


def frozen_encoders_of(model: PreTrainedModel) -> dict[str, int | None]:
    """The encoders whose answers, whole or up to a depth, no training changes.

    Returns:
        Name -> None where the whole encoder is frozen, else the number of its blocks that are.
    """
    found: dict[str, int | None] = {}
    for name, encoder in encoders_of(model).items():
        if is_frozen(encoder):
            found[name] = None
        elif name == "audio" and (depth := frozen_depth(encoder)):
            found[name] = depth
    if found.get("audio") and pooling_of(model, "audio").reads_all_layers:
        logger.warning("The head reads all layers, so those that are frozen are computed with every batch.")
        del found["audio"]
    return found


def pooling_of(model: Any, name: str) -> Pooling:
    """What pools the rows of a model's tower."""
    if isinstance(model, FusionForEmotionClassification):
        return model.audio_pooling if name == "audio" else model.text_pooling
    return STOCK_POOLING


class PooledModel(nn.Module):
    """What of a model is trained, and no frozen tower, trained on the rows of those that are.

    Its weights are the model's own: what is trained here is trained there, and the model stays whole.
    """

    accepts_loss_kwargs = False

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        depths = frozen_encoders_of(model)
        encoders = encoders_of(model)
        kept = [encoders[name] for name in depths]
        children = model.named_children()
        self.parts = nn.ModuleDict({name: part for name, part in children if part not in kept})
        depth = depths.get("audio")
        self.audio_top = TowerTop(encoders["audio"], depth) if depth else None
        self._whole = [model]  # in a list: the frozen towers are not parts of this module

    def train(self, mode: bool = True) -> "PooledModel":
        """Tell the whole model too, which is no part of this one, and drops sound or text in training."""
        self._whole[0].training = mode
        return super().train(mode)

    def gradient_checkpointing_enable(self, **options: Any) -> None:
        """Checkpoint the activations of the towers that are trained; frozen ones are not run at all."""
        for part in self._trained_towers():
            part.gradient_checkpointing_enable(**options)

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """The same, under the name that newer versions of transformers call."""
        for part in self._trained_towers():
            part.activation_checkpointing_enable(**options)

    def _trained_towers(self) -> list[Any]:
        towers = [tower for tower in encoders_of(self._whole[0]).values() if not is_frozen(tower)]
        if not towers:
            logger.warning("Gradient checkpointing saves nothing here: no tower is trained.")
        for tower in towers:
            if not tower.supports_gradient_checkpointing:
                raise SettingsError(
                    f"Gradient checkpointing is on, and transformers has none for {type(tower).__name__}. "
                    "Leave it off, or freeze that tower."
                )
        return towers

    def forward(self, **batch: Tensor) -> SequenceClassifierOutput:
        """Logits (B, C) of what :meth:`join` takes."""
        model: Any = self._whole[0]
        return SequenceClassifierOutput(logits=model.classifier(self.join(**batch)))

    def join(
        self,
        audio: Tensor | None = None,
        audio_mask: Tensor | None = None,
        text: Tensor | None = None,
        text_mask: Tensor | None = None,
        **features: Tensor,
    ) -> Tensor:
        """What enters the classifier, made of what frozen towers said, the rest being computed.

        Args:
            audio: rows of the audio tower, (B, R, L, D), where it is frozen; or where its lower blocks are,
                the frames that leave them, (B, F, 1, D + 1), with 1 behind those that are real.
            audio_mask: True where a clip has rows, (B, R).
            text: of the text tower, (B, R', L', D'), where the model has one and it is frozen.
            text_mask: True at real ones, (B, R').
            features: what the tower that is trained takes.

        Returns:
            (B, W).
        """
        model = self._whole[0]
        if audio is not None and self.audio_top is not None:
            audio, audio_mask = self._finish(audio, cast(Tensor, audio_mask))
        if not isinstance(model, FusionForEmotionClassification):  # a lone tower is a frozen one here
            return project_rows(model, cast(Tensor, audio), cast(Tensor, audio_mask))
        heard = model.embed_audio(**features) if audio is None else model.audio_pooling(audio, audio_mask)
        if model.text_encoder is None:
            return model.join(heard)
        return model.join(
            heard, model.embed_text(**features) if text is None else model.text_pooling(text, text_mask)
        )

    def _finish(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Run the blocks that are trained; rows and their mask."""
        hidden = cast(TowerTop, self.audio_top)(frames[:, :, 0, :-1], mask)
        real = mask & (frames[:, :, 0, -1] > 0)
        return pooling_of(self._whole[0], "audio").reduce((hidden,), real)
