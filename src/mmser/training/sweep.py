"""Settings and seeds, many at once.  config + values to try -> the best by validation, its runs, their spread

Frozen towers are run once, so that a head is trained in seconds. The test split is read once a seed, after
the choice was made and written down. A sweep that was cut goes on where it was, in the same folder.
"""

import logging
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import yaml
from transformers import TrainingArguments, set_seed

from mmser.curation.rows import read_columns
from mmser.curation.schema import load_corpus, read_corpus_json
from mmser.errors import SettingsError
from mmser.evaluation.predictions import classes_of, label_indices, predicted_indices
from mmser.evaluation.scores import compute_scores
from mmser.evaluation.writing import SETTINGS_FILE
from mmser.training.arguments import AudioSettings, FusionSettings, RunSettings, parse_arguments
from mmser.training.full_disk import naming_full_disk
from mmser.training.run import Run, train, train_and_evaluate
from mmser.training.scoring import class_names, make_frame
from mmser.training.sweep_folder import SweepFolder
from mmser.training.systems import prepare_run

logger = logging.getLogger(__name__)
CHOICE_FILE = "choice.json"
_OF_THE_SWEEP = {
    *("seed", "corpus", "out", "overwrite", "resume"),
    *("push_to_hub", "hub_model_id", "hub_token", "hub_private_repo", "hub_strategy"),
}
_NOT_JUDGED = {"eval_strategy": "no", "load_best_model_at_end": "False", "save_strategy": "no"}


@dataclass(frozen=True)
class SweepSettings:
    """What is tried, and by what it is judged.

    Attributes:
        config: YAML of ``recipes/train_hubert.py``, or of ``train_fusion.py`` where it names a text encoder.
        corpus: folder.
        out: folder of what was tried, of the choice and of one run a seed.
        vary: setting -> values, as on the command line; every combination is tried.
        seeds: of each combination, and of the runs at the end.
        inner_folds: 0 judges on the validation split. Else the speakers of train and validation are parted
            into so many folds, each judged by a model that has not heard them; the runs at the end are
            trained on both splits, for as many epochs as the settings say.
        options: other settings, as on the command line.
    """

    config: Path
    corpus: Path
    out: Path
    vary: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seeds: Sequence[int] = (0,)
    inner_folds: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """Settings that were tried.

    Attributes:
        values: setting -> value.
        scores: UA in percent on clips that were not trained on, one a seed.
        frames: predictions of those clips, one a seed.
    """

    values: dict[str, str]
    scores: list[float]
    frames: list[pd.DataFrame]

    @property
    def mean(self) -> float:
        """Of the scores."""
        return statistics.fmean(self.scores)


def run_sweep(sweep: SweepSettings) -> tuple[list[Candidate], list[dict[str, Any]]]:
    """Try every combination, write down the best, and run it with each seed.

    Returns:
        What was tried, the best first; and metrics.json of the run of each seed, in ``<out>/seed-<seed>``.

    Raises:
        OutputExistsError: ``out`` holds a sweep begun with other settings, or anything else.
        SettingsError: a setting cannot be used, or there are fewer speakers than inner folds.
        DiskFullError: there is no room for what is to be kept.
    """
    _check(sweep)
    folder = SweepFolder(sweep.out, _describe(sweep))
    corpus = load_corpus(sweep.corpus)
    parts = list(part_by_speaker(corpus, sweep.inner_folds)) if sweep.inner_folds else [corpus]
    names, choices = list(sweep.vary), list(product(*sweep.vary.values()))
    tried = []
    for number, choice in enumerate(choices):
        with naming_full_disk(sweep.out):
            candidate = _judge(sweep, number, dict(zip(names, choice, strict=True)), parts, folder)
        logger.info("%s: UA %.2f", candidate.values or "as in the config", candidate.mean)
        tried.append(candidate)
    tried.sort(key=lambda each: -each.mean)
    folder.write(CHOICE_FILE, _describe_choice(sweep, tried))
    best, metrics = tried[0], []
    for seed, held_out in zip(sweep.seeds, best.frames, strict=True):
        out, finished = folder.find_run(seed)
        if finished is None:
            run = _prepare(sweep, best.values, seed, out, _all_but_test(corpus, sweep))
            run.inputs.facts["sweep"] = _describe_space(sweep, len(tried))
            run.held_out = held_out if sweep.inner_folds else None
            finished = train_and_evaluate(run)
        metrics.append(finished)
    return tried, metrics


def _describe(sweep: SweepSettings) -> dict[str, Any]:
    """What decides a sweep's answers, in the order in which it is tried."""
    return {
        **_read_config(sweep.config),
        **sweep.options,
        "vary": [[name, *values] for name, values in sweep.vary.items()],
        "seeds": list(sweep.seeds),
        "inner_folds": sweep.inner_folds,
        "corpus_fingerprint": read_corpus_json(sweep.corpus)["fingerprint"],
    }


def _describe_space(sweep: SweepSettings, num_candidates: int) -> dict[str, Any]:
    """What metrics.json says of how the settings of a run were chosen."""
    return {
        "candidates": num_candidates,
        "inner_folds": sweep.inner_folds,
        "space": [f"{name}={','.join(values)}" for name, values in sweep.vary.items()],
    }


