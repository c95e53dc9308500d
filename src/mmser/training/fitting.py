"""Make towers ready to be trained.  tower + settings -> what of it is trained, its masks"""

from transformers import PreTrainedModel

from mmser.errors import SettingsError
from mmser.training.arguments import AudioSettings
from mmser.training.freezing import freeze_audio_tower
from mmser.training.masking import install_safe_masking


def fit_audio_tower(tower: PreTrainedModel, settings: AudioSettings) -> None:
    """Freeze what is not to be trained of an audio tower, and mask what it hears in training.

    Args:
        tower: loaded with ``settings.tower_options``.
        settings: how much of it is trained, and its masks.

    Raises:
        SettingsError: masks for a tower that has none in training, or longer than it is wide.
    """
    freeze_audio_tower(tower, settings.freeze)
    given = settings.masks
    if given:
        _check_masks(tower, settings.freeze, sorted(given))
    install_safe_masking(tower)


def _check_masks(tower: PreTrainedModel, freeze: str, given: list[str]) -> None:
    tower.train()
    is_masked, kind = tower.training, type(tower).__name__
    tower.eval()
    if not hasattr(tower, "_mask_hidden_states"):
        raise SettingsError(f"{given} given, but {kind} masks nothing of what it hears. Leave them out.")
    if not is_masked:
        raise SettingsError(
            f"{given} given, but with --freeze {freeze} the audio tower's transformer is frozen, and what it "
            "hears is not masked. Leave them out, or choose --freeze partial or entire."
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
