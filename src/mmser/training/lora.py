"""Train a tower through low-rank updates of its projections.  tower, rank -> the same, little of it trained

Hu et al. 2021: a projection W becomes W + (alpha / rank) B A, of which A and B are trained. Afterwards the
product is added to W, and the tower is one like any other: nobody needs peft to load it.
"""

from collections.abc import Iterable
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from mmser.errors import SettingsError, UnknownNameError
from mmser.training.freezing import hold_frozen_parts_in_eval

_ATTENTION = {  # what encoders call the projections of their attention
    *("q_proj", "k_proj", "v_proj", "out_proj"),  # HuBERT, wav2vec 2.0, Whisper
    *("query", "key", "value"),  # BERT, RoBERTa
    *("query_proj", "key_proj", "value_proj"),  # DeBERTa
    *("q_lin", "k_lin", "v_lin", "out_lin"),  # DistilBERT
    "c_attn",  # GPT-2
}
_READ_BY_WEIGHT = ("wavlm",)  # their attention reads the projections' weights and passes their updates by


def add_lora(tower: Any, *, rank: int, alpha: int, targets: Iterable[str] = ()) -> None:
    """Freeze a tower and add low-rank updates to its projections, which are trained.

    Args:
        tower: an encoder of transformers.
        rank: of the updates.
        alpha: their scale, times the rank.
        targets: names of the projections, the last part of their paths; those of attention if empty.

    Raises:
        SettingsError: peft is not installed, or the tower has no attention that updates reach.
        UnknownNameError: the tower has no projection of that name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise SettingsError(
            "lora_rank is given, but peft is not installed: pip install 'mmser[lora]'. Or leave it out."
        ) from error
    projections = {
        path.rpartition(".")[2]
        for path, module in tower.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    }
    reached = projections - (_ATTENTION if tower.config.model_type in _READ_BY_WEIGHT else set())
    chosen = set(targets) or reached & _ATTENTION
    for name in sorted(chosen - projections):
        raise UnknownNameError(f"projection of {type(tower).__name__}", name, projections)
    if not chosen or chosen - reached:
        raise SettingsError(
            f"lora_rank is given, but updates do not reach the attention of {type(tower).__name__}. Name "
            f"other projections by --lora_targets, of {sorted(reached - _ATTENTION)}, or leave it out."
        )
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=sorted(chosen))
    inject_adapter_in_model(config, tower)
    hold_frozen_parts_in_eval(tower)


def merge_lora(model: nn.Module) -> None:
    """Add the updates of every tower to its projections, in place; a model without any stays as it is."""
    for path, module in list(model.named_modules()):
        if hasattr(module, "lora_A"):
            updated: Any = module
            updated.merge()
            model.set_submodule(path, updated.get_base_layer())
