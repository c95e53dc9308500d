"""Find finished runs, and pool the folds among them.  folders -> runs, and what could not be read"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mmser.errors import MmserError, RunFormatError, SettingsError
from mmser.evaluation.folds import EVALUATED_RUN, find_folds, pool_folds
from mmser.evaluation.predictions import read_predictions, score_predictions
from mmser.evaluation.report import PREDICTIONS_FILE, read_metrics
from mmser.evaluation.writing import METRICS_FILE, is_begun_run


@dataclass(frozen=True)
class Run:
    """A run, or the folds of one system pooled.

    Attributes:
        folders: of the run, or of each fold in the order of the folds.
        metrics: what metrics.json holds, or ``pool_folds`` returns.
        frame: predictions of the test split.
    """

    folders: tuple[Path, ...]
    metrics: dict[str, Any]
    frame: pd.DataFrame

    def name(self, depth: int = 1) -> str:
        """Last ``depth`` parts of the folder; of the first and the last one for folds."""
        names = ["/".join(folder.resolve().parts[-depth:]) for folder in self.folders]
        return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


@dataclass
class Collection:
    """What stands below some folders.

    Attributes:
        runs: finished runs, folds pooled.
        unfinished: folders of runs that were begun and have no scores.
        broken: a message for each run that cannot be read.
    """

    runs: list[Run] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """A sentence for each folder that is left out."""
        return [
            *(f"{folder}: a run that is not finished, it is left out." for folder in self.unfinished),
            *(f"{message} It is left out." for message in self.broken),
        ]

    def finished(self) -> list[Run]:
        """The runs.

        Raises:
            RunFormatError: there is none.
        """
        if not self.runs:
            raise RunFormatError(
                f"There is no finished run: {len(self.unfinished)} not finished, {len(self.broken)} not "
                f"readable. Name folders of runs, each with its {METRICS_FILE}, or folders that hold some."
            )
        return self.runs


def read_run(folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read metrics and test predictions of a finished run.

    Raises:
        RunFormatError: one of the two is missing or is not what a run writes.
    """
    return read_metrics(folder), read_predictions(folder / PREDICTIONS_FILE)


def collect_runs(paths: Sequence[Path]) -> Collection:
    """Find runs below folders, at any depth, and pool the folds of each system.

    Scores of the test split are computed from the predictions, whatever metrics.json says of them. The report
    of a pool is left out where its folds are found too.

    Args:
        paths: folders of runs, or folders that hold some; a run is taken once.

    Returns:
        The runs, unfinished ones and unreadable ones; there may be none of any.

    Raises:
        RunFormatError: a path is no folder.
    """
    collection = Collection()
    finished = []
    for folder in _find_folders(paths):
        if not (folder / METRICS_FILE).exists():
            collection.unfinished.append(folder)
            continue
        try:
            finished.append((folder, *read_run(folder)))
        except MmserError as error:
            collection.broken.append(str(error))
    finished.sort(key=lambda item: (str(item[0].parent), item[1]["fold"] or 0, str(item[0])))
    collection.runs = _drop_pool_reports(_pool(finished))
    return collection


def collect_one(text: str) -> tuple[Run, list[Path]]:
    """Read what names one system: a run, folders with commas between them, or a folder that holds its folds.

    Args:
        text: the folder or folders.

    Returns:
        The run, folds pooled, and the folders of unfinished runs that stand beside its folds.

    Raises:
        RunFormatError: nothing is there, or a run cannot be read.
        SettingsError: the folder holds several systems, or the runs are no folds of one.
    """
    paths = [Path(text)] if Path(text).exists() else [Path(part) for part in text.split(",") if part]
    if not paths:
        raise SettingsError(f"{text!r}: no run is named, expected folders with commas between them.")
    if len(paths) > 1:
        metrics, frame = pool_folds([read_run(path) for path in paths])
        return Run(tuple(paths), metrics, frame), []
    (path,) = paths
    if (path / METRICS_FILE).exists() or is_begun_run(path):
        return Run((path,), *read_run(path)), []
    collection = collect_runs([path])
    if collection.broken:
        raise RunFormatError(collection.broken[0])
    runs = [run for run in collection.runs if EVALUATED_RUN not in run.metrics]
    if len(runs) != 1:
        found = "; ".join(f"{run.metrics['system']} ({run.name()})" for run in runs)
        raise SettingsError(
            f"{path}: holds {len(runs)} systems{': ' + found if found else ''}. Name a run, the folds of one "
            "system with commas between them, or a folder that holds nothing else."
        )
    return runs[0], collection.unfinished


def _find_folders(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise RunFormatError(f"{path}: no such folder. Name runs, or folders that hold some.")
        for parent, folders, files in os.walk(path):
            folders.sort()
            folder = Path(parent)
            if METRICS_FILE in files or is_begun_run(folder) or _lacks_scores(folder):
                found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _lacks_scores(folder: Path) -> bool:
    """Whether there are predictions and no metrics.json, which is written after them."""
    return (folder / PREDICTIONS_FILE).exists() and not (folder / METRICS_FILE).exists()


def _pool(finished: Sequence[tuple[Path, dict[str, Any], pd.DataFrame]]) -> list[Run]:
    runs = []
    for positions in find_folds([(metrics, frame) for _, metrics, frame in finished]):
        folders, all_metrics, frames = zip(*(finished[position] for position in positions), strict=True)
        if len(positions) > 1:
            metrics, frame = pool_folds(list(zip(all_metrics, frames, strict=True)))
            in_order = sorted(zip(all_metrics, folders, strict=True), key=lambda item: item[0]["fold"])
            runs.append(Run(tuple(folder for _, folder in in_order), metrics, frame))
        else:
            scores = score_predictions(frames[0], seed=all_metrics[0]["seed"] or 0)
            runs.append(Run(folders, all_metrics[0] | {"test": scores}, frames[0]))
    return runs


def _drop_pool_reports(runs: Sequence[Run]) -> list[Run]:
    pools = [run for run in runs if len(run.folders) > 1]
    return [
        run
        for run in runs
        if len(run.folders) > 1
        or "pooled_folds" not in run.metrics
        or not any(_is_report_of(run, pool) for pool in pools)
    ]


def _is_report_of(report: Run, pool: Run) -> bool:
    return report.metrics["system"] == pool.metrics["system"] and set(_says(report)) == set(_says(pool))


def _says(run: Run) -> Iterable[tuple[str, bytes]]:
    """Each clip and its probabilities."""
    probabilities = (row.astype("float32").tobytes() for row in run.frame["probabilities"])
    return zip(run.frame["id"], probabilities, strict=True)
