"""What frozen towers make of clips and texts, for probes.  rows or texts -> pooled states (N, D)"""

from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import torch

from mmser.curation.store import default_cache_dir
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.models.fusion.pooling import masked_mean
from mmser.models.fusion.pretrained import load_text_tower, load_tokenizer
from mmser.models.loading import choose_device
from mmser.models.strict import refusing_bad_towers
from mmser.training.embedding import FrozenTowers
from mmser.training.freezing import freeze

_BATCH_SIZE = 16


class AudioStates:
    """A frozen speech encoder, as the classifier alone is trained on it; its states are kept and shared.

    Args:
        source: name or folder of a speech encoder, or of a run that trained one.
        classes: of the corpus.
        cache_dir: where states are kept; None for mmser's own.

    Raises:
        CheckpointError: the encoder cannot be read, or is none.
    """

    def __init__(self, source: str, classes: Sequence[str], cache_dir: Path | None):
        with refusing_bad_towers():
            model, features = build_audio_classifier(source, classes)
        freeze(get_audio_tower(model))
        self.towers = FrozenTowers(model, features, cache_dir or default_cache_dir(), batch_size=_BATCH_SIZE)

    def embed(self, rows: datasets.Dataset) -> np.ndarray:
        """States of clips, float32 (N, D)."""
        states = self.towers.embed(rows, device=torch.device(choose_device())).states["audio"]
        return np.stack([each[0, -1].numpy() for each in states])


class TextStates:
    """A frozen text encoder.

    Args:
        source: name or folder of a text encoder.

    Raises:
        CheckpointError: the encoder or its tokenizer cannot be read, or is none.
    """

    def __init__(self, source: str):
        with refusing_bad_towers():
            self.tower = load_text_tower(source).eval().to(choose_device())
            self.tokenizer = load_tokenizer(source, self.tower)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    @torch.inference_mode()
    def embed(self, texts: np.ndarray) -> np.ndarray:
        """States of texts, float32 (N, D); equal texts are run once."""
        unique, places = np.unique(texts.astype(str), return_inverse=True)
        # A tokenizer without special tokens makes nothing of "": the mean over tokens needs one.
        filled = [str(text or self.tokenizer.pad_token) for text in unique]
        states = [
            self._embed_batch(filled[start : start + _BATCH_SIZE])
            for start in range(0, len(filled), _BATCH_SIZE)
        ]
        return np.concatenate(states)[places]

    def _embed_batch(self, texts: list[str]) -> np.ndarray:
        batch = self.tokenizer(texts, truncation=True, padding=True, return_tensors="pt").to(
            self.tower.device
        )
        mask = batch["attention_mask"]
        hidden = self.tower(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        return masked_mean(hidden, mask.bool()).cpu().numpy()
