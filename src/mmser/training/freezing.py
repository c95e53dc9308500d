"""Choose what is trained.  model, mode -> the same model with frozen parts held in eval mode"""

import types
from typing import Any

from torch import nn

from mmser.errors import SettingsError, UnknownNameError
from mmser.training.arguments import FREEZE_MODES


def freeze_audio_tower(tower: nn.Module, mode: str, *, num_trained_layers: int = 2) -> None:
    """Freeze an audio tower: the paper's four ways of fine-tuning (Sharma, HuBERT alone), and a fifth.

    Args:
        tower: a HuBERT-like encoder (``feature_extractor`` holds its convolutions) or a Whisper encoder
            (``conv1``, ``conv2``).
        mode: "classifier" freezes the tower, "top-cnn" all but its two last convolutional layers, "partial"
            its convolutions only, "entire" nothing; "top-layers" all but its last blocks.
        num_trained_layers: how many blocks "top-layers" trains.

    Raises:
        UnknownNameError: ``mode`` is none of these.
        SettingsError: the tower has not so many blocks.
    """
    if mode not in FREEZE_MODES:
        raise UnknownNameError("freeze mode", mode, FREEZE_MODES)
    blocks = blocks_of(tower)
    if mode == "top-layers" and not 1 <= num_trained_layers <= len(blocks):
        raise SettingsError(
            f"num_trained_layers is {num_trained_layers}, expected from 1 to the {len(blocks)} blocks of the "
            "tower."
        )
    convolutions = _convolutional_layers(tower)
    tower.requires_grad_(mode in ("partial", "entire"))
    if mode == "partial":
        for layer in convolutions:
            layer.requires_grad_(False)
    if mode == "top-cnn":
        for layer in convolutions[-2:]:
            layer.requires_grad_(True)
    if mode == "top-layers":
        for part in (*blocks[-num_trained_layers:], final_norm_of(tower)):
            part.requires_grad_(True)
    _freeze_sinusoids(tower)
    hold_frozen_parts_in_eval(tower)
    dropout = getattr(getattr(tower, "encoder", None), "dropout", None)
    if mode == "top-layers" and isinstance(
        dropout, nn.Module
    ):  # before the first block: random below frozen ones
        dropout.eval().train = types.MethodType(_stay_in_eval, dropout)  # type: ignore[method-assign]


def freeze(module: nn.Module) -> None:
    """Freeze a whole tower and hold it in eval mode."""
    module.requires_grad_(False)
    hold_frozen_parts_in_eval(module)


def is_frozen(module: nn.Module) -> bool:
    """True where no parameter of ``module`` is trained."""
    return not any(parameter.requires_grad for parameter in module.parameters())


def blocks_of(tower: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a speech encoder, lowest first."""
    holder: Any = getattr(tower, "encoder", tower)
    return [*holder.layers]


def final_norm_of(tower: nn.Module) -> nn.Module:
    """The layer norm behind the last block; an identity where there is none."""
    if not hasattr(tower, "encoder"):
        return tower.get_submodule("layer_norm")
    return tower.get_submodule("encoder.layer_norm") if stands_last(tower.config) else nn.Identity()


def stands_last(config: Any) -> bool:
    """Whether the layer norm of a wav2vec 2.0-like encoder stands behind its blocks, not before them."""
    # Data2Vec's never does: its model does not read the field, which its configuration may have all the same.
    return config.model_type != "data2vec-audio" and bool(getattr(config, "do_stable_layer_norm", False))


def _convolutional_layers(tower: nn.Module) -> list[nn.Module]:
    extractor: Any = getattr(tower, "feature_extractor", None)
    return (
        [tower.get_submodule("conv1"), tower.get_submodule("conv2")]
        if extractor is None
        else [*extractor.conv_layers]
    )


def _freeze_sinusoids(tower: nn.Module) -> None:
    """Whisper's encoder positions are fixed sinusoids, in every mode (Radford et al., section 2.2)."""
    if hasattr(tower, "embed_positions"):
        tower.embed_positions.requires_grad_(False)


def hold_frozen_parts_in_eval(module: nn.Module) -> None:
    """Keep frozen parts in eval mode for good: dropout, layerdrop and masking would make them random.

    ``train()`` of a parent reaches its children through their own ``train``, so that is what is replaced in
    the largest subtrees that hold parameters, none of them trained; and in modules whose own parameters are
    frozen though a child is trained, such as HuBERT's with its mask, when only convolutions are.
    """
    module.__dict__.pop("train", None)
    if is_frozen(module) and any(True for _ in module.parameters()):
        module.eval()
        module.train = types.MethodType(_stay_in_eval, module)  # type: ignore[method-assign]
        return
    own = list(module.parameters(recurse=False))
    if own and not any(parameter.requires_grad for parameter in own):
        module.training = False
        module.train = types.MethodType(_train_children, module)  # type: ignore[method-assign]
    for child in module.children():
        hold_frozen_parts_in_eval(child)


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:
    return module


def _train_children(module: nn.Module, mode: bool = True) -> nn.Module:
    for child in module.children():
        child.train(mode)
    return module
