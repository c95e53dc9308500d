"""Start from pretrained encoders.  name or path -> tower, features, tokenizer; two of them -> fusion model.

A tower whose checkpoint lacks a weight is refused. This file is not saved beside a model: a finished one
needs no checkpoint of its towers.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from transformers.utils import logging

from .audio_features import AudioFeatures
from .configuration_fusion import FusionConfig
from .modeling_fusion import FusionForEmotionClassification
from .processing_fusion import FusionProcessor
from .towers import get_audio_tower_class, get_text_tower_class, text_tower_options

WHISPER_FRAMES_PER_S = 50


def build_fusion(
    audio: str,
    text: str,
    classes: Sequence[str],
    *,
    window_s: float = 10.0,
    speeds: Sequence[float] = (1.0,),
    tower_options: Mapping[str, Any] | None = None,
    **head: Any,
) -> tuple[FusionForEmotionClassification, FusionProcessor]:
    """Join two pretrained encoders under a fresh linear classifier.

    Args:
        audio: name or path of a speech encoder, or the folder of a trained audio classifier.
        text: name or path of a text encoder.
        classes: class names, in the order of the logits.
        window_s: seconds that a Whisper tower hears; the others hear whole clips.
        speeds: at which each clip is heard; the frames of all hearings are pooled together.
        tower_options: fields of the speech encoder's configuration; ``attn_implementation`` is both
            encoders'.
        head: fields of :class:`FusionConfig`: dropout, pooling, layers.

    Returns:
        The model and its processor.

    Raises:
        ValueError: a checkpoint is of the wrong kind, lacks weights, or has a shorter window; or a field is
            unknown or cannot be used.
    """
    options = dict(tower_options or {})
    audio_tower = load_audio_tower(audio, window_s=window_s, **options)
    attention = {name: each for name, each in options.items() if name == "attn_implementation"}
    text_tower = load_text_tower(text, **attention)
    model = _join(audio_tower, text_tower, classes, head)
    features = load_audio_features(audio, audio_tower.config, speeds)
    return model, FusionProcessor(features.feature_extractor, load_tokenizer(text, text_tower))


def build_speech(
    audio: str,
    classes: Sequence[str],
    *,
    window_s: float = 10.0,
    speeds: Sequence[float] = (1.0,),
    tower_options: Mapping[str, Any] | None = None,
    **head: Any,
) -> tuple[FusionForEmotionClassification, AudioFeatures]:
    """Put the fusion model's head, with all its ways of pooling, on a pretrained speech encoder alone.

    Args:
        audio: name or path of a speech encoder, or the folder of a trained audio classifier.
        classes: class names, in the order of the logits.
        window_s: seconds that a Whisper tower hears; the others hear whole clips.
        speeds: at which each clip is heard; the frames of all hearings are pooled together.
        tower_options: fields of the speech encoder's configuration.
        head: fields of :class:`FusionConfig`: dropout, pooling, layers.

    Returns:
        The model and its features.

    Raises:
        ValueError: as :func:`build_fusion`.
    """
    tower = load_audio_tower(audio, window_s=window_s, **(tower_options or {}))
    features = load_audio_features(audio, tower.config, speeds)
    return _join(tower, None, classes, head), AudioFeatures(
        features.feature_extractor, input_name="input_values"
    )


def _join(
    audio: PreTrainedModel, text: PreTrainedModel | None, classes: Sequence[str], head: dict[str, Any]
) -> FusionForEmotionClassification:
    config = FusionConfig(
        audio_config=audio.config,
        text_config=None if text is None else text.config,
        **head,
        **label_maps(classes),
    )
    model = FusionForEmotionClassification(config)
    model.audio_encoder.load_state_dict(audio.state_dict())
    if text is not None:
        model.text_encoder.load_state_dict(text.state_dict())
    return model.eval()


def label_maps(classes: Sequence[str]) -> dict[str, Any]:
    """``id2label`` and ``label2id`` of class names in the order of the logits."""
    return {
        "id2label": dict(enumerate(classes)),
        "label2id": {name: index for index, name in enumerate(classes)},
    }


def load_audio_tower(source: str, *, window_s: float = 10.0, **overrides: Any) -> PreTrainedModel:
    """Load a speech encoder, float32.

    Layers are not dropped at random while it trains (``layerdrop=0``) unless ``overrides`` say so: processes
    that train together would wait for gradients that never come.

    Args:
        source: name or path of a speech encoder, of any model around one, or of a whole Whisper.
        window_s: seconds that a Whisper encoder hears, whole; its positional embedding is cut to them.
        overrides: fields of the encoder's configuration.

    Raises:
        ValueError: not a speech encoder, an unknown field, missing weights, or a window longer than the
            checkpoint's.
    """
    config = _load_config(source, overrides)
    tower_class = get_audio_tower_class(config)
    if "layerdrop" not in overrides and hasattr(config, "layerdrop"):
        config.layerdrop = 0.0
    if not getattr(config, "apply_spec_augment", True):
        config.mask_time_prob = config.mask_feature_prob = 0.0  # else a mask vector that no loss ever reaches
    if tower_class is WhisperEncoder:
        tower = _load_strictly(tower_class, source, config, key_mapping={r"^(model\.)?encoder\.": ""})
        return _cut_window(tower, window_s)
    return _load_strictly(tower_class, source, config)


def load_text_tower(source: str, **overrides: Any) -> PreTrainedModel:
    """Load a text encoder, float32, without pooler.

    Args:
        source: name or path of a text encoder.
        overrides: fields of the encoder's configuration.

    Raises:
        ValueError: not a text encoder, an unknown field, or missing weights.
    """
    config = _load_config(source, overrides)
    tower_class = get_text_tower_class(config)
    return _load_strictly(tower_class, source, config, **text_tower_options(tower_class))


def load_audio_features(
    source: str, config: PreTrainedConfig, speeds: Sequence[float] = (1.0,)
) -> AudioFeatures:
    """The feature extractor of a checkpoint, its window that of the tower's configuration.

    Args:
        source: name or path of the checkpoint.
        config: of the tower.
        speeds: at which each clip is heard, whatever those of the checkpoint.

    Raises:
        ValueError: the checkpoint has none.
    """
    window = {}
    if config.model_type == "whisper":
        window["chunk_length"] = config.max_source_positions // WHISPER_FRAMES_PER_S
    with _naming(source, "feature extractor"):
        extractor = AutoFeatureExtractor.from_pretrained(source, **window)
    if tuple(speeds) != (1.0,):
        extractor.speeds = list(speeds)
    elif hasattr(extractor, "speeds"):  # of a run that the tower is taken from
        del extractor.speeds
    return AudioFeatures(extractor)


def load_tokenizer(source: str, tower: PreTrainedModel) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, which cuts texts to what the tower has positions for.

    Raises:
        ValueError: the checkpoint has none.
    """
    with _naming(source, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source)
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # what transformers makes where there is no file
        raise ValueError(
            f"{source}: holds no tokenizer, so that every word would be unknown. Copy tokenizer.json and "
            "tokenizer_config.json of the checkpoint to it."
        )
    num_positions = getattr(tower.config, "max_position_embeddings", None)
    if num_positions:
        positions = getattr(getattr(tower, "embeddings", None), "position_embeddings", None)
        padding_idx = getattr(positions, "padding_idx", None)  # RoBERTa counts positions from here
        limit = num_positions if padding_idx is None else num_positions - padding_idx - 1
        tokenizer.model_max_length = min(tokenizer.model_max_length, limit)
    return tokenizer


