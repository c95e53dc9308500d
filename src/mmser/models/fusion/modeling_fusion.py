"""Classify emotion from speech and text.  waveforms (B, S), tokens (B, T) -> logits (B, C).

Sharma, "Speech and Text-Based Emotion Recognizer": last hidden states of both encoders, mean-pooled over the
sequence, dropout, concatenated, linear.
"""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration_fusion import FusionConfig
from .masked_norm import install_masked_norm
from .pipeline_fusion import SpeechEmotionPipeline  # noqa: F401 - what it imports is saved with it
from .pooling import masked_mean
from .strict_loading import StrictModel
from .towers import build_audio_tower, build_text_tower, encode_audio


class FusionForEmotionClassification(StrictModel):
    """A speech encoder and a text encoder, pooled, joined, classified.

    Args:
        config: the two encoders and the head. Weights are random; ``build_fusion`` fills in pretrained ones.
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
        self.text_encoder = build_text_tower(config.text_config)
        install_masked_norm(self.audio_encoder)
        self.dropout = nn.Dropout(config.dropout)
        width = config.audio_config.hidden_size + config.text_config.hidden_size
        self.classifier = nn.Linear(width, len(config.id2label or {}))
        self.post_init()

    def embed_audio(self, input_values: Tensor, attention_mask: Tensor) -> Tensor:
        """Pool what the speech encoder makes of each clip.

        Args:
            input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
            attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper.

        Returns:
            (B, D of the speech encoder).
        """
        return masked_mean(*encode_audio(self.audio_encoder, input_values, attention_mask))

    def embed_text(self, input_ids: Tensor, text_attention_mask: Tensor) -> Tensor:
        """Pool what the text encoder makes of each transcript.

        Args:
            input_ids: tokens, (B, T).
            text_attention_mask: 1 at real tokens, (B, T).

        Returns:
            (B, D of the text encoder).
        """
        hidden = self.text_encoder(input_ids=input_ids, attention_mask=text_attention_mask).last_hidden_state
        return masked_mean(hidden, text_attention_mask.bool())

    def classify(self, audio: Tensor, text: Tensor) -> Tensor:
        """Classify pooled states; (B, D) and (B, D') -> logits (B, C)."""
        return self.classifier(torch.cat([self.dropout(audio), self.dropout(text)], dim=-1))

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor,
        input_ids: Tensor,
        text_attention_mask: Tensor,
        labels: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Classify clips with their transcripts.

        Args:
            input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
            attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper.
            input_ids: tokens, (B, T).
            text_attention_mask: 1 at real tokens, (B, T).
            labels: class indices, (B,); with them the mean cross-entropy is returned.

        Returns:
            ``logits`` (B, C), and ``loss`` where labels are given.
        """
        audio = self.embed_audio(input_values, attention_mask)
        logits = self.classify(audio, self.embed_text(input_ids, text_attention_mask))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)
