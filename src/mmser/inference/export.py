"""Export a finished run to ONNX, and measure what that changes.  run -> folder for onnxruntime

The folder holds no code: the graph, the model's configuration, and what makes its features. Each export is
compared with the model itself, clips alone and beside longer ones, before it is put in its place.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.curation.schema import load_corpus
from mmser.errors import ExportError, OutputExistsError, RunFormatError, SettingsError
from mmser.evaluation.report import read_metrics
from mmser.evaluation.scores import flat_scores
from mmser.inference.onnx_graph import OPSET, check_onnx, name_axes, quantize_graph, write_graph
from mmser.models.exported import EXPORT_FILE, FLOAT32, FORMAT_VERSION, GRAPH_FILE, INT8, ExportedModel
from mmser.models.loading import Model, Processor, load_export, load_model
from mmser.training.scoring import class_names, predict_logits

MAX_DIFFERENCE = 1e-3  # of logits in float32
MAX_BYTES = 2**31 - 2**20  # of one ONNX file
_MADE_CLIPS = ((1.0, "kids are talking by the door"), (1.7, "dogs"), (3.1, ""))  # seconds, text
Clips = list[tuple[np.ndarray, str]]  # waveforms (S,) and what is said in them


@dataclass(frozen=True)
class ExportSettings:
    """How a run is exported.

    Attributes:
        int8: round weights to 8 bits.
        corpus: its validation split is what the export is measured on; where it is None, int8 is measured on
            the corpus that the run was trained on.
        max_clips: of that split, evenly spaced.
    """

    int8: bool = False
    corpus: Path | None = None
    max_clips: int = 500

    def __post_init__(self) -> None:
        if self.max_clips < 1:
            raise SettingsError(f"max_clips is {self.max_clips}, expected clips to measure on, from 1.")


def export_run(run: str | Path, out: Path, settings: ExportSettings) -> dict[str, Any]:
    """Export a fusion model or a stock audio classifier.

    Args:
        run: folder of a finished run, or its name on the Hub.
        out: folder to write; it appears when the export is whole and was compared.
        settings: see there.

    Returns:
        What export.json holds: ``precision``; ``inputs``, the axes of each that may change; ``float32``, the
        ``largest_logit_difference`` of the graph before it is rounded; ``measured``, None or what
        :func:`measure` says; ``bytes`` of the graph.

    Raises:
        SettingsError: onnx or onnxruntime is not installed, or there are no clips to measure on.
        OutputExistsError: ``out`` holds something.
        CheckpointError: no finished run of a model that hears clips.
        ExportError: an export already, a model too large, or a graph that answers otherwise.
    """
    check_onnx()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out}: is not empty. Choose another folder, or empty this one.")
    loaded, processor = load_model(run)
    model = _check_model(loaded, run)
    split = _find_split(run, model, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        made = Path(scratch) / "export"
        made.mkdir()
        about = _write(model, processor, made, int8=settings.int8)
        exported, _ = load_export(made)
        if split is not None:
            about["measured"] = {
                "corpus": str(settings.corpus or _trained_on(run)),
                "split": "validation",
                **measure(model, exported, processor, split),
            }
            _write_json(made / EXPORT_FILE, about)
        made.replace(out)
    return about


def measure(
    model: PreTrainedModel, exported: Model, processor: Processor, split: datasets.Dataset
) -> dict[str, Any]:
    """Run a model and its export over the clips of a split.

    Args:
        model: in PyTorch.
        exported: its export.
        processor: of both.
        split: rows with the columns of ``curation.schema``, of one class each.

    Returns:
        ``num_clips``; ``ua_pytorch`` and ``ua`` of the export, percent; ``same_label``, the share of clips
        that both give one class, percent; ``largest_logit_difference`` and ``largest_logit``, for its scale.
    """
    classes = class_names(model)
    names = split.features["label"].names
    labels = [classes.index(names[label]) for label in split["label"]]
    ours, theirs = (predict_logits(each, processor, split) for each in (model, exported))
    return {
        "num_clips": len(split),
        "ua_pytorch": round(flat_scores(ours, labels, classes)["ua"], 2),
        "ua": round(flat_scores(theirs, labels, classes)["ua"], 2),
        "same_label": round(100 * float((ours.argmax(1) == theirs.argmax(1)).mean()), 2),
        "largest_logit_difference": float(f"{np.abs(ours - theirs).max():.3g}"),
        "largest_logit": float(f"{np.abs(ours).max():.3g}"),
    }


@torch.no_grad()
def largest_difference(model: Model, exported: Model, processor: Processor, clips: Clips) -> float:
    """How far the logits of an export are from those of its model.

    Args:
        model: hears each clip alone.
        exported: hears each alone, and all of them padded to the longest.
        processor: of both.
        clips: waveforms (S,) and what is said in them.
    """
    features = [processor.features(*clip) for clip in clips]
    singles = [processor.pad([each]) for each in features]
    expected = torch.cat([_logits(model, batch) for batch in singles])
    alone = torch.cat([_logits(exported, batch) for batch in singles])
    beside = _logits(exported, processor.pad(features))
    return max((each - expected).abs().max().item() for each in (alone, beside))


def _logits(model: Any, batch: dict[str, Tensor]) -> Tensor:
    return model(**batch).logits


def _write(model: PreTrainedModel, processor: Processor, folder: Path, *, int8: bool) -> dict[str, Any]:
    """Write an export of float32, compare it, and round it where that is wanted; what it says of itself."""
    clips = make_clips()
    batch = processor.pad([processor.features(*clip) for clip in clips[:2]])
    write_graph(model, batch, folder / GRAPH_FILE)
    _write_parts(model, processor, folder)
    about = {
        "format_version": FORMAT_VERSION,
        "precision": FLOAT32,
        "opset": OPSET,
        "inputs": {name: sorted(axes.values()) for name, axes in name_axes(batch).items()},
        "classes": class_names(model),
        "versions": {"torch": str(torch.__version__), "transformers": transformers.__version__},
        "measured": None,
        "files": sorted(path.name for path in folder.iterdir()),
    }
    _write_json(folder / EXPORT_FILE, about)
    difference = largest_difference(model, load_export(folder)[0], processor, clips)
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(
            f"The exported graph answers otherwise than the model: logits differ by {difference:.2g}, "
            f"expected {MAX_DIFFERENCE:g} at most. Nothing was written. It was traced with torch "
            f"{torch.__version__} and transformers {transformers.__version__}; try others."
        )
    about["float32"] = {"num_clips": len(clips), "largest_logit_difference": float(f"{difference:.2g}")}
    if int8:
        quantize_graph(folder / GRAPH_FILE, folder / "int8.onnx")
        (folder / "int8.onnx").replace(folder / GRAPH_FILE)
        about["precision"] = INT8
    about["bytes"] = (folder / GRAPH_FILE).stat().st_size
    _write_json(folder / EXPORT_FILE, about)
    return about


def _write_parts(model: PreTrainedModel, processor: Processor, folder: Path) -> None:
    """Write configuration, feature extractor and tokenizer, without the code that a run's folder holds."""
    config = json.loads(model.config.to_json_string())
    for name in ("auto_map", "custom_pipelines"):
        config.pop(name, None)
    _write_json(folder / "config.json", config)
    parts: Any = processor
    getattr(parts, "audio", parts).feature_extractor.save_pretrained(folder)
    if hasattr(parts, "tokenizer"):
        parts.tokenizer.save_pretrained(folder)


