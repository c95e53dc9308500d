"""Load a trained model of either kind.  folder -> model, processor."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoFeatureExtractor, PreTrainedModel

from mmser.errors import CheckpointError
from mmser.models.audio_classifier import load_audio_classifier
from mmser.models.fusion import AudioFeatures, FusionConfig, FusionForEmotionClassification, FusionProcessor
from mmser.models.networks.mobilenet import BlockNetConfig
from mmser.models.networks.modeling import NetworkConfig
from mmser.models.strict import load_processor, load_strictly

Processor = AudioFeatures | FusionProcessor  # what makes features: of sound alone, or of sound and text

_HAND_MADE = (NetworkConfig, BlockNetConfig)
for _config in (FusionConfig, *_HAND_MADE):
    AutoConfig.register(_config.model_type, _config, exist_ok=True)


def load_model(folder: str | Path) -> tuple[PreTrainedModel, Processor]:
    """Load a fusion model or a stock audio classifier, whichever the folder holds, in eval mode.

    Args:
        folder: of a finished run, or its name on the Hub.

    Returns:
        The model, and what makes its features: both kinds have ``features`` and ``pad``.

    Raises:
        CheckpointError: no model there, one that lacks weights or a file of its processor, or a system over
            hand-made features.
    """
    if (Path(folder) / "model.skops").is_file():
        raise _hand_made(folder)
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise CheckpointError(
            f"{folder}: holds no model that mmser knows ({reason}). Expected the folder of a finished run, "
            "or its name on the Hub."
        ) from error
    if isinstance(config, _HAND_MADE):
        raise _hand_made(folder)
    if config.model_type == FusionConfig.model_type:
        return load_fusion(folder)
    return load_audio_classifier(folder)


def _hand_made(folder: str | Path) -> CheckpointError:
    return CheckpointError(
        f"{folder}: a system over hand-made features, expected a model that hears clips itself. Its scores "
        "are in metrics.json and report.md; `mmser leaderboard` and `mmser compare` read them."
    )


def choose_device(wanted: str | None = None) -> str:
    """Where a finished model runs: where it is wanted, else on the GPU if there is one."""
    return wanted or ("cuda" if torch.cuda.is_available() else "cpu")


def load_fusion(folder: str | Path) -> tuple[FusionForEmotionClassification, Processor]:
    """Load a trained fusion model in eval mode, and its processor; of a model of sound alone its features.

    Raises:
        CheckpointError: the folder lacks weights of the model, or a file of its processor.
    """
    model = load_strictly(FusionForEmotionClassification, folder)
    if model.config.text_config is not None:
        return model, load_processor(FusionProcessor, folder)
    return model, AudioFeatures(load_processor(AutoFeatureExtractor, folder), input_name="input_values")
