"""Run encoders in bfloat16 inside a model of float32.  encoder -> the same, rounded"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mmser.errors import SettingsError, UnknownNameError
from mmser.models.exported import ExportedModel
from mmser.models.loading import Model, encoders_of

DTYPES = ("float32", "bfloat16")
_BACKENDS: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
_lock = threading.Lock()
_within: list[None] = []  # one for each who wants float32 exact
_allowed: list[tuple[Any, bool]] = []  # what the first of them found


def parse_dtype(name: str) -> torch.dtype:
    """The precision of a name.

    Raises:
        UnknownNameError: it is none of :data:`DTYPES`.
    """
    if name not in DTYPES:
        raise UnknownNameError("dtype", name, DTYPES)
    return getattr(torch, name)


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Keep NVIDIA cards from rounding what is multiplied in float32 to ten bits, as their convolutions do."""
    with _lock:
        if not _allowed:
            _allowed.extend((backend, backend.allow_tf32) for backend in _BACKENDS)
            for backend in _BACKENDS:
                backend.allow_tf32 = False
        _within.append(None)
    try:
        yield
    finally:
        with _lock:
            _within.pop()
            while not _within and _allowed:  # the last of several threads
                backend, allowed = _allowed.pop()
                backend.allow_tf32 = allowed


def lower_precision(encoder: nn.Module, dtype: torch.dtype) -> list[Any]:
    """Round an encoder's weights and all that it computes; what goes in and out stays float32.

    Sums over time and heads stay outside, in float32. A whole encoder in bfloat16 takes six tenths of
    the time of float32 where the processor multiplies it; autocast, which rounds with every call, is slower.

    Args:
        encoder: changed in place.
        dtype: of its weights; float32 changes nothing.

    Returns:
        Handles whose ``remove`` takes away what rounds inputs.
    """
    if dtype == torch.float32:
        return []
    encoder.to(dtype)

    def round_inputs(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return _cast(args, dtype), _cast(kwargs, dtype)

    def widen_outputs(_: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        return _cast(output, torch.float32)

    return [
        encoder.register_forward_pre_hook(round_inputs, with_kwargs=True),
        encoder.register_forward_hook(widen_outputs),
    ]


def lower_encoders(model: Model, dtype: str) -> Model:
    """Round the encoders of a model, in place.

    Returns:
        ``model``.

    Raises:
        SettingsError: an export is to run in another precision than its own.
        UnknownNameError: a precision that is none of :data:`DTYPES`.
    """
    parsed = parse_dtype(dtype)
    if not isinstance(model, ExportedModel):
        for encoder in encoders_of(model).values():
            lower_precision(encoder, parsed)
    elif parsed != torch.float32:
        raise SettingsError(
            f"dtype is {dtype!r}, but an export runs in the precision that it was written in. Leave it out, "
            "or load the run that was exported."
        )
    return model


@contextlib.contextmanager
def lowered_precision(encoder: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """:func:`lower_precision` for a while; afterwards the weights are the old ones, bit for bit."""
    weights = [(weight, weight.data) for weight in encoder.parameters()]
    buffers = [(module, dict(module._buffers)) for module in encoder.modules()]
    handles: list[Any] = []
    try:
        handles += lower_precision(encoder, dtype)
        yield
    finally:
        for handle in handles:
            handle.remove()
        for weight, data in weights:
            weight.data = data
        for module, kept in buffers:
            module._buffers.update(kept)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Floats inside tuples, dictionaries and model outputs in another precision."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):  # model outputs too, which take their items' place as attributes
        for name, each in list(value.items()):
            value[name] = _cast(each, dtype)
        return value
    if isinstance(value, tuple):
        return tuple(_cast(each, dtype) for each in value)
    return value
