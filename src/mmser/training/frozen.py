"""Train behind frozen towers.  model -> what of it is trained, pooled states of the frozen towers"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from accelerate.state import PartialState
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.curation.schema import decode_audio
from mmser.errors import SettingsError
from mmser.models.audio_classifier import classify_pooled, embed_audio, get_audio_tower
from mmser.models.fusion import AudioFeatures, FusionForEmotionClassification
from mmser.training.collation import PooledDataset
from mmser.training.embedding_cache import EmbeddingStore, fill_store, hash_text, hash_weights
from mmser.training.freezing import is_frozen

logger = logging.getLogger(__name__)

_POOLING = "mean of the last hidden states over real frames, masked group norm, 1"
_NAMES_ALONE = ("auto_map", "feature_extractor_type", "processor_class")  # saving adds them; no state changes
_NOT_OF_THE_ENCODER = {  # fields of a configuration that change no state: names, and what belongs to a head
    *("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version"),
    *("id2label", "label2id", "num_labels", "problem_type", "preprocessing", "custom_pipelines"),
    *("classifier_proj_size", "use_weighted_layer_sum"),
}


def encoders_of(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The encoders of a fusion model ("audio", "text") or of a stock audio classifier ("audio")."""
    if isinstance(model, FusionForEmotionClassification):
        return {"audio": model.audio_encoder, "text": model.text_encoder}
    return {"audio": get_audio_tower(model)}


