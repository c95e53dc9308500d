"""Judge a finished run.  model folder + corpus -> predictions and scores"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mmser.curation.rows import read_columns
from mmser.curation.schema import load_corpus, read_corpus_json
from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.collecting import read_run
from mmser.evaluation.emotions import score_emotions, write_emotion_predictions
from mmser.evaluation.folds import EVALUATED_RUN, pool_folds
from mmser.evaluation.predictions import (
    classes_of,
    label_indices,
    make_predictions,
    predicted_indices,
    softmax,
)
from mmser.evaluation.report import (
    REPORT_FILE,
    format_confusion_matrix,
    read_metrics,
    summarize,
    write_evaluation,
)
from mmser.evaluation.scores import compute_confusion_matrix
from mmser.evaluation.writing import check_report_folder
from mmser.memory import kept_memory
from mmser.models.loading import Model, Processor, choose_device, load_model
from mmser.models.precision import exact_float32
from mmser.training.collation import ClipDataset, class_targets, collate_clips
from mmser.training.provenance import find_trained_speakers

logger = logging.getLogger(__name__)


@torch.inference_mode()
def predict_logits(
    model: Model, processor: Processor, split: datasets.Dataset, *, batch_size: int = 8
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
    (durations_s,) = read_columns(split, ("duration_s",))
    order = np.argsort(durations_s, kind="stable")
    clips = ClipDataset(split, processor)
    loader = DataLoader(
        clips,
        batch_size=batch_size,
        sampler=order.tolist(),
        collate_fn=partial(collate_clips, processor=processor),
    )
    logits = np.empty((len(split), len(class_names(model))), dtype=np.float32)
    done = 0
    with exact_float32(), kept_memory():
        for batch in tqdm(loader, desc="predict", unit="batch", disable=len(split) <= batch_size):
            batch.pop("labels")
            rows: Any = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits
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


def class_names(model: Model) -> list[str]:
    """The classes of a model in the order of its logits."""
    names: dict[int, str] = model.config.id2label  # type: ignore[assignment]
    return [names[index] for index in range(len(names))]


def make_frame(split: datasets.Dataset, logits: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row a clip, as predictions.parquet holds them.

    Args:
        split: the clips that were predicted.
        logits: (N, C) in the order of ``split``.
        classes: class names in the order of the logits.

    Returns:
        A predictions frame (``mmser.evaluation.predictions``) of the clips that have one class: those with
        several have no place in UA and WA.
    """
    clips = describe_clips(split)
    single = clips["label"].notna().to_numpy()
    return make_predictions(clips[single], softmax(logits[single]), classes)


def describe_clips(split: datasets.Dataset) -> pd.DataFrame:
    """The columns id, speaker, corpus, label and gender, as text; no label where a clip has several."""
    clips = split.select_columns(["id", "speaker", "corpus", "gender"]).to_pandas()
    names, targets = split.features["label"].names, class_targets(split).numpy()
    labels = [names[row.argmax()] if row.sum() == 1 else None for row in targets]
    clips.insert(list(clips).index("gender"), "label", labels)
    return clips


def check_splits(corpus: datasets.DatasetDict, folder: str, *, several_classes: bool) -> None:
    """Refuse a corpus that a system cannot be trained and judged on.

    Args:
        corpus: its splits.
        folder: it came from, for the message.
        several_classes: whether the system can tell several classes of one clip.

    Raises:
        EmptySplitError: a split is empty, or has no clip with one class to be judged by.
        SettingsError: clips have several classes.
    """
    for split, rows in corpus.items():
        if not len(rows):
            raise EmptySplitError(
                f"{folder}: the {split} split holds no clip. Build another protocol or fold."
            )
        if several_classes and split != "train" and not (class_targets(rows).sum(dim=1) == 1).any():
            raise EmptySplitError(
                f"{folder}: every clip of the {split} split has several classes, and UA and WA need clips"
                " with one. Build another protocol or fold."
            )
        if not several_classes and None in rows["label"]:
            raise SettingsError(
                f"{folder}: clips have several classes, and this system tells one. Build a scheme of single "
                "labels, or train pho-cnn with --loss binary."
            )