def _check(sweep: SweepSettings) -> None:
    """Refuse what would make a comparison one of other things.

    Raises:
        SettingsError: a setting that a sweep sets itself, or one fold; or several processes were launched.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched > 1:
        raise SettingsError(
            f"{launched} processes were launched, and a sweep is one: its runs follow each other. Begin it "
            "without torchrun or accelerate."
        )
    given = {**_read_config(sweep.config), **sweep.options, **sweep.vary}
    odd = sorted(name for name in given if name in _OF_THE_SWEEP and name != "seed")
    odd += [name for name in {**sweep.options, **sweep.vary} if name == "seed"]
    if odd:
        raise SettingsError(
            f"{', '.join(odd)}: set by the sweep itself, or of no use to what is only tried. Leave it out; "
            "seeds are given by --seeds, and the best run is pushed by `mmser push`."
        )
    runs = [
        str(given[name])
        for name in ("audio_encoder", "text_encoder")
        if (Path(str(given.get(name, ""))) / SETTINGS_FILE).is_file()
    ]
    if sweep.inner_folds and runs:
        raise SettingsError(
            f"{runs[0]} is a run, and may have heard the speakers that inner folds hold out. Begin with a "
            "pretrained encoder, or judge on the validation split."
        )
    if sweep.inner_folds < 0 or sweep.inner_folds == 1:
        raise SettingsError(f"inner_folds is {sweep.inner_folds}, expected 2 or more, or 0 for none.")
    if sweep.inner_folds and str(given.get("patience", "0")) != "0":
        raise SettingsError("patience waits for evaluations, and inner folds have none. Leave it at 0.")


def part_by_speaker(corpus: datasets.DatasetDict, num_folds: int) -> Iterator[datasets.DatasetDict]:
    """Part the clips of train and validation so that each speaker is judged once.

    Speakers of a corpus, sorted, are in fold floor(i * K / n). Altered copies are trained on alone.

    Raises:
        SettingsError: a corpus has fewer speakers than there are to be folds.
    """
    both = datasets.concatenate_datasets([corpus["train"], corpus["validation"]])
    speakers, sources, copies = read_columns(both, ("speaker", "corpus", "augmentation"))
    fold_of: dict[str, int] = {}
    for source in sorted(set(sources)):
        ours = sorted({who for who, whose in zip(speakers, sources, strict=True) if whose == source})
        if len(ours) < num_folds:
            raise SettingsError(
                f"inner_folds is {num_folds}, but train and validation have {len(ours)} speakers of "
                f"{source}: {', '.join(ours)}. Choose fewer folds."
            )
        fold_of |= {who: index * num_folds // len(ours) for index, who in enumerate(ours)}
    folds = [fold_of[who] for who in speakers]
    for fold in range(num_folds):
        inside = [index for index, each in enumerate(folds) if each == fold and not copies[index]]
        outside = [index for index, each in enumerate(folds) if each != fold]
        yield datasets.DatasetDict(
            train=both.select(outside), validation=both.select(inside), test=corpus["test"]
        )


def _all_but_test(corpus: datasets.DatasetDict, sweep: SweepSettings) -> datasets.DatasetDict:
    """What the runs at the end are trained on: both splits where neither of them judges."""
    if not sweep.inner_folds:
        return corpus
    both = datasets.concatenate_datasets([corpus["train"], corpus["validation"]])
    return datasets.DatasetDict({**corpus, "train": both})


def _judge(
    sweep: SweepSettings,
    number: int,
    values: dict[str, str],
    parts: Sequence[datasets.DatasetDict],
    folder: SweepFolder,
) -> Candidate:
    """Train with each seed on each part, where that was not done before, and score what was held out."""
    frames = []
    for seed in sweep.seeds:
        said = [
            folder.recall(
                f"{number:03d}-seed-{seed}-fold-{fold}", partial(_predict, sweep, values, seed, part)
            )
            for fold, part in enumerate(parts)
        ]
        frames.append(pd.concat(said, ignore_index=True))
    return Candidate(values, [_ua_of(frame, parts[0]) for frame in frames], frames)


def _predict(
    sweep: SweepSettings, values: Mapping[str, str], seed: int, part: datasets.DatasetDict
) -> pd.DataFrame:
    """Predictions of the validation split by a model trained on the train split."""
    with tempfile.TemporaryDirectory() as work:
        run = _prepare(sweep, values, seed, Path(work) / "run", part)
        trainer = train(run, Path(work) / "checkpoints")
        logits = trainer.predict_logits(run.inputs.view("validation"))
    return make_frame(part["validation"], logits, class_names(run.inputs.model))


def _ua_of(frame: pd.DataFrame, corpus: datasets.DatasetDict) -> float:
    frame.attrs["classes"] = corpus["train"].features["label"].names
    return compute_scores(label_indices(frame), predicted_indices(frame), classes_of(frame))["ua"]


def _prepare(
    sweep: SweepSettings, values: Mapping[str, str], seed: int, out: Path, corpus: datasets.DatasetDict
) -> Run:
    """What a recipe would train with these settings."""
    given = {**(_NOT_JUDGED if sweep.inner_folds else {}), **sweep.options, **values, "seed": str(seed)}
    argv = ["--config", str(sweep.config), "--corpus", str(sweep.corpus), "--out", str(out)]
    argv += [part for name, value in given.items() for part in (f"--{name}", value)]
    towers_class = FusionSettings if "text_encoder" in _read_config(sweep.config) else AudioSettings
    settings, towers, arguments = parse_arguments((RunSettings, towers_class, TrainingArguments), argv)
    set_seed(seed)
    return prepare_run(settings, towers, arguments, corpus)


def _read_config(config: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}  # parse_arguments says what is wrong with it
    return content if isinstance(content, dict) else {}


def _describe_choice(sweep: SweepSettings, tried: Sequence[Candidate]) -> dict[str, Any]:
    """What was chosen, and why: it is written down before a test clip is heard."""
    return {
        "chosen": tried[0].values,
        "judged_on": f"{sweep.inner_folds} folds by speaker" if sweep.inner_folds else "the validation split",
        "seeds": list(sweep.seeds),
        "tried": [{"values": each.values, "ua": each.scores} for each in tried],
    }
