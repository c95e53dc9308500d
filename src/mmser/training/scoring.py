"""Judge a finished run.  model folder + corpus -> predictions and scores"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from mmser.curation.schema import load_corpus, read_corpus_json
from mmser.errors import SettingsError
from mmser.evaluation.report import read_metrics, summarize, write_evaluation
from mmser.training.collation import ClipDataset, Processor, collate_clips
from mmser.training.trainer import softmax


@torch.inference_mode()
def predict_logits(
    model: PreTrainedModel, processor: Processor, split: datasets.Dataset, *, batch_size: int = 8
) -> np.ndarray:
    """Run a whole model over a split, similar lengths together.

    Args:
        model: in any mode; it is put into eval mode.
        processor: the model's own.
        split: rows with the columns of ``curation.schema``.
        batch_size: clips in a batch; the answer does not depend on it.

    Returns:
        Logits in the order of ``split``, float32 (N, C).
    """
    model.eval()
    order = np.argsort(split["duration_s"], kind="stable")
    clips = ClipDataset(split, processor)
    loader = DataLoader(
        clips,
        batch_size=batch_size,
        sampler=order.tolist(),
        collate_fn=partial(collate_clips, processor=processor),
    )
    logits = np.empty((len(split), model.config.num_labels), dtype=np.float32)
    done = 0
    for batch in tqdm(loader, desc="predict", unit="batch", disable=len(split) <= batch_size):
        batch.pop("labels")
        rows = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits
        logits[order[done : done + len(rows)]] = rows.float().cpu().numpy()
        done += len(rows)
    return logits


def describe_corpus(about: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics.json says of a corpus, from its corpus.json."""
    settings = about["settings"]
    return {
        **{key: settings[key] for key in ("scheme", "protocol", "fold", "folds", "corpora")},
        "leaks": about["leaks"],
        "corpus_fingerprint": about["fingerprint"],
    }


def make_frame(split: datasets.Dataset, logits: np.ndarray) -> pd.DataFrame:
    """One row a clip, as predictions.parquet holds them.

    Args:
        split: the clips that were predicted.
        logits: (N, C) in the order of ``split``.

    Returns:
        Columns id, speaker, corpus, label (class name) and probabilities (C floats, in class order).
    """
    names = split.features["label"].names
    return pd.DataFrame(
        {
            "id": split["id"],
            "speaker": split["speaker"],
            "corpus": split["corpus"],
            "label": [names[label] for label in split["label"]],
            "probabilities": list(softmax(logits)),
        }
    )


def evaluate_on(run: Path, corpus: Path, out: Path | None = None) -> str:
    """Run a finished model over the test split of another corpus and write the report.

    Args:
        run: the folder of a finished run.
        corpus: a corpus folder whose classes the model knows.
        out: folder of the report; ``run/on-<corpus folder>`` if None.

    Returns:
        The scores as text for a terminal.

    Raises:
        SettingsError: the corpus holds classes that the model does not know.
    """
    model, processor = load_model(run)
    split, about = load_corpus(corpus)["test"], read_corpus_json(corpus)
    metrics = read_metrics(run)
    classes = [model.config.id2label[index] for index in range(model.config.num_labels)]
    unknown = sorted(set(about["classes"]) - set(classes))
    if unknown:
        raise SettingsError(
            f"{corpus}: its classes {unknown} are not among the model's {classes}. "
            f"Build that corpus with --scheme {metrics['scheme']}."
        )
    _warn_of_other_cleaning(model.config.preprocessing, about["settings"], corpus)
    started = time.perf_counter()
    frame = make_frame(split, predict_logits(model, processor, split), classes)
    described = {
        **{key: metrics[key] for key in ("system", "scheme", "seed", "num_parameters", "settings")},
        **describe_corpus(about),
        "leaks": _find_trained_clips(metrics, frame),
        "seconds": {"predict": round(time.perf_counter() - started, 1)},
    }
    target = out or run / f"on-{corpus.name}"
    scored = write_evaluation(target, described, frame, None)
    return f"{summarize(scored)}\nreport: {target / 'report.md'}"


def pool_runs(runs: Sequence[Path], out: Path | None = None) -> str:
    """Scores of one run as it stands, or of several folds of one system, pooled.

    Args:
        runs: folders of finished runs.
        out: folder for the report of pooled folds; none is written if None.

    Returns:
        The scores as text for a terminal.

    Raises:
        SettingsError: the runs are not folds of one system on one corpus.
    """
    if len(runs) == 1:
        return summarize(read_metrics(runs[0]))