def make_clips(seconds_and_texts: Sequence[tuple[float, str]] = _MADE_CLIPS) -> Clips:
    """Noise of several lengths and levels, with texts."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(0, 0.05 * seconds, round(seconds * SAMPLE_RATE_HZ)).astype(np.float32), text)
        for seconds, text in seconds_and_texts
    ]


def _check_model(model: Model, run: str | Path) -> PreTrainedModel:
    if isinstance(model, ExportedModel):
        raise ExportError(f"{run}: is an export already. Name the run that it was made of.")
    num_bytes = sum(each.numel() * each.element_size() for each in model.parameters())
    if num_bytes > MAX_BYTES:
        raise ExportError(
            f"{run}: its weights take {num_bytes / 1e9:.1f} GB, and an ONNX file holds 2. Run it in PyTorch, "
            "or export a model with smaller encoders."
        )
    return model


def _trained_on(run: str | Path) -> Path | None:
    """The corpus folder that a run was trained on, if it says so."""
    try:
        corpus = read_metrics(Path(run))["settings"].get("corpus")
    except RunFormatError:
        return None
    return Path(corpus) if isinstance(corpus, str) else None


def _find_split(run: str | Path, model: Model, settings: ExportSettings) -> datasets.Dataset | None:
    """The clips to measure on, of one class each; None where nothing is to be measured."""
    if not settings.int8 and settings.corpus is None:
        return None
    corpus = settings.corpus or _trained_on(run)
    if corpus is None or (settings.corpus is None and not corpus.is_dir()):
        where = "" if corpus is None else f" ({corpus})"
        raise SettingsError(
            f"{run}: the corpus that it was trained on is not on this machine{where}, and what int8 costs is "
            "measured on clips. Give a corpus by --corpus FOLDER."
        )
    split = load_corpus(corpus)["validation"]
    unknown = sorted(set(split.features["label"].names) - set(class_names(model)))
    if unknown:
        raise SettingsError(
            f"{corpus}: its classes {unknown} are not among the model's {class_names(model)}."
        )
    single = [index for index, label in enumerate(split["label"]) if label is not None]
    if not single:
        raise SettingsError(
            f"{corpus}: its validation split holds no clip of one class. Give another --corpus."
        )
    chosen = np.linspace(0, len(single) - 1, min(settings.max_clips, len(single))).astype(int)
    return split.select([single[index] for index in chosen])


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
