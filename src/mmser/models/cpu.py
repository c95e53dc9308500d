"""Linear layers by the faster of two libraries.  forward, backward -> the same

PyTorch has MKL multiply matrices of float32 on x86. On processors that are not Intel's MKL leaves AVX-512
unused; oneDNN, which PyTorch takes for convolutions and for bfloat16, does not, and was twice as fast on an
AMD EPYC. Both add the same products up in float32, in another order. In bfloat16 it spares a copy.
"""

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_CPU_INFO = Path("/proc/cpuinfo")
_MIN_MULTIPLICATIONS = 2**20  # below, starting oneDNN takes longer than multiplying


@cache
def prefers_onednn() -> bool:
    """Whether oneDNN has instructions here that MKL, which PyTorch would ask, leaves unused."""
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        and "AuthenticAMD" in _read_processor()
    )


def _read_processor() -> str:
    """What the system says of its processor."""
    try:
        return _CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()


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
        rows = values.reshape(-1, self.in_features).contiguous()
        rows = _OneDnnProduct.apply(rows, self.weight, self.bias)
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
        """Compute the layer, and keep what its gradients need: of frozen weights no rows."""
        of_rows, of_weight, _ = ctx.needs_input_grad
        ctx.save_for_backward(rows if of_weight else None, weight if of_rows else None)
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
