"""Make towers ready to be trained.  tower + settings -> what of it is trained, and how"""

from torch import nn
from transformers import PreTrainedModel

from mmser.errors import SettingsError
from mmser.training.arguments import AudioSettings, FusionSettings
from mmser.training.freezing import freeze, freeze_audio_tower
from mmser.training.lora import add_lora
from mmser.training.masking import install_safe_masking


def fit_audio_tower(tower: PreTrainedModel, settings: AudioSettings) -> None:
    """Freeze what is not to be trained of an audio tower, and mask what it hears in training.

    Args:
        tower: loaded with ``settings.tower_options``.
        settings: how much of it is trained, and its masks.

    Raises:
        SettingsError: masks for a tower that has none in training, or longer than it is wide, or low-rank
            updates that do not reach its attention or for a tower of which a part is trained.
        UnknownNameError: low-rank updates of a projection that it has not.
    """
    freeze_audio_tower(tower, settings.freeze, num_trained_layers=settings.num_trained_layers)
    if settings.lora_rank and settings.freeze in ("top-cnn", "top-layers", "partial"):
        raise SettingsError(
            f"lora_rank is {settings.lora_rank} with --freeze {settings.freeze}. Low-rank updates take the "
            "place of training a tower whole: choose --freeze entire, or classifier for a text tower's alone."
        )
    if settings.freeze == "entire":
        _add_lora(tower, settings)
    if settings.masks:
        _check_masks(tower, sorted(settings.masks))
    install_safe_masking(tower)


def fit_text_tower(tower: PreTrainedModel, settings: FusionSettings) -> None:
    """Freeze a text tower, or add low-rank updates to it, as the settings say.

    Raises:
        SettingsError: updates that do not reach its attention.
        UnknownNameError: it has no projection of that name.
    """
    if settings.freeze_text:
        freeze(tower)
    else:
        _add_lora(tower, settings)


def check_lora(model: nn.Module, settings: AudioSettings) -> None:
    """Refuse low-rank updates where every tower is frozen.

    Raises:
        SettingsError: there would be none.
    """
    if settings.lora_rank and not any(hasattr(module, "lora_A") for module in model.modules()):
        raise SettingsError(
            f"lora_rank is {settings.lora_rank}, but every tower is frozen. Leave it out, or choose --freeze "
            "entire."
        )


def _add_lora(tower: PreTrainedModel, settings: AudioSettings) -> None:
    if settings.lora_rank:
        alpha = settings.lora_alpha or 2 * settings.lora_rank
        add_lora(tower, rank=settings.lora_rank, alpha=alpha, targets=settings.lora_targets)


def _check_masks(tower: PreTrainedModel, given: list[str]) -> None:
    tower.train()
    is_masked, kind = tower.training, type(tower).__name__
    tower.eval()
    if not hasattr(tower, "_mask_hidden_states"):
        raise SettingsError(f"{given} given, but {kind} masks nothing of what it hears. Leave them out.")
    if not is_masked:
        raise SettingsError(
            f"{given} given, but the weights of the audio tower's transformer are frozen, and what it hears "
            "is not masked. Leave them out, or choose --freeze partial or entire, without lora_rank."
        )
    for kind_of_mask in ("time", "feature"):
        name = f"mask_{kind_of_mask}_length"
        if name in given and not getattr(tower.config, f"mask_{kind_of_mask}_prob"):
            raise SettingsError(f"{name} is given, but mask_{kind_of_mask}_prob is 0. Give it a share too.")
    length = tower.config.mask_feature_length
    if tower.config.mask_feature_prob > 0 and length > tower.config.hidden_size:
        raise SettingsError(
            f"mask_feature_length is {length}, but {kind} has {tower.config.hidden_size} features. Choose "
            "fewer."
        )
