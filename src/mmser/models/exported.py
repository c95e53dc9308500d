"""A model in ONNX, called as the PyTorch model that it was made of.  folder; batch -> logits (B, C)"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from mmser.errors import CheckpointError, SettingsError
from mmser.models.fusion import FusionConfig
from mmser.models.fusion.modeling_fusion import check_present

EXPORT_FILE = "export.json"  # what `mmser export` says of a folder; written last
GRAPH_FILE = "model.onnx"
FORMAT_VERSION = 1
INT8, FLOAT32 = "int8", "float32"
_PADDED = {"input_values": "attention_mask", "input_ids": "text_attention_mask"}  # what is cut by which mask


class ExportedModel:
    """What ``mmser export`` wrote, run in onnxruntime on the CPU.

    Rounded to int8, a clip's states are scaled by the highest value in its batch; so that its answer does not
    depend on its neighbours, such a model hears each clip alone, without its padding.

    Args:
        folder: of the export.
        config: of the model that was exported.

    Attributes:
        config: as above.
        about: what export.json holds.
        device: where inputs are expected.

    Raises:
        CheckpointError: the folder lacks a file, or holds one that is damaged or of another version.
        SettingsError: onnxruntime is not installed.
    """

    def __init__(self, folder: str | Path, config: PreTrainedConfig):
        self.config = config
        self.about = read_export(folder)
        self.device = torch.device("cpu")
        self._session = _open_session(Path(folder) / GRAPH_FILE)
        self._inputs = {each.name for each in self._session.get_inputs()}

    def to(self, device: object) -> "ExportedModel":
        """Stay on the CPU, whatever is wanted."""
        return self

    def eval(self) -> "ExportedModel":
        """Stay as it is: an exported model cannot be trained."""
        return self

    def __call__(self, **inputs: Tensor) -> SequenceClassifierOutput:
        """Classify a batch.

        Args:
            inputs: by name, what the model's processor pads.

        Returns:
            ``logits``, float32 (B, C).

        Raises:
            ValueError: a clip lacks its sound or its transcript, and the model was not trained so.
        """
        if isinstance(self.config, FusionConfig):
            for mask in _PADDED.values():
                if mask in inputs:
                    check_present(inputs[mask].bool().flatten(1).any(dim=1), self.config)
        batch = {name: each.numpy() for name, each in inputs.items() if name in self._inputs}
        parts = iter_alone(batch) if self.about["precision"] == INT8 else [batch]
        logits = np.concatenate([self._session.run(None, part)[0] for part in parts])
        return SequenceClassifierOutput(logits=torch.from_numpy(logits))


def read_export(folder: str | Path) -> dict[str, Any]:
    """Read what an export says of itself.

    Raises:
        CheckpointError: as :class:`ExportedModel`.
    """
    path = Path(folder) / EXPORT_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). Export the run again.") from error
    version = about.get("format_version") if isinstance(about, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format_version is {version!r}, this mmser reads {FORMAT_VERSION}. Export the run again."
        )
    absent = [name for name in about["files"] if not (path.parent / name).is_file()]
    if absent:
        raise CheckpointError(f"{folder}: lacks {', '.join(absent)}. Copy the whole folder again.")
    return about


def iter_alone(batch: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Give each clip of a padded batch alone, without its padding.

    Args:
        batch: input of a model by name; log-mel spectrograms, which have one length, are not cut.

    Yields:
        Batches of one. What has nothing real keeps its length.
    """
    for row in range(len(next(iter(batch.values())))):
        alone = {name: each[row : row + 1] for name, each in batch.items()}
        for name, mask in _PADDED.items():
            if name in alone and alone[name].ndim == alone[mask].ndim:
                length = int(alone[mask].sum(axis=-1).max()) or alone[mask].shape[-1]
                alone |= {each: alone[each][..., :length] for each in (name, mask)}
        yield alone


def import_onnxruntime() -> Any:
    """The module.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise SettingsError(
            "An exported model runs in onnxruntime, which is not installed: pip install 'mmser[onnx]'."
        ) from error
    return onnxruntime


def _open_session(path: Path) -> Any:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no class in common
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{path}: no graph that onnxruntime reads ({reason}). Export it again."
        ) from error
