"""Run the classical systems on a corpus, one after another.  corpus + names -> a run folder each"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from mmser.curation.rows import read_columns
from mmser.curation.schema import read_corpus_json
from mmser.errors import SettingsError
from mmser.evaluation.predictions import make_predictions
from mmser.evaluation.report import summarize, write_evaluation
from mmser.models.classical import (
    SYSTEMS,
    ClassicalSystem,
    count_parameters,
    fit_classical,
    get_system,
    predict_classical,
    save_classical,
)
from mmser.training.arguments import PlaceSettings
from mmser.training.describing import describe
from mmser.training.feature_cache import compute_features
from mmser.training.resuming import prepare_folder
from mmser.training.scoring import check_splits, describe_clips, describe_corpus

logger = logging.getLogger(__name__)


@dataclass
class BaselineSettings(PlaceSettings):
    """Which classical systems are run; each writes ``OUT/NAME``."""

    systems: list[str] = field(
        default_factory=lambda: list(SYSTEMS),
        metadata={"help": f"Names, of {', '.join(SYSTEMS)} (default: all)."},
    )
    seed: int = field(default=0, metadata={"help": "Of the classifiers that draw numbers."})
    num_proc: int | None = field(
        default=None, metadata={"help": "Processes that compute features; one a core if not given."}
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        for name in self.systems:
            get_system(name)
        if self.num_proc is not None and self.num_proc < 1:
            raise SettingsError(f"num_proc is {self.num_proc}, expected 1 or more processes.")


def run_baselines(corpus: datasets.DatasetDict, settings: BaselineSettings) -> list[dict[str, Any]]:
    """Fit each system on train, and score it on validation and test.

    Args:
        corpus: splits "train", "validation" and "test".
        settings: which systems, and where to write.

    Returns:
        What the metrics.json of each says, in the order of the systems.

    Raises:
        OutputExistsError: the folder of a system holds a run and ``overwrite`` is not set.
        EmptySplitError: the corpus has an empty split.
        SettingsError: the library of a system is not installed, or clips have several classes.
    """
    check_splits(corpus, str(settings.corpus), several_classes=False)
    about = read_corpus_json(Path(str(settings.corpus)))
    found = []
    for name in dict.fromkeys(settings.systems):
        found.append(_run(name, get_system(name), corpus, about, settings))
        print(summarize(found[-1]), end="\n\n")
    return found


def _run(
    name: str,
    system: ClassicalSystem,
    corpus: datasets.DatasetDict,
    about: dict[str, Any],
    settings: BaselineSettings,
) -> dict[str, Any]:
    folder = Path(str(settings.out)) / name
    described = {"features": system.features, "source": system.source, "resume": False}
    described |= describe(settings) | {"systems": name, "out": str(folder)}
    prepare_folder(folder, described, about["fingerprint"])
    started = time.perf_counter()
    cache_dir = Path(settings.cache_dir) if settings.cache_dir else None
    features = {
        split: compute_features(rows, system.features, cache_dir=cache_dir, num_proc=settings.num_proc)
        for split, rows in corpus.items()
    }
    computed = time.perf_counter()
    labels, sources = read_columns(corpus["train"], ("label", "source_id"))
    pipeline = fit_classical(system, features["train"], np.array(labels), sources, seed=settings.seed)
    fitted = time.perf_counter()
    classes = corpus["train"].features["label"].names
    frames = {
        split: make_predictions(
            describe_clips(corpus[split]),
            predict_classical(pipeline, features[split], len(classes)),
            classes,
        )
        for split in ("validation", "test")
    }
    save_classical(pipeline, folder)
    facts = {
        "system": name,
        **describe_corpus(about),
        "seed": settings.seed,
        "num_parameters": count_parameters(pipeline),
        "settings": described,
        "seconds": {"features": round(computed - started, 1), "train": round(fitted - computed, 1)},
    }
    return write_evaluation(folder, facts, frames["test"], frames["validation"])
