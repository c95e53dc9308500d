"""Mask spans of a clip's frames while its tower is trained.  speech encoder -> the same, its masks safe

SpecAugment (Park et al. 2019) as wav2vec 2.0 has it (Baevski et al. 2020, appendix B). transformers' own
masks fall on padding too, and a batch whose clips are all shorter than one span is an error there.
"""

from typing import Any

import torch
from torch import Tensor, nn


def install_safe_masking(tower: nn.Module) -> None:
    """Choose a tower's masks of time here, in place of transformers: over real frames, at most half of them.

    A clip of fewer frames than two spans is not masked, and none is outside of training. How many spans there
    are, and of what length, the tower's configuration says; a tower without masks stays as it is.
    """
    if hasattr(tower, "masked_spec_embed"):
        config: Any = tower.config
        if not hasattr(config, "mask_feature_min_masks"):
            config.mask_feature_min_masks = 0  # WavLM's model reads it, its configuration has none
        tower.register_forward_pre_hook(_choose_mask, with_kwargs=True)


def _choose_mask(
    tower: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Before the tower runs: say which frames are masked.

    None of them also where only features are masked: the vector that is written over masked frames is a
    weight, and every weight has to take part in every step of processes that train together.
    """
    if not tower.training:
        return None
    values = kwargs["input_values"] if "input_values" in kwargs else args[0]
    mask = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
    num_samples = torch.full((len(values),), values.shape[-1]) if mask is None else mask.sum(-1).cpu()
    num_frames = tower._get_feat_extract_output_lengths(num_samples).tolist()
    spans = draw_spans(
        num_frames,
        int(tower._get_feat_extract_output_lengths(torch.tensor(values.shape[-1]))),
        share=tower.config.mask_time_prob,
        span=tower.config.mask_time_length,
        least=tower.config.mask_time_min_masks,
    )
    return args, {**kwargs, "mask_time_indices": spans.to(values.device)}


def draw_spans(num_frames: list[int], longest: int, *, share: float, span: int, least: int) -> Tensor:
    """Draw which frames of each clip are masked, from torch's global generator.

    Args:
        num_frames: real frames of each clip, B of them.
        longest: F, frames of the batch with its padding.
        share: of a clip's frames that spans are drawn for; they may overlap.
        span: frames of one.
        least: spans of a clip that has room for them; without a share there are none.

    Returns:
        True at masked frames, (B, F).
    """
    masked = torch.zeros(len(num_frames), longest, dtype=torch.bool)
    if share <= 0:
        return masked
    for row, frames in zip(masked, num_frames, strict=True):
        wanted = max(int(share * frames / span + torch.rand(()).item()), least)
        room = frames // (2 * span)
        for start in torch.randperm(max(frames - span + 1, 0))[: min(wanted, room)].tolist():
            row[start : start + span] = True
    return masked
