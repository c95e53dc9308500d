"""Train behind frozen towers.  model with frozen towers -> its head, pooled states of each split"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.curation.schema import decode_audio
from mmser.models.audio_classifier import classify_pooled, embed_audio, get_audio_tower
from mmser.models.fusion import AudioFeatures, FusionForEmotionClassification
from mmser.training.collation import PooledDataset
from mmser.training.embedding_cache import EmbeddingStore, fill_store, hash_text, hash_weights
from mmser.training.freezing import is_frozen

_POOLING = "mean of the last hidden states over real frames, masked group norm, 1"


_NAMES_ALONE = ("auto_map", "feature_extractor_type", "processor_class")  # saving adds them; no state changes


def encoders_of(model: PreTrainedModel) -> list[nn.Module]:
    """The encoders of a fusion model (audio, text) or of a stock audio classifier (audio)."""
    if isinstance(model, FusionForEmotionClassification):
        return [model.audio_encoder, model.text_encoder]
    return [get_audio_tower(model)]


def has_frozen_towers(model: PreTrainedModel) -> bool:
    """True where nothing but the head is trained."""
    return all(is_frozen(encoder) for encoder in encoders_of(model))


class PooledHead(nn.Module):
    """The part of a model behind its frozen towers, trained on their pooled states.

    Its weights are the model's own: what is trained here is trained there, and the model stays whole.
    """

    accepts_loss_kwargs = False

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        encoders = encoders_of(model)
        self.parts = nn.ModuleDict(
            {name: part for name, part in model.named_children() if part not in encoders}
        )
        self._classify: Callable[..., Tensor] = (
            model.classify
            if isinstance(model, FusionForEmotionClassification)
            else partial(classify_pooled, model)
        )

    def forward(
        self, audio: Tensor, text: Tensor | None = None, labels: Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Classify pooled states.

        Args:
            audio: of the audio tower, (B, D).
            text: of the text tower, (B, D'), where the model has one.
            labels: class indices, (B,), or None for logits alone.

        Returns:
            ``logits`` (B, C), and ``loss`` where labels are given.
        """
        logits = self._classify(audio) if text is None else self._classify(audio, text)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class FrozenTowers:
    """The frozen encoders of a model, with the stores of what they made of each clip.

    Args:
        model: a model whose encoders are all frozen.
        processor: its processor.
        cache_dir: holds the stores, one folder an encoder and way of making features.
        batch_size: clips in a batch.
    """

    def __init__(self, model: Any, processor: Any, cache_dir: Path, *, batch_size: int):
        self.model = model
        self.processor = processor
        self.batch_size = batch_size
        self.reads_text = isinstance(model, FusionForEmotionClassification)
        self.audio: AudioFeatures = processor.audio if self.reads_text else processor
        made = {name: value for name, value in self.audio.to_dict().items() if name not in _NAMES_ALONE}
        recipe = json.dumps([self.reads_text, made], sort_keys=True, default=str)
        self.audio_store = _open_store(cache_dir, encoders_of(model)[0], recipe)
        self.text_store = None
        if self.reads_text:
            vocabulary = json.dumps(processor.tokenizer.get_vocab(), sort_keys=True)
            self.text_store = _open_store(cache_dir, model.text_encoder, vocabulary)

    def embed(self, split: datasets.Dataset, device: torch.device) -> PooledDataset:
        """Pooled states of a split, in its order; what the stores have is not computed again.

        The processes of a distributed run share the work; they meet in the stores, so ``cache_dir`` has to be
        a folder that all of them see.
        """
        for encoder in encoders_of(self.model):
            encoder.to(device)

        def embed_clips(indices: list[int]) -> Tensor:
            clips = [self.audio.features(decode_audio(audio)) for audio in split.select(indices)["audio"]]
            batch = {name: each.to(device) for name, each in self.audio.pad(clips).items()}
            return self.model.embed_audio(**batch) if self.reads_text else embed_audio(self.model, **batch)

        states = {"audio": self._look_up(self.audio_store, split["sha256"], split["duration_s"], embed_clips)}
        if self.text_store is not None:
            texts = [text or "" for text in split["transcript"]]

            def embed_texts(indices: list[int]) -> Tensor:
                batch = self.processor.pad_text([self.processor.tokenize(texts[index]) for index in indices])
                return self.model.embed_text(**{name: each.to(device) for name, each in batch.items()})

            lengths = [len(text) for text in texts]
            states["text"] = self._look_up(
                self.text_store, [hash_text(text) for text in texts], lengths, embed_texts
            )
        return PooledDataset(states, split["label"])

    @torch.no_grad()
    def _look_up(
        self,
        store: EmbeddingStore,
        keys: list[str],
        lengths: Sequence[float],
        compute: Callable[[list[int]], Tensor],
    ) -> Tensor:
        """States of ``keys``, (N, D); each process computes its share of what is missing."""
        state = PartialState()
        store.read()
        state.wait_for_everyone()  # nobody writes before everybody has looked: all share out the same work
        fill_store(
            store,
            keys,
            lengths,
            compute,
            batch_size=self.batch_size,
            share=(state.process_index, state.num_processes),
        )
        state.wait_for_everyone()
        store.read()
        return store.stack(keys)


def _open_store(cache_dir: Path, encoder: nn.Module, recipe: str) -> EmbeddingStore:
    """The store of an encoder, under a key of its weights and of the way its input is made."""
    key = hashlib.sha256(f"{hash_weights(encoder)} {_POOLING} {recipe}".encode()).hexdigest()[:32]
    return EmbeddingStore(cache_dir / "embeddings" / key)
