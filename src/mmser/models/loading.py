"""Load a trained model of any kind.  folder -> model, processor."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoTokenizer, PreTrainedConfig, PreTrainedModel

from mmser.errors import CheckpointError
from mmser.models.audio_classifier import get_audio_tower, load_audio_classifier
from mmser.models.cpu import install_fast_linears
from mmser.models.exported import EXPORT_FILE, ExportedModel
from mmser.models.fusion import AudioFeatures, FusionConfig, FusionForEmotionClassification, FusionProcessor
from mmser.models.networks.mobilenet import BlockNetConfig
from mmser.models.networks.modeling import NetworkConfig
from mmser.models.strict import load_processor, load_strictly

Processor = AudioFeatures | FusionProcessor  # what makes features: of sound alone, or of sound and text
Model = PreTrainedModel | ExportedModel  # both are called alike

_HAND_MADE = (NetworkConfig, BlockNetConfig)
for _config in (FusionConfig, *_HAND_MADE):
    AutoConfig.register(_config.model_type, _config, exist_ok=True)


def load_model(folder: str | Path) -> tuple[Model, Processor]:
    """Load a fusion model, a stock audio classifier or an export of one, whichever the folder holds.

    Args:
        folder: of a finished run, or its name on the Hub; or of an export.

    Returns:
        The model in eval mode, and what makes its features: both kinds have ``features`` and ``pad``.

    Raises:
        CheckpointError: no model there, one that lacks weights or a file of its processor, or a system over
            hand-made features.
        SettingsError: an export, and onnxruntime is not installed.
    """
    if (Path(folder) / "model.skops").is_file():
        raise _hand_made(folder)
    if (Path(folder) / EXPORT_FILE).is_file():
        return load_export(folder)
    config = _load_config(folder)
    if isinstance(config, _HAND_MADE):
        raise _hand_made(folder)
    load = load_fusion if config.model_type == FusionConfig.model_type else load_audio_classifier
    model, processor = load(folder)
    install_fast_linears(model)
    return model, processor


def _load_config(folder: str | Path) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise CheckpointError(
            f"{folder}: holds no model that mmser knows ({reason}). Expected the folder of a finished run, "
            "or its name on the Hub."
        ) from error


def _hand_made(folder: str | Path) -> CheckpointError:
    return CheckpointError(
        f"{folder}: a system over hand-made features, expected a model that hears clips itself. Its scores "
        "are in metrics.json and report.md; `mmser leaderboard` and `mmser compare` read them."
    )


def choose_device(wanted: str | None = None) -> str:
    """Where a finished model runs: where it is wanted, else on the GPU if there is one."""
    return wanted or ("cuda" if torch.cuda.is_available() else "cpu")


def encoders_of(model: PreTrainedModel) -> dict[str, Any]:
    """The encoders of a fusion model ("audio", "text") or of a stock audio classifier ("audio")."""
    if isinstance(model, FusionForEmotionClassification):
        towers = {"audio": model.audio_encoder, "text": model.text_encoder}
        return {name: tower for name, tower in towers.items() if tower is not None}
    return {"audio": get_audio_tower(model)}


def load_fusion(folder: str | Path) -> tuple[FusionForEmotionClassification, Processor]:
    """Load a trained fusion model in eval mode, and its processor; of a model of sound alone its features.

    Raises:
        CheckpointError: the folder lacks weights of the model, or a file of its processor.
    """
    model = load_strictly(FusionForEmotionClassification, folder)
    if model.config.text_config is not None:
        return model, load_processor(FusionProcessor, folder)
    return model, AudioFeatures(load_processor(AutoFeatureExtractor, folder), input_name="input_values")


def load_export(folder: str | Path) -> tuple[ExportedModel, Processor]:
    """Load what ``mmser export`` wrote, and its processor.

    Raises:
        CheckpointError: the folder lacks a file, or holds one that is damaged.
        SettingsError: onnxruntime is not installed.
    """
    model = ExportedModel(folder, _load_config(folder))
    extractor = load_processor(AutoFeatureExtractor, folder)
    if getattr(model.config, "text_config", None) is not None:
        return model, FusionProcessor(extractor, load_processor(AutoTokenizer, folder))
    is_stock = model.config.model_type != FusionConfig.model_type
    return model, AudioFeatures(extractor, input_name=None if is_stock else "input_values")
