"""What makes encoders faster on a processor and leaves their answers alone.  forward, backward -> the same

Linear layers: PyTorch has MKL multiply matrices of float32 on x86. On processors that are not Intel's MKL
leaves AVX-512 unused; oneDNN, which PyTorch takes for convolutions and for bfloat16, does not, and is twice
as fast there. Both add the same products up in float32, in another order.

Memory: glibc returns that of a large tensor to the system when it is freed, and the system hands it out again
page by page and wiped. A layer norm over a few megabytes waits longer for its pages than for its numbers.
"""

import contextlib
import ctypes
import platform
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_CPU_INFO = Path("/proc/cpuinfo")
_MIN_MULTIPLICATIONS = 2**20  # below, starting oneDNN takes longer than multiplying

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEEPING = {_MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: 2**31 - 1}
_RELEASING = {_MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**26}  # where glibc's own adjustment ends
_lock = threading.Lock()
_keepers = 0


@cache
def prefers_onednn() -> bool:
    """Whether this machine multiplies float32 faster by oneDNN than by what PyTorch would call."""
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and not _is_intel(read_processor())
    )


def read_processor() -> str:
    """What the system says of its processor."""
    try:
        return _CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()


def _is_intel(processor: str) -> bool:
    return "GenuineIntel" in processor


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in this process for the next tensor, and give it back at the end.

    Up to two gigabytes; other C libraries than glibc stay as they are. May be entered again within itself,
    and in several threads.
    """
    _keep_memory(1)
    try:
        yield
    finally:
        _keep_memory(-1)


def _keep_memory(change: int) -> None:
    """Count who wants memory kept; the first begins, the last ends it."""
    global _keepers
    with _lock:
        before, _keepers = _keepers, _keepers + change
        if min(before, _keepers) > 0 or _glibc() is None:
            return
        thresholds = _KEEPING if _keepers else _RELEASING
        for parameter, value in thresholds.items():
            _glibc().mallopt(parameter, value)
        if not _keepers:
            _glibc().malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library, if it has what is called here."""
    if platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)


def install_fast_linears(model: nn.Module) -> None:
    """Have oneDNN compute a model's linear layers, in place, where it is the faster.

    Weights, names and gradients stay as they are. Layers that run elsewhere than on a processor, under mixed
    precision, compiled or traced are computed as ever.
    """
    if prefers_onednn():
        for layer in model.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = FastLinear


class FastLinear(nn.Linear):
    """A linear layer that oneDNN computes, forward and backward, where that is faster."""

    def forward(self, values: Tensor) -> Tensor:
        """``values @ weight.T + bias``, (..., I) -> (..., O)."""
        if not self._is_for_onednn(values):
            return super().forward(values)
        # Rows are made and undone outside of the function: nobody may write into a view that it returns.
        rows: Any = _OneDnnProduct.apply(values.reshape(-1, self.in_features), self.weight, self.bias)
        return rows.view(*values.shape[:-1], self.out_features)

    def _is_for_onednn(self, values: Tensor) -> bool:
        return (
            not (torch.jit.is_tracing() or torch.compiler.is_compiling())
            and values.dtype == self.weight.dtype
            and values.dtype in (torch.float32, torch.bfloat16)
            and values.device.type == self.weight.device.type == "cpu"
            and values.numel() * self.out_features >= _MIN_MULTIPLICATIONS
            and not torch.is_autocast_enabled("cpu")
        )


class _OneDnnProduct(torch.autograd.Function):
    """``rows @ weight.T + bias`` with its gradients, (N, I) and (O, I) -> (N, O)."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the layer, and keep what its gradients need."""
        ctx.save_for_backward(rows, weight)
        return _multiply(rows, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients of rows, weight and bias, as far as somebody needs them."""
        rows, weight = ctx.saved_tensors
        of_rows, of_weight, of_bias = ctx.needs_input_grad
        return (
            _multiply(gradient, weight.T) if of_rows else None,
            _multiply(gradient.T, rows.T) if of_weight else None,
            gradient.sum(dim=0) if of_bias else None,
        )


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product that torch's own compiler calls for a linear layer on a processor."""
    return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