def _load_config(source: str, overrides: dict[str, Any]) -> PreTrainedConfig:
    with _naming(source, "configuration"):
        config, unknown = AutoConfig.from_pretrained(source, return_unused_kwargs=True, **overrides)
    if unknown:
        raise ValueError(
            f"{source}: a {config.model_type!r} configuration has no field named {sorted(unknown)}."
        )
    return config


def _load_strictly(
    tower_class: Any, source: str, config: PreTrainedConfig, **options: Any
) -> PreTrainedModel:
    with _quiet_loading(), _naming(source, "weights"):
        tower, report = tower_class.from_pretrained(
            source, config=config, dtype=torch.float32, output_loading_info=True, **options
        )
    # The vector that SpecAugment writes over masked frames: checkpoints trained without masking lack it, and
    # nothing but training reads it.
    missing = sorted(key for key in report["missing_keys"] if not key.endswith("masked_spec_embed"))
    if missing:
        raise ValueError(
            f"{source}: the checkpoint lacks {len(missing)} weights of its {config.model_type!r} encoder, "
            f"which would start at random: {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}. "
            "Choose a checkpoint of the whole encoder."
        )
    return tower


@contextlib.contextmanager
def _naming(source: str, part: str) -> Iterator[None]:
    """Say in one line which checkpoint cannot be read: some of transformers' own errors do not name it."""
    try:
        yield
    except (OSError, ImportError, KeyError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        place = "" if Path(source).is_dir() else "no such folder here, and nothing to be had from the Hub: "
        raise ValueError(
            f"{source}: its {part} cannot be read ({place}{reason}). Expected the name of a pretrained "
            "encoder on the Hub, or a folder that holds one whole."
        ) from error


@contextlib.contextmanager
def _quiet_loading() -> Iterator[None]:
    """Hide transformers' table of unneeded weights (a decoder, a pooler); missing ones raise here."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _cut_window(encoder: Any, window_s: float) -> PreTrainedModel:
    """Keep the first positions of a Whisper encoder: it takes exactly as many frames as it has positions."""
    if window_s < 1 or window_s != int(window_s):
        raise ValueError(f"window_s is {window_s}, expected a whole number of seconds from 1.")
    num_positions = int(window_s) * WHISPER_FRAMES_PER_S
    weight = encoder.embed_positions.weight.detach()
    if num_positions > len(weight):
        raise ValueError(
            f"window_s is {window_s:g}, but the checkpoint hears at most "
            f"{len(weight) // WHISPER_FRAMES_PER_S} s: choose a shorter window."
        )
    encoder.embed_positions = nn.Embedding.from_pretrained(weight[:num_positions].clone(), freeze=True)
    encoder.max_source_positions = encoder.config.max_source_positions = num_positions
    return encoder