def write_emotions(
    folder: Path, corpus: datasets.DatasetDict, logits: Mapping[str, np.ndarray], classes: Sequence[str]
) -> dict[str, Any]:
    """Judge a network that says yes or no to each emotion, and write what it said of the test clips.

    Args:
        folder: of the run.
        corpus: its splits.
        logits: split -> (N, C), in the order of its clips.
        classes: class names in the order of the logits.

    Returns:
        ``emotions`` of metrics.json: split -> what ``score_emotions`` says.
    """
    targets = {split: class_targets(corpus[split]).numpy() > 0 for split in logits}
    write_emotion_predictions(folder, corpus["test"]["id"], targets["test"], logits["test"], classes)
    return {split: score_emotions(targets[split], logits[split] > 0, classes) for split in logits}


def format_confusion(frame: pd.DataFrame) -> str:
    """The confusion matrix of a predictions frame as text for a terminal."""
    classes = classes_of(frame)
    matrix = compute_confusion_matrix(label_indices(frame), predicted_indices(frame), classes)
    return format_confusion_matrix(matrix, classes)


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
        OutputExistsError: the folder of the report holds something else.
    """
    model, processor = load_model(run)
    model.to(choose_device())  # type: ignore[arg-type]
    split, about, metrics = load_corpus(corpus)["test"], read_corpus_json(corpus), read_metrics(run)
    _check_fits(model, metrics["scheme"], corpus, about)
    facts = {name: metrics[name] for name in ("system", "seed", "num_parameters", "settings")}
    facts |= describe_corpus(about) | {EVALUATED_RUN: str(run)}
    target = out or run / f"on-{corpus.resolve().name}"
    check_report_folder(target, facts)
    started = time.perf_counter()
    frame = make_frame(split, predict_logits(model, processor, split), class_names(model))
    facts["leaks"] = find_trained_speakers(metrics, frame)
    facts["seconds"] = {"predict": round(time.perf_counter() - started, 1)}
    return f"{summarize(write_evaluation(target, facts, frame, None))}\nreport: {target / REPORT_FILE}"


def _check_fits(model: Model, scheme: str, corpus: Path, about: Mapping[str, Any]) -> None:
    """Refuse a corpus of classes that the model does not know; warn of one that was prepared otherwise."""
    classes = class_names(model)
    unknown = sorted(set(about["classes"]) - set(classes))
    if unknown:
        raise SettingsError(
            f"{corpus}: its classes {unknown} are not among the model's {classes}. "
            f"Build that corpus with --scheme {scheme}."
        )
    for name, applied in model.config.preprocessing.items():
        if about["settings"][name] != applied:
            logger.warning(
                "%s: its %s are %s, the model was trained on %s.",
                corpus,
                name,
                about["settings"][name],
                applied,
            )


def evaluate_each(runs: Sequence[Path], corpus: Path, out: Path | None = None) -> Iterator[str]:
    """Run several finished models over one corpus; with ``out`` each report gets a sub-folder of it.

    Args:
        runs: folders of finished runs.
        corpus: a corpus folder whose classes the models know.
        out: folder of the report of one run, or of the reports of several, each under its run's name;
            ``run/on-<corpus folder>`` if None.

    Yields:
        The scores of each run as text for a terminal.

    Raises:
        SettingsError: two runs have one name, or as :func:`evaluate_on`.
        OutputExistsError: as :func:`evaluate_on`.
    """
    names = [run.resolve().name for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if out is not None and twice:
        raise SettingsError(
            f"--out {out}: several runs are named {twice}, and their reports would go to one folder. "
            "Evaluate them one at a time, each with an --out of its own."
        )
    for run, name in zip(runs, names, strict=True):
        yield evaluate_on(run, corpus, out if out is None or len(runs) == 1 else out / name)


def pool_runs(runs: Sequence[Path], out: Path | None = None) -> str:
    """Scores of one run as it stands, or of several folds of one system, pooled.

    Args:
        runs: folders of finished runs.
        out: folder for the report of pooled folds; none is written if None.

    Returns:
        The scores as text for a terminal.

    Raises:
        SettingsError: the runs are not folds of one system on one set of corpora, or ``out`` is given for
            one run, which has its report.
        OutputExistsError: ``out`` holds something else.
    """
    if len(runs) == 1 and out is not None:
        raise SettingsError(
            f"--out {out}: the report of one run stands at {runs[0] / REPORT_FILE} already. Name several "
            "folds to pool, or a corpus to run the model on (--corpus)."
        )
    if len(runs) == 1:
        return summarize(read_metrics(runs[0]))
    metrics, frame = pool_folds([read_run(run) for run in runs])
    if out is None:
        return summarize(metrics)
    facts = {name: value for name, value in metrics.items() if name not in ("test", "validation")}
    check_report_folder(out, facts)
    return f"{summarize(write_evaluation(out, facts, frame, None))}\nreport: {out / REPORT_FILE}"
