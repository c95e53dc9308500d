"""What frozen towers make of each clip, computed once.  model, split -> rows of its frozen towers"""

import copy
import hashlib
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from accelerate.state import PartialState
from torch import Tensor, nn

from mmser.curation.rows import read_columns
from mmser.curation.schema import decode_audio
from mmser.errors import CacheError, SettingsError
from mmser.memory import kept_memory
from mmser.models.audio_classifier import reduce_audio
from mmser.models.batching import BatchLimits, max_batch_s
from mmser.models.cpu import install_fast_linears
from mmser.models.fusion import AudioFeatures, FusionForEmotionClassification
from mmser.models.loading import encoders_of
from mmser.models.precision import exact_float32, lowered_precision
from mmser.training.collation import PooledDataset
from mmser.training.cutting import bottom_of, run_bottom
from mmser.training.embedding_cache import EmbeddingStore, fill_store, hash_text, hash_weights
from mmser.training.frozen import frozen_encoders_of, pooling_of

logger = logging.getLogger(__name__)

_VERSION = 3  # raise it when the same encoder gives other rows
_NAMES_ALONE = ("auto_map", "feature_extractor_type", "processor_class")  # saving adds them; no state changes
_NOT_OF_THE_ENCODER = {  # fields of a configuration that change no state: names, and what belongs to a head
    *("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version"),
    *("id2label", "label2id", "num_labels", "problem_type", "preprocessing", "custom_pipelines"),
    *("classifier_proj_size", "use_weighted_layer_sum"),
}

Reduce = Callable[..., tuple[Tensor, Tensor]]


class StoredRows(Sequence[Tensor]):
    """Rows of the clips of a split, (R, L, D) each, looked up in a store when asked for."""

    def __init__(self, store: EmbeddingStore, keys: Sequence[str], select: Callable[[Tensor], Tensor]):
        self._places, self._select = [store.find(key) for key in keys], select

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        return self._select(self._places[index].get()).float()


