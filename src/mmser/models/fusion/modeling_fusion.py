"""Classify emotion from speech and text.  waveforms (B, S), tokens (B, T) -> logits (B, C).

Sharma, "Speech and Text-Based Emotion Recognizer": last hidden states of both encoders, mean-pooled over the
sequence, dropout, concatenated, linear. Other ways of pooling, weights over layers, and sound without text
are options of the configuration.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration_fusion import FusionConfig
from .masked_norm import install_masked_norm
from .pipeline_fusion import SpeechEmotionPipeline  # noqa: F401 - what it imports is saved with it
from .pooling import Pooling
from .strict_loading import StrictModel
from .towers import build_audio_tower, build_text_tower, encode_audio, encode_text


class FusionForEmotionClassification(StrictModel):
    """A speech encoder and a text encoder, pooled, joined, classified.

    Args:
        config: the encoders and the head. Weights are random; ``build_fusion`` fills in pretrained ones.
    """

    config_class = FusionConfig
    base_model_prefix = ""
    main_input_name = "input_values"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the loss is a mean over the batch; Trainer must scale accumulation itself
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        self.audio_encoder = build_audio_tower(config.audio_config)
        self.audio_pooling = _make_pooling(config.audio_config, config.audio_pooling, config.audio_layers)
        self.text_encoder: Any = None
        self.text_pooling: Any = None
        if config.text_config is not None:
            self.text_encoder = build_text_tower(config.text_config)
            self.text_pooling = _make_pooling(config.text_config, config.text_pooling, config.text_layers)
        install_masked_norm(self.audio_encoder)
        self.dropout = nn.Dropout(config.dropout)
        poolings = [each for each in (self.audio_pooling, self.text_pooling) if each is not None]
        self.classifier = nn.Linear(sum(each.out_features for each in poolings), len(config.id2label or {}))
        self.post_init()

    def reduce_audio(
        self, input_values: Tensor, attention_mask: Tensor, *, all_layers: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Turn what the speech encoder makes of each clip into rows, which :attr:`audio_pooling` pools.

        Args:
            input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
            attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper. Both have an axis of
                H hearings after B where clips are heard at several speeds.
            all_layers: of all layers, whether the head reads them or the last alone.

        Returns:
            Rows (B, R, L, D), and True at real ones (B, R).
        """
        wanted = all_layers or self.audio_pooling.reads_all_layers
        present, filled = self._find_present(attention_mask)
        hidden, mask = encode_audio(self.audio_encoder, input_values, filled, all_layers=wanted)
        return self.audio_pooling.reduce(hidden, mask & present)

    def reduce_text(
        self, input_ids: Tensor, text_attention_mask: Tensor, *, all_layers: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The same of the text encoder and each transcript.

        Args:
            input_ids: tokens, (B, T).
            text_attention_mask: 1 at real tokens, (B, T).
            all_layers: of all layers, whether the head reads them or the last alone.
        """
        wanted = all_layers or self.text_pooling.reads_all_layers
        present, filled = self._find_present(text_attention_mask)
        hidden, mask = encode_text(self.text_encoder, input_ids, filled, all_layers=wanted)
        return self.text_pooling.reduce(hidden, mask & present)

    def embed_audio(self, input_values: Tensor, attention_mask: Tensor) -> Tensor:
        """Pool what the speech encoder makes of each clip: (B, W) of what :meth:`reduce_audio` takes."""
        return self.audio_pooling(*self.reduce_audio(input_values, attention_mask))

    def embed_text(self, input_ids: Tensor, text_attention_mask: Tensor) -> Tensor:
        """Pool what the text encoder makes of each transcript: (B, W') of what :meth:`reduce_text` takes."""
        return self.text_pooling(*self.reduce_text(input_ids, text_attention_mask))

    def classify(self, audio: Tensor, text: Tensor | None = None) -> Tensor:
        """Classify pooled states; (B, W) and, where the model reads text, (B, W') -> logits (B, C)."""
        return self.classifier(self.join(audio, text))

    def join(self, audio: Tensor, text: Tensor | None = None) -> Tensor:
        """What enters the classifier: (B, W) and, where the model reads text, (B, W') side by side.

        In training, with the probability ``modality_dropout``, one of the two is zero: sound or text, each as
        often.
        """
        pooled = [audio] if text is None else [audio, text]
        if self.training and text is not None and self.config.modality_dropout:
            draw = torch.rand(len(audio), 1, device=audio.device) / self.config.modality_dropout
            pooled = [audio.masked_fill(draw < 0.5, 0.0), text.masked_fill((draw >= 0.5) & (draw < 1), 0.0)]
        joined = torch.cat([self.dropout(each) for each in pooled], dim=-1)
        return joined.to(self.classifier.weight.dtype)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor,
        input_ids: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Classify clips, with their transcripts where the model reads text.

        Args:
            input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
            attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper. A clip without any is
                not heard. Both have an axis of H hearings after B where clips are heard at several speeds.
            input_ids: tokens, (B, T).
            text_attention_mask: 1 at real tokens, (B, T). A clip without any has no transcript.
            labels: class indices, (B,); with them the mean cross-entropy is returned.

        Returns:
            ``logits`` (B, C), and ``loss`` where labels are given.

        Raises:
            ValueError: text is missing or given against what the model was made for; or a clip lacks sound or
                transcript, and the model was not trained with modality dropout.
        """
        self._check_text(input_ids, text_attention_mask)
        text = None
        if input_ids is not None and text_attention_mask is not None:
            text = self.embed_text(input_ids, text_attention_mask)
        logits = self.classify(self.embed_audio(input_values, attention_mask), text)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _check_text(self, *given: Tensor | None) -> None:
        if any((each is None) == (self.text_encoder is not None) for each in given):
            wanted = "alone: the model reads no text" if self.text_encoder is None else "and its transcript"
            raise ValueError(
                f"Expected sound {wanted}, got input_ids and text_attention_mask as "
                f"{[None if each is None else tuple(each.shape) for each in given]}."
            )

    def _find_present(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Which clips have anything real, (B, 1), and the mask with all of it real where nothing is."""
        present = mask.bool().flatten(1).any(dim=1, keepdim=True)
        if not self.training:
            check_present(present, self.config)
        return present, mask.masked_fill(~present.view(-1, *[1] * (mask.ndim - 1)), 1)


def check_present(present: Tensor, config: Any) -> None:
    """Refuse clips without sound or transcript for a model that was not trained so.

    Args:
        present: whether each clip has any, (B, ...).
        config: of the model.

    Raises:
        ValueError: one has none, and the model has no modality dropout.
    """
    if not config.modality_dropout and not present.all():
        raise ValueError(
            "A clip has no sound or no transcript, and this model was not trained to go without. Give "
            "both ('' stands for a clip without words), or train one with modality_dropout."
        )


def _make_pooling(config: PreTrainedConfig, pooling: str, layers: str) -> Pooling:
    return Pooling(config.hidden_size, config.num_hidden_layers + 1, pooling=pooling, layers=layers)
