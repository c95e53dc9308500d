"""Pool the folds of one system.  metrics.json + predictions of each fold -> out-of-fold scores"""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from mmser.errors import SettingsError
from mmser.evaluation.predictions import classes_of, score_predictions

EVALUATED_RUN = (
    "evaluated_run"  # in metrics.json of a run on another corpus: the folder of the model, or list
)
_SHARED_KEYS = ("system", "scheme", "protocol", "corpora", "folds", "classes", "num_parameters", "seed")
_TOWERS = ("audio_encoder", "text_encoder")  # may be runs of the folds themselves
_MAY_DIFFER = {  # settings that say where a run reads, writes and computes, and not what it learns
    *("corpus", "out", "overwrite", "resume", "cache_dir", "cache_limit_gb", "embedding_batch_size"),
    *("run_name", "project"),
    *("num_proc", "report_to", "logging_steps", "logging_strategy", "disable_tqdm", "save_total_limit"),
    *("use_cpu", "dataloader_num_workers", "dataloader_pin_memory", "ddp_find_unused_parameters"),
}
_SIZES = {"pooling", "layers", "text_pooling", "text_layers", "lora_rank"}  # what makes a head larger


def pool_folds(
    runs: Sequence[tuple[dict[str, Any], pd.DataFrame]], *, seed: int = 0
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Score the test clips of several folds as one split: each clip judged by the model that never met it.

    Args:
        runs: metrics (``report.read_metrics``) and predictions frame of each fold, in any order.
        seed: of the bootstrap.

    Returns:
        Metrics of the pool, for ``summarize`` or as facts for ``write_evaluation``, and the predictions frame
        of all folds. ``fold`` is None, ``pooled_folds`` and ``missing_folds`` are lists; leaks name their
        fold; seconds are summed; settings and fingerprint stay where all folds agree on them, and
        ``corpus_fingerprints`` gives that of each fold; ``validation`` is None. Of models on another corpus
        than they were trained for, ``EVALUATED_RUN`` lists the folders.

    Raises:
        SettingsError: nothing to pool; a pool among the runs; runs of different systems, schemes, protocols,
            corpora, numbers of folds, classes, numbers of parameters, seeds or settings of the training; a
            fold given twice; a clip in two folds; models on another corpus beside others. Towers may be
            paths that differ in the fold's number alone; settings that a search or a sweep found may differ
            where both searched them, and with them the number of parameters.
    """
    if not runs:
        raise SettingsError("There is no run to pool. Name the folders of two or more folds.")
    if any(metrics["fold"] is None for metrics, _ in runs):
        raise SettingsError("A run among those to pool is a pool itself. Name the runs of the folds instead.")
    runs = sorted(runs, key=lambda run: run[0]["fold"])
    _check_same_system(runs)
    _check_folds(runs)
    frame = pd.concat([part for _, part in runs], ignore_index=True)
    frame.attrs = {"classes": classes_of(runs[0][1])}
    facts = _pool_facts([metrics for metrics, _ in runs])
    return facts | {"test": score_predictions(frame, seed=seed), "validation": None}, frame


def find_folds(runs: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> list[list[int]]:
    """Find which runs are folds of one system that ``pool_folds`` takes together.

    Args:
        runs: metrics and predictions frame of each; a run joins the first before it that it fits.

    Returns:
        Positions among ``runs``, a list a system. Alone stay: protocols without folds, pools, and runs on
        another corpus than they were trained for.
    """
    systems: list[list[int]] = []
    for position, run in enumerate(runs):
        fitting = (found for found in systems if _fits([runs[index] for index in found], run))
        system = next(fitting, None)
        if system is None:
            systems.append([position])
        else:
            system.append(position)
    return systems


def _fits(
    system: Sequence[tuple[dict[str, Any], pd.DataFrame]], run: tuple[dict[str, Any], pd.DataFrame]
) -> bool:
    if not all(_is_fold(metrics) for metrics, _ in (*system, run)):
        return False
    try:
        _check_same_system([system[0], run])
        _check_folds([*system, run])
    except SettingsError:
        return False
    return True


def _is_fold(metrics: dict[str, Any]) -> bool:
    return metrics["fold"] is not None and (metrics["folds"] or 1) > 1 and EVALUATED_RUN not in metrics


def _describe(metrics: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """What folds of one system have in common."""
    described = {key: metrics[key] for key in _SHARED_KEYS if key != "classes"}
    return described | {"corpora": sorted(metrics["corpora"]), "classes": classes_of(frame)}


def _check_same_system(runs: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> None:
    first = _describe(*runs[0])
    for metrics, frame in runs[1:]:
        other = _describe(metrics, frame)
        searched = _searched(runs[0][0]) & _searched(metrics)
        for key in _SHARED_KEYS:
            if first[key] != other[key] and not (key == "num_parameters" and searched & _SIZES):
                raise _differ(key, first[key], other[key], (runs[0][0]["fold"], metrics["fold"]))
        if (EVALUATED_RUN in runs[0][0]) != (EVALUATED_RUN in metrics):
            one, two = (each.get(EVALUATED_RUN) for each in (runs[0][0], metrics))
            raise _differ(EVALUATED_RUN, one, two, (runs[0][0]["fold"], metrics["fold"]))
        sweeps = [each["sweep"] for each in (runs[0][0], metrics) if "sweep" in each]
        if len(sweeps) == 2 and sweeps[0] != sweeps[1]:
            raise _differ("sweep", sweeps[0], sweeps[1], (runs[0][0]["fold"], metrics["fold"]))
        _check_same_settings(runs[0][0], metrics, searched)


def _check_same_settings(first: dict[str, Any], other: dict[str, Any], searched: set[str]) -> None:
    folds = (first["fold"], other["fold"])
    for key in sorted((first["settings"].keys() | other["settings"].keys()) - _MAY_DIFFER - searched):
        one, two = first["settings"].get(key), other["settings"].get(key)
        if one != two and not (key in _TOWERS and _differ_in_fold(str(one), str(two), folds)):
            raise _differ(f"setting {key}", one, two, folds)


def _searched(metrics: dict[str, Any]) -> set[str]:
    """Names of the settings that a search or a sweep found, of a space like ["learning_rate=1e-4:1e-2"]."""
    settings, swept = metrics["settings"], metrics.get("sweep", {}).get("space", ())
    space = (settings.get("search_space") or ()) if settings.get("search_trials") else ()
    return {text.partition("=")[0] for text in (*space, *swept)}


def _differ(key: str, first: Any, other: Any, folds: tuple[int, int]) -> SettingsError:
    return SettingsError(
        f"The runs are no folds of one system: {key} is {first!r} in fold {folds[0]} and {other!r} in fold "
        f"{folds[1]}. Pool runs that differ in their fold alone."
    )


def _differ_in_fold(first: str, other: str, folds: tuple[int, int]) -> bool:
    """Whether two paths are the same but for numbers that are the folds': runs/hubert-0 and runs/hubert-1."""
    parts = [re.split(r"(\d+)", path) for path in (first, other)]
    return len(parts[0]) == len(parts[1]) and all(
        one == two or (one.isdecimal() and two.isdecimal() and (int(one), int(two)) == folds)
        for one, two in zip(*parts, strict=True)
    )


def _check_folds(runs: Sequence[tuple[dict[str, Any], pd.DataFrame]]) -> None:
    fold_of: dict[str, int] = {}
    seen: set[int] = set()
    for metrics, frame in runs:
        fold = metrics["fold"]
        if fold in seen:
            raise SettingsError(f"Fold {fold} is given twice. Name one run a fold.")
        seen.add(fold)
        shared = [clip for clip in frame["id"] if clip in fold_of]
        if shared:
            raise SettingsError(
                f"{len(shared)} clips are in the test splits of both fold {fold_of[shared[0]]} and fold "
                f"{fold}, e.g. {shared[0]!r}: the folds come from different builds. Build them all with the "
                "same settings."
            )
        fold_of |= dict.fromkeys(frame["id"], fold)


def _pool_facts(all_metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = all_metrics[0]
    folds = [metrics["fold"] for metrics in all_metrics]
    seconds: dict[str, float] = {}
    for metrics in all_metrics:
        for name, value in metrics["seconds"].items():
            seconds[name] = seconds.get(name, 0.0) + value
    return {
        **{key: first[key] for key in _SHARED_KEYS if key != "classes"},
        "num_parameters": _shared([metrics["num_parameters"] for metrics in all_metrics]),
        "fold": None,
        "pooled_folds": folds,
        "missing_folds": [fold for fold in range(first["folds"]) if fold not in folds],
        "leaks": [f"fold {metrics['fold']}: {leak}" for metrics in all_metrics for leak in metrics["leaks"]],
        "corpus_fingerprint": _shared([metrics["corpus_fingerprint"] for metrics in all_metrics]),
        "corpus_fingerprints": {
            str(metrics["fold"]): metrics["corpus_fingerprint"] for metrics in all_metrics
        },
        "settings": _shared_items([metrics["settings"] for metrics in all_metrics]),
        "seconds": seconds,
        **(
            {EVALUATED_RUN: [metrics[EVALUATED_RUN] for metrics in all_metrics]}
            if EVALUATED_RUN in first
            else {}
        ),
    }


def _shared(values: Sequence[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else None


def _shared_items(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: value
        for key, value in settings[0].items()
        if all(key in other and other[key] == value for other in settings[1:])
    }