class FrozenTowers:
    """The frozen encoders of a model, with the stores of what they made of each clip.

    Statistics over time are kept of all layers, so that heads of every kind share them.

    Args:
        model: a model of whose encoders one or both are frozen.
        processor: its processor.
        cache_dir: holds the stores, one folder an encoder and way of making features.
        batch_size: clips in a batch at most.
        dtype: float32, or bfloat16 for six tenths of the time and answers that differ a little.

    Raises:
        SettingsError: the upper blocks of a tower that hears clips at several speeds are trained.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        cache_dir: Path,
        *,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
    ):
        self.model = model
        self.processor = processor
        self.batch_size = batch_size
        self.dtype = dtype
        self.reads_text = getattr(model, "text_encoder", None) is not None
        self.audio: AudioFeatures = processor.audio if self.reads_text else processor
        self.depths = frozen_encoders_of(model)
        if self.depths.get("audio") and len(self.audio.speeds) > 1:
            raise SettingsError(
                f"Clips are heard at {len(self.audio.speeds)} speeds, and frames that are kept below trained "
                "blocks are of one. Give one speed, or --freeze classifier, partial or entire."
            )
        self.encoders = {name: encoders_of(model)[name] for name in self.depths}
        install_fast_linears(model)
        self._cache_dir = cache_dir
        self._hashes = {name: self._hash_weights(name) for name in self.depths}
        self.stores = {name: self._open_store(name) for name in self.depths}

    def in_precision(self, dtype: torch.dtype) -> "FrozenTowers":
        """The same towers in another precision."""
        other = copy.copy(self)
        other.dtype = dtype
        other.stores = {name: other._open_store(name) for name in self.depths}
        return other

    def _hash_weights(self, name: str) -> str:
        encoder, depth = self.encoders[name], self.depths[name]
        return hash_weights(encoder if depth is None else bottom_of(encoder, depth))

    def _open_store(self, name: str) -> EmbeddingStore:
        """The store of an encoder, under a key of its weights, its settings and the way its rows are made."""
        features = (
            describe_tokenizer(self.processor.tokenizer)
            if name == "text"
            else {key: value for key, value in self.audio.to_dict().items() if key not in _NAMES_ALONE}
        )
        pooling, depth = pooling_of(self.model, name), self.depths[name]
        content = {
            "version": _VERSION,
            "weights": self._hashes[name],
            "encoder": describe_encoder(self.encoders[name]),
            "features": features,
            "window": name == "audio" and self._pools_window(),
            "frames": pooling.reads_all_layers if pooling.reads_frames else None,
            "depth": depth,
            "dtype": str(self.dtype),
        }
        key = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]
        return EmbeddingStore(self._cache_dir / "embeddings" / key)

    def _pools_window(self) -> bool:
        """Whether rows are of all that the encoder hears, padding too: stock Whisper classifiers pool so."""
        is_fusion = isinstance(self.model, FusionForEmotionClassification)
        return not is_fusion and self.model.config.model_type == "whisper"

    def embed(self, split: datasets.Dataset, device: torch.device) -> PooledDataset:
        """Rows of a split, in its order; what the stores have is not computed again.

        The processes of a distributed run share the work; they meet in the stores, so ``cache_dir`` has to be
        a folder that all of them see.

        Raises:
            CacheError: what another process computed is not to be found.
        """
        for encoder in self.encoders.values():
            encoder.to(device)
        columns = ("sha256", "duration_s", "label", "transcript")
        hashes, durations_s, labels, texts = read_columns(split, columns)  # an item at a time takes minutes
        texts = [text or "" for text in texts]

        def audio_features(index: int) -> dict[str, np.ndarray]:
            return self.audio.features(decode_audio(split[index]["audio"]))

        def text_features(index: int) -> dict[str, np.ndarray]:
            return {"input_ids": self.processor.tokenize(texts[index])}

        makers = {"audio": audio_features, "text": text_features}
        keys = {"audio": hashes, "text": [hash_text(text) for text in texts] if "text" in self.stores else []}
        lengths = {"audio": durations_s, "text": [float(len(text)) for text in texts]}
        states = {}
        for name, store in self.stores.items():
            compute = partial(self._compute, name, makers[name], device)
            self._fill(name, keys[name], lengths[name], compute, device)
            whole = self.depths[name] is None
            select = pooling_of(self.model, name).select if whole else _all_of
            states[name] = StoredRows(store, keys[name], select)
        trained = sorted(encoders_of(self.model).keys() - states)
        return PooledDataset(
            states,
            labels,
            lengths["text" if trained == ["text"] else "audio"],
            [makers[name] for name in trained],
        )

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Pad rows, and the features of the tower that is trained, if one is."""
        batch = {"labels": torch.stack([item["labels"] for item in items])}
        for name in self.stores:
            batch |= pad_rows(name, [item[name] for item in items])
        if "attention_mask" in items[0]:
            batch |= self.audio.pad(items)
        if "input_ids" in items[0]:
            batch |= self.processor.pad_text([item["input_ids"] for item in items])
        return batch

    @torch.no_grad()
    def _compute(
        self, name: str, make: Callable[[int], dict[str, np.ndarray]], device: torch.device, batch: list[int]
    ) -> list[Tensor]:
        """Rows of one tower for a batch of clips, (R, L, D) each."""
        features = [make(index) for index in batch]
        padded = (
            self.audio.pad(features)
            if name == "audio"
            else self.processor.pad_text([each["input_ids"] for each in features])
        )
        reduce = reduce_of(self.model, name, self.depths[name])
        rows, mask = reduce(**{key: value.to(device) for key, value in padded.items()})
        return [clip[real] for clip, real in zip(rows, mask, strict=True)]

    def _fill(
        self,
        name: str,
        keys: list[str],
        lengths: Sequence[float],
        compute: Callable[[list[int]], list[Tensor]],
        device: torch.device,
    ) -> None:
        """Each process computes its share of what is missing, and finds that of the others."""
        state, store = PartialState(), self.stores[name]
        store.read()
        state.wait_for_everyone()  # nobody writes before everybody has looked: all share out the same work
        max_length = max_batch_s(device) / self.audio.stretch if name == "audio" else math.inf
        limits = BatchLimits(self.batch_size, max_length)
        shares = ((state.process_index, state.num_processes), (0, 1))
        for share in shares:  # the second where another run wrote between two looks, and shares had gaps
            if any(key not in store for key in keys):
                with lowered_precision(self.encoders[name], self.dtype), exact_float32(), kept_memory():
                    fill_store(store, keys, lengths, compute, limits=limits, share=share)
            state.wait_for_everyone()
            store.read()
        if lost := sum(key not in store for key in keys):
            raise CacheError(
                f"{store.folder}: lacks what another process computed of {lost} clips. Expected a folder "
                "with room that every process reads and writes: name one by --cache_dir or $MMSER_CACHE."
            )


def reduce_of(model: Any, name: str, depth: int | None) -> Reduce:
    """What makes rows of a tower's features.

    They are of all layers, unless they are frames of which one is read; up to a depth they are its frames.
    """
    is_fusion = isinstance(model, FusionForEmotionClassification)
    if depth is not None:
        reads_window = not is_fusion and model.config.model_type == "whisper"
        return partial(_reduce_bottom, encoders_of(model)[name], depth, reads_window)
    if not is_fusion:
        return partial(reduce_audio, model)
    all_layers = not pooling_of(model, name).reads_frames
    return partial(model.reduce_audio if name == "audio" else model.reduce_text, all_layers=all_layers)


def _reduce_bottom(
    tower: Any,
    depth: int,
    reads_window: bool,
    attention_mask: Tensor,
    input_values: Tensor | None = None,
    input_features: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Frames that leave a depth; of stock Whisper classifiers, which pool their window, all are real."""
    values: Any = input_features if input_values is None else input_values
    mask = torch.ones_like(attention_mask) if reads_window else attention_mask
    return run_bottom(tower, depth, values, mask)


def _all_of(rows: Tensor) -> Tensor:
    return rows


def pad_rows(name: str, rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """Stack rows of several clips, (R, L, D) each: (B, R, L, D), and True at real ones in ``<name>_mask``."""
    counts = torch.tensor([len(each) for each in rows])
    padded = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return {name: padded, f"{name}_mask": torch.arange(padded.shape[1]) < counts[:, None]}


def describe_encoder(encoder: Any) -> dict[str, Any]:
    """What decides an encoder's states beside its weights: its configuration and its precision."""
    config = encoder.config.to_dict()
    kept = {name: value for name, value in config.items() if name not in _NOT_OF_THE_ENCODER}
    return {"config": kept, "dtype": str(encoder.dtype)}


def describe_tokenizer(tokenizer: Any) -> Mapping[str, Any]:
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
