"""Load a trained model whole or not at all.  folder -> model, processor."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mmser.errors import CheckpointError


def load_strictly(model_class: Any, folder: str | Path) -> Any:
    """Load a model whose every weight is in the checkpoint, from safetensors, in eval mode.

    Args:
        model_class: anything with transformers' ``from_pretrained``.
        folder: of a finished run, or its name on the Hub.

    Raises:
        CheckpointError: the folder has no readable weights, or not all, or some of another shape.
    """
    try:
        model, report = model_class.from_pretrained(
            folder, output_loading_info=True, use_safetensors=True, ignore_mismatched_sizes=True
        )
    except (OSError, ValueError, SafetensorError) as error:  # ValueError: a model of another kind
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{folder}: no model could be read ({shorten(reason)}). Expected the folder of a finished run, "
            "with config.json and model.safetensors."
        ) from error
    if any(".lora_A." in name for name in report["unexpected_keys"]):
        raise CheckpointError(
            f"{folder}: holds low-rank updates that are not added to their weights yet, as a checkpoint of a "
            "run in training does. Expected the folder of the finished run."
        )
    mismatched = [name for name, *_ in report["mismatched_keys"]]
    absent = sorted({*report["missing_keys"], *mismatched})
    if absent:
        shown = ", ".join(absent[:8]) + (" …" if len(absent) > 8 else "")
        raise CheckpointError(
            f"{folder}: the checkpoint does not fill the model; {len(absent)} weights would start at random: "
            f"{shown}. Load the folder of a finished run; a bare encoder is for training."
        )
    return model


def shorten(message: str, limit: int = 300) -> str:
    """A message whose end is left out where it is long: transformers lists every class it knows."""
    return message if len(message) <= limit else message[:limit].rstrip() + " …"


def load_processor(processor_class: Any, folder: str | Path) -> Any:
    """Load what makes a model's features.

    Args:
        processor_class: anything with transformers' ``from_pretrained``.
        folder: of a finished run, or its name on the Hub.

    Raises:
        CheckpointError: a file of it is missing or damaged; the error names it where transformers does.
    """
    try:
        return processor_class.from_pretrained(folder)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:  # ValueError: json's too, where a file is damaged
        reason = " ".join(str(error).split())  # transformers' message has lines
        raise CheckpointError(
            f"{folder}: what makes the model's features could not be read ({reason}). Expected "
            "preprocessor_config.json, or with text processor_config.json, tokenizer.json and "
            "tokenizer_config.json: copy the whole folder of the finished run again."
        ) from error


@contextlib.contextmanager
def refusing_bad_towers() -> Iterator[None]:
    """Raise what building a model on pretrained towers finds wrong with them as an error of mmser's.

    ``models.fusion`` travels without mmser and has but ValueError.

    Raises:
        CheckpointError: a tower cannot be read, is of the wrong kind, or lacks weights.
    """
    try:
        yield
    except ValueError as error:
        raise CheckpointError(" ".join(str(error).split())) from error