def frozen_encoders_of(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The encoders of which nothing is trained."""
    return {name: encoder for name, encoder in encoders_of(model).items() if is_frozen(encoder)}


class PooledModel(nn.Module):
    """What of a model is not a frozen tower, trained on the pooled states of those that are.

    Its weights are the model's own: what is trained here is trained there, and the model stays whole.
    """

    accepts_loss_kwargs = False

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        frozen = list(frozen_encoders_of(model).values())
        children = model.named_children()
        self.parts = nn.ModuleDict({name: part for name, part in children if part not in frozen})
        self._whole = [model]  # in a list: the frozen towers are not parts of this module

    def gradient_checkpointing_enable(self, **options: Any) -> None:
        """Checkpoint the activations of the towers that are trained; frozen ones are not run at all."""
        for part in self._trained_towers():
            part.gradient_checkpointing_enable(**options)

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """The same, under the name that newer versions of transformers call."""
        for part in self._trained_towers():
            part.activation_checkpointing_enable(**options)

    def _trained_towers(self) -> list[Any]:
        towers = [part for part in self.parts.values() if isinstance(part, PreTrainedModel)]
        if not towers:
            logger.warning("Gradient checkpointing saves nothing here: no tower is trained.")
        for tower in towers:
            if not tower.supports_gradient_checkpointing:
                raise SettingsError(
                    f"Gradient checkpointing is on, and transformers has none for {type(tower).__name__}. "
                    "Leave it off, or freeze that tower."
                )
        return towers

    def forward(
        self,
        audio: Tensor | None = None,
        text: Tensor | None = None,
        labels: Tensor | None = None,
        **features: Tensor,
    ) -> SequenceClassifierOutput:
        """Classify pooled states, those of a tower that is trained being computed.

        Args:
            audio: pooled states of the audio tower, (B, D), where it is frozen.
            text: of the text tower, (B, D'), where the model has one and it is frozen.
            labels: class indices, (B,), or None for logits alone.
            features: what the tower that is trained takes.

        Returns:
            ``logits`` (B, C), and ``loss`` where labels are given.
        """
        model = self._whole[0]
        if isinstance(model, FusionForEmotionClassification):
            logits = model.classify(
                model.embed_audio(**features) if audio is None else audio,
                model.embed_text(**features) if text is None else text,
            )
        else:
            logits = classify_pooled(model, cast(Tensor, audio))  # a lone tower is a frozen one here
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class FrozenTowers:
    """The frozen encoders of a model, with the stores of what they made of each clip.

    Args:
        model: a model of whose encoders one or both are frozen.
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
        self.encoders = frozen_encoders_of(model)
        self.stores = {
            name: _open_store(cache_dir, encoder, self._describe_features(name))
            for name, encoder in self.encoders.items()
        }

    def _describe_features(self, tower: str) -> str:
        if tower == "text":
            return json.dumps(describe_tokenizer(self.processor.tokenizer), sort_keys=True, default=str)
        made = {name: value for name, value in self.audio.to_dict().items() if name not in _NAMES_ALONE}
        return json.dumps([self.reads_text, made], sort_keys=True, default=str)

    def embed(self, split: datasets.Dataset, device: torch.device) -> PooledDataset:
        """Pooled states of a split, in its order; what the stores have is not computed again.

        The processes of a distributed run share the work; they meet in the stores, so ``cache_dir`` has to be
        a folder that all of them see.
        """
        for encoder in self.encoders.values():
            encoder.to(device)
        texts = [text or "" for text in split["transcript"]]

        def audio_features(index: int) -> dict[str, np.ndarray]:
            return self.audio.features(decode_audio(split[index]["audio"]))

        def text_features(index: int) -> dict[str, np.ndarray]:
            return {"input_ids": self.processor.tokenize(texts[index])}

        def embed_clips(indices: list[int]) -> Tensor:
            batch = self.audio.pad([audio_features(index) for index in indices])
            batch = {name: each.to(device) for name, each in batch.items()}
            return self.model.embed_audio(**batch) if self.reads_text else embed_audio(self.model, **batch)

        def embed_texts(indices: list[int]) -> Tensor:
            batch = self.processor.pad_text([text_features(index)["input_ids"] for index in indices])
            return self.model.embed_text(**{name: each.to(device) for name, each in batch.items()})

        states = {}
        if store := self.stores.get("audio"):
            states["audio"] = self._look_up(store, split["sha256"], split["duration_s"], embed_clips)
        if store := self.stores.get("text"):
            keys = [hash_text(text) for text in texts]
            states["text"] = self._look_up(store, keys, [len(text) for text in texts], embed_texts)
        trained = encoders_of(self.model).keys() - states
        makers = {"audio": audio_features, "text": text_features}
        lengths = [len(text) for text in texts] if trained == {"text"} else split["duration_s"]
        return PooledDataset(states, split["label"], lengths, [makers[name] for name in sorted(trained)])

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Stack pooled states and pad the features of the tower that is trained, if one is."""
        batch = {name: torch.stack([item[name] for item in items]) for name in (*self.stores, "labels")}
        if "input_values" in items[0]:
            batch |= self.audio.pad(
                [{name: item[name] for name in ("input_values", "attention_mask")} for item in items]
            )
        if "input_ids" in items[0]:
            batch |= self.processor.pad_text([item["input_ids"] for item in items])
        return batch

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


def describe_encoder(encoder: Any) -> dict[str, Any]:
    """What decides an encoder's states beside its weights: its configuration and its precision."""
    config = encoder.config.to_dict()
    kept = {name: value for name, value in config.items() if name not in _NOT_OF_THE_ENCODER}
    return {"config": kept, "dtype": str(encoder.dtype)}


def describe_tokenizer(tokenizer: Any) -> dict[str, Any]:
    """What decides a text's tokens: how it is normalised, cut into pieces, looked up and framed."""
    described = {
        "class": type(tokenizer).__name__,
        "limit": tokenizer.model_max_length,
        "padding": tokenizer.pad_token_id,
        "truncation_side": tokenizer.truncation_side,
    }
    if not tokenizer.is_fast:
        return described | {"vocabulary": tokenizer.get_vocab(), "options": tokenizer.init_kwargs}
    serialized = json.loads(tokenizer.backend_tokenizer.to_str())
    # Set by each call and not by the tokenizer's maker.
    return described | {"pieces": {**serialized, "truncation": None, "padding": None}}


def _open_store(cache_dir: Path, encoder: nn.Module, recipe: str) -> EmbeddingStore:
    """The store of an encoder, under a key of its weights, its settings and the way its input is made."""
    described = json.dumps(describe_encoder(encoder), sort_keys=True, default=str)
    content = f"{hash_weights(encoder)} {described} {_POOLING} {recipe}"
    return EmbeddingStore(cache_dir / "embeddings" / hashlib.sha256(content.encode()).hexdigest()[:32])
