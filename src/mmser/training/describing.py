"""What a run was told.  settings -> a dictionary that JSON holds"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from transformers import TrainingArguments
from transformers.trainer_pt_utils import AcceleratorConfig

# Where a finished run is published: nothing of what it learns, and one of them is a secret.
_OF_THE_HUB = (
    *("push_to_hub", "hub_model_id", "hub_token", "hub_private_repo"),
    *("hub_strategy", "hub_always_push", "hub_revision"),
)


def describe(*settings: Any) -> dict[str, Any]:
    """Settings by name, as JSON holds them: all of ours, of transformers' those that are no defaults."""
    described: dict[str, Any] = {}
    for each in settings:
        ours = not isinstance(each, TrainingArguments)
        for setting in fields(each):
            value = _to_plain(getattr(each, setting.name))
            is_default = value == setting.default or value in ([], {}, _UNCHANGED_ACCELERATOR)
            if ours or not is_default:
                described[setting.name] = value
    for name in ("output_dir", *_OF_THE_HUB):
        described.pop(name, None)
    return dict(sorted(described.items()))


def _to_plain(value: Any) -> Any:
    """A setting as JSON holds it; what JSON does not know, as text."""
    if isinstance(value, AcceleratorConfig):
        value = value.to_dict()
        value.pop("use_configured_state", None)  # TrainingArguments takes it out as it reads it
    if isinstance(value, Mapping):
        return {str(key): _to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


_UNCHANGED_ACCELERATOR = _to_plain(AcceleratorConfig())
