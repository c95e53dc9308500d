"""The two encoders of the fusion model.  configuration -> tower; tower, mask -> its real frames."""

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers import MODEL_MAPPING, PreTrainedConfig, PreTrainedModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

# With masked norm and attention mask these give a clip the same states in any batch, which is measured. SEW
# and the conformers do not, nor do encoders with a convolutional adapter.
WAVEFORM_ENCODERS = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")
PLAIN_NDIM = 2  # of the mask of clips that are heard once


def get_tower_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class that ``AutoModel`` takes for a configuration.

    Raises:
        ValueError: transformers has none.
    """
    if type(config) not in MODEL_MAPPING:
        raise ValueError(
            f"transformers has no encoder of type {config.model_type!r}, expected one that AutoModel knows."
        )
    found: Any = MODEL_MAPPING[type(config)]
    return found


def get_audio_tower_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The speech encoder of a configuration; of Whisper its encoder alone.

    Raises:
        ValueError: the model is not known to give a clip the same states in any batch.
    """
    if config.model_type == "whisper":
        return WhisperEncoder
    if config.model_type not in WAVEFORM_ENCODERS or getattr(config, "add_adapter", False):
        kind = repr(config.model_type) + (" with an adapter" if getattr(config, "add_adapter", False) else "")
        raise ValueError(
            f"A model of type {kind} cannot be the audio tower: it is no speech encoder, or one whose "
            "answer to a clip changes with the padding beside it. "
            f"Choose one of {[*WAVEFORM_ENCODERS, 'whisper']}."
        )
    return get_tower_class(config)


def get_text_tower_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The text encoder, or decoder-only model, of a configuration.

    Raises:
        ValueError: the model does not turn tokens into one state a token.
    """
    found = get_tower_class(config)
    if getattr(found, "main_input_name", None) != "input_ids" or config.is_encoder_decoder:
        raise ValueError(
            f"A {config.model_type!r} model cannot be the text tower: it does not turn tokens into one state "
            "each. Choose a text encoder such as bert, roberta, distilbert or deberta-v2."
        )
    return found


def text_tower_options(tower_class: type[PreTrainedModel]) -> dict[str, bool]:
    """Constructor options that leave out a pooler, whose output nothing here reads."""
    takes_pooler = "add_pooling_layer" in inspect.signature(tower_class.__init__).parameters
    return {"add_pooling_layer": False} if takes_pooler else {}


def build_audio_tower(config: PreTrainedConfig) -> PreTrainedModel:
    """A speech encoder with random weights."""
    return get_audio_tower_class(config)(config)


def build_text_tower(config: PreTrainedConfig) -> PreTrainedModel:
    """A text encoder with random weights, without pooler."""
    tower_class = get_text_tower_class(config)
    return tower_class(config, **text_tower_options(tower_class))


def encode_audio(
    tower: PreTrainedModel, input_values: Tensor, attention_mask: Tensor, *, all_layers: bool = False
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Run a speech encoder.

    Args:
        tower: what :func:`build_audio_tower` gives.
        input_values: waveforms (B, S), or log-mel spectrograms (B, 80, M) for Whisper.
        attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper. Values and mask of clips
            that are heard at several speeds have an axis of H hearings after B.
        all_layers: give what enters the first block and what leaves each, not the last alone.

    Returns:
        Hidden states of each layer, (B, F, D), and True at real frames (B, F); F are the frames of all
        hearings.
    """
    if attention_mask.ndim > PLAIN_NDIM:
        values, mask = input_values.flatten(0, 1), attention_mask.flatten(0, 1)
        hidden, real = encode_audio(tower, values, mask, all_layers=all_layers)
        num_hearings = attention_mask.shape[1]
        hidden = tuple(layer.unflatten(0, (-1, num_hearings)).flatten(1, 2) for layer in hidden)
        return hidden, real.unflatten(0, (-1, num_hearings)).flatten(1, 2)
    masked = {} if isinstance(tower, WhisperEncoder) else {"attention_mask": attention_mask}
    hidden = _layers_of(tower(input_values, **masked, output_hidden_states=all_layers))
    return hidden, real_frame_mask(tower, attention_mask, hidden[-1].shape[1])


def encode_text(
    tower: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, *, all_layers: bool = False
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Run a text encoder.

    Args:
        tower: what :func:`build_text_tower` gives.
        input_ids: tokens, (B, T).
        attention_mask: 1 at real tokens, (B, T).
        all_layers: give what enters the first block and what leaves each, not the last alone.

    Returns:
        Hidden states of each layer, (B, T, D), and True at real tokens (B, T).
    """
    output = tower(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=all_layers)
    return _layers_of(output), attention_mask.bool()


def _layers_of(output: Any) -> tuple[Tensor, ...]:
    return (*(output.hidden_states or (None,))[:-1], output.last_hidden_state)


def real_frame_mask(tower: Any, attention_mask: Tensor, num_frames: int) -> Tensor:
    """Where a tower's frames belong to the clip and not to its padding.

    Args:
        tower: a speech encoder.
        attention_mask: 1 at real samples (B, S), or mel frames (B, M) for Whisper.
        num_frames: F.

    Returns:
        True at real frames, (B, F).
    """
    if isinstance(tower, WhisperEncoder):
        num_real = (attention_mask.sum(-1) + 1) // 2  # its second convolution has stride 2
        return torch.arange(num_frames, device=attention_mask.device) < num_real[:, None]
    return tower._get_feature_vector_attention_mask(num_frames, attention_mask).bool()
