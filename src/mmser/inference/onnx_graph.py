"""Turn a model into a graph.  PyTorch model -> model.onnx; float32 -> int8"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mmser.errors import SettingsError
from mmser.models.exported import import_onnxruntime

OPSET = 17  # the first with layer norm as one operation
_TEXT = ("input_ids", "text_attention_mask")
_ROUNDED = ("MatMul", "Gemm", "Gather")  # projections and embeddings; convolutions gain nothing from it
_HEAD = ("classifier", "projector")  # stays in float32: a thousandth of the work


def check_onnx() -> None:
    """Make sure that models can be exported.

    Raises:
        SettingsError: onnx or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "Exporting needs onnx, which is not installed: pip install 'mmser[onnx]'."
        ) from error
    import_onnxruntime()


def name_axes(batch: Mapping[str, Tensor]) -> dict[str, dict[int, str]]:
    """Name the axes whose lengths may change, by input.

    Args:
        batch: what a model takes. Log-mel spectrograms (B, 80, M) have one length, and their masks too.
    """
    has_window = any(
        each.ndim > batch["attention_mask"].ndim for name, each in batch.items() if name not in _TEXT
    )
    axes = {}
    for name, each in batch.items():
        axes[name] = {0: "batch"}
        if name in _TEXT:
            axes[name][1] = "tokens"
        elif not has_window:
            axes[name][each.ndim - 1] = "samples"
    return axes


def write_graph(model: PreTrainedModel, batch: Mapping[str, Tensor], path: Path) -> None:
    """Trace a model and write its graph.

    Args:
        model: in eval mode, on the CPU.
        batch: clips of unlike length, so that nothing is left out that padding needs.
        path: of the file.
    """
    with _quietly(), torch.no_grad():
        torch.onnx.export(
            _Positional(model, list(batch)).eval(),  # else the model comes back in training mode
            tuple(batch.values()),
            str(path),
            input_names=list(batch),
            output_names=["logits"],
            dynamic_axes={**name_axes(batch), "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,  # the other one needs all control flow rewritten, and twenty times as long
        )


def quantize_graph(path: Path, out: Path) -> None:
    """Round the weights of projections and embeddings to int8, one scale a channel; states as they come.

    Args:
        path: of the graph in float32.
        out: file to write.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(str(path)).graph.node
    head = [node.name for node in nodes if any(part in node.name for part in _HEAD)]
    with _quietly():
        quantize_dynamic(
            path,
            out,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=list(_ROUNDED),
            nodes_to_exclude=[*head, *(f"{name}_MatMul" for name in head)],  # what it makes of a Gemm first
        )


class _Positional(nn.Module):
    """A model that takes its inputs in order, as tracing hands them over."""

    def __init__(self, model: PreTrainedModel, names: list[str]):
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *values: Tensor) -> Tensor:
        model: Any = self.model
        return model(**dict(zip(self.names, values, strict=True))).logits


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what tracing and quantisation say to their developers from the user."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
