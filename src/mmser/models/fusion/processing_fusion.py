"""Features of clips with their transcripts.  waveform (S,), text -> features; several -> padded batch."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin, SequenceFeatureExtractor

from .audio_features import AudioFeatures, pad_arrays

logger = logging.getLogger(__name__)


class FusionProcessor(ProcessorMixin):
    """The speech encoder's feature extractor and the text encoder's tokenizer.

    Args:
        feature_extractor: of the speech encoder.
        tokenizer: of the text encoder; ``model_max_length`` is what the encoder has positions for.
    """

    def __init__(self, feature_extractor: SequenceFeatureExtractor, tokenizer: PreTrainedTokenizerBase):
        super().__init__(feature_extractor, tokenizer)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.audio = AudioFeatures(feature_extractor, input_name="input_values")
        self._has_warned_of_cut = False

    def __call__(
        self, audio: Sequence[np.ndarray], text: Sequence[str | None], sampling_rate: int | None = None
    ) -> BatchFeature:
        """Make a batch of clips and their transcripts.

        Args:
            audio: cleaned waveforms, each (S,).
            text: what is said in each; "" where nothing is, None where nobody knows.
            sampling_rate: of the waveforms, in Hz.

        Returns:
            ``input_values``, ``attention_mask``, ``input_ids`` and ``text_attention_mask``.

        Raises:
            ValueError: the rate is not given or not the model's, or there is not one text a clip.
        """
        self.audio.check_rate(sampling_rate)
        if isinstance(text, str) or len(audio) != len(text):
            raise ValueError(f"Expected a list of one text a clip, got {text!r} for {len(audio)} clips.")
        return BatchFeature(self.pad([self.features(*clip) for clip in zip(audio, text, strict=True)]))

    def features(self, waveform: np.ndarray, text: str | None) -> dict[str, np.ndarray]:
        """Features of one clip, unpadded.

        Args:
            waveform: cleaned, at the feature extractor's rate, (S,).
            text: what is said in it; "" where nothing is, None where nobody knows.

        Returns:
            ``input_values`` and ``attention_mask`` as :meth:`AudioFeatures.features` gives them, and
            ``input_ids``, (T,).
        """
        return {**self.audio.features(waveform), "input_ids": self.tokenize(text)}

    def pad(self, features: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Tensor]:
        """Pad clips to the longest of them: sound with zeros, text with the tokenizer's padding, at the end.

        Args:
            features: what :meth:`features` gave for each, B of them.

        Returns:
            ``input_values``, ``attention_mask``, ``input_ids``, ``text_attention_mask``.
        """
        return {**self.audio.pad(features), **self.pad_text([clip["input_ids"] for clip in features])}

    def pad_text(self, tokens: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """Pad what :meth:`tokenize` gave for B texts: ``input_ids`` and ``text_attention_mask``, (B, T)."""
        masks = [np.ones_like(ids) for ids in tokens]
        if not any(map(len, tokens)):  # nobody has a text: a padding token each
            tokens = [np.asarray([self.tokenizer.pad_token_id])] * len(tokens)
            masks = [np.zeros(1, dtype=np.int64)] * len(tokens)
        return {
            "input_ids": pad_arrays(tokens, self.tokenizer.pad_token_id),
            "text_attention_mask": pad_arrays(masks),
        }

    def tokenize(self, text: str | None) -> np.ndarray:
        """Tokens of one text, (T,), at least one; none at all where there is no text."""
        if text is None:
            return np.zeros(0, dtype=np.int64)
        ids = self.tokenizer(text, truncation=True)["input_ids"]
        if len(ids) >= self.tokenizer.model_max_length and not self._has_warned_of_cut:
            self._has_warned_of_cut = True
            logger.warning(
                "A text is cut to the %d tokens that the model reads, and so is every longer one.", len(ids)
            )
        # A tokenizer without special tokens makes nothing of "": the mean over tokens needs one.
        return np.asarray(ids or [self.tokenizer.pad_token_id], dtype=np.int64)
