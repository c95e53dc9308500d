"""One run, start to finish.  model + corpus + settings -> model folder with metrics.json and report"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
from accelerate.state import PartialState
from torch import Tensor
from transformers import PreTrainedModel, TrainingArguments

from mmser.curation.rows import read_columns
from mmser.curation.schema import read_corpus_json
from mmser.errors import MmserError, SettingsError
from mmser.evaluation.abstention import fit_abstention
from mmser.evaluation.calibration import apply_temperature, fit_temperature
from mmser.evaluation.predictions import label_indices, probabilities_of
from mmser.evaluation.report import REPORT_FILE, summarize, write_evaluation
from mmser.training.arguments import TrainerSettings
from mmser.training.full_disk import naming_full_disk
from mmser.training.inputs import Inputs
from mmser.training.lora import merge_lora
from mmser.training.provenance import find_tower_leaks, trace_training
from mmser.training.publication import publish_run, take_place
from mmser.training.resuming import find_checkpoint, prepare_folder
from mmser.training.scoring import (
    check_splits,
    class_names,
    describe_corpus,
    format_confusion,
    make_frame,
    write_emotions,
)
from mmser.training.trainer import EmotionTrainer, build_trainer

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """What a recipe hands over: a model ready to train, its corpus, and the settings of the run.

    Attributes:
        inputs: the model, what is not to be trained already frozen, and what it is trained on.
        corpus: splits "train", "validation", "test".
        settings: where to read and write.
        arguments: transformers' own, as parsed.
        described: every setting that is not a default, by name; it goes to metrics.json.
        fit: computes the weights, in place of training them; None trains them.
        held_out: predictions of clips by models that were not trained on them, which stand for those of the
            validation split, on which this one is trained too; None where it is not.
    """

    inputs: Inputs
    corpus: datasets.DatasetDict
    settings: TrainerSettings
    arguments: TrainingArguments
    described: dict[str, Any]
    fit: Callable[[], None] | None = None
    held_out: pd.DataFrame | None = None

    @property
    def out(self) -> Path:
        """The run's folder."""
        return Path(str(self.settings.out))

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the corpus says of itself, corpus.json."""
        return read_corpus_json(Path(str(self.settings.corpus)))


def train_and_evaluate(run: Run) -> dict[str, Any]:
    """Train on train, choose on validation, look at test once, and write the model's folder.

    Returns:
        What metrics.json holds (DESIGN: UA, WA, UA+WA … of test and validation, percent).

    Raises:
        OutputExistsError: the run's folder holds a run and neither ``overwrite`` nor ``resume`` is set, or
            holds anything else.
        SettingsError: a resumed run was begun with other settings or on another corpus, or clips have
            several classes and the model tells one.
        RunFormatError: a tower is the folder of a run that is not finished.
        EmptySplitError: the corpus has an empty split.
        DiskFullError: there is no room for the run's folder.
        HubError: the finished run is to be pushed and cannot be.
    """
    check_splits(run.corpus, str(run.settings.corpus), several_classes=run.inputs.several_classes)
    check_processes()
    place = take_place(run.arguments)
    origin = _trace(run)  # before an overwritten folder, which may be a tower's own run, is deleted
    with naming_full_disk(run.out):
        if PartialState().is_main_process:
            prepare_folder(run.out, run.described, run.about["fingerprint"])
        _evaluate(run, train(run, run.out / "checkpoints"), origin)
    if place and PartialState().is_main_process:
        print(f"pushed: {publish_run(run.out, place)}")
    return json.loads((run.out / "metrics.json").read_text(encoding="utf-8"))


def _evaluate(run: Run, trainer: EmotionTrainer, origin: dict[str, Any]) -> None:
    """Look at test once, and write model and scores."""
    logits = {split: trainer.predict_logits(run.inputs.view(split)) for split in ("validation", "test")}
    classes = class_names(run.inputs.model)
    frames = {split: make_frame(run.corpus[split], each, classes) for split, each in logits.items()}
    if run.held_out is not None:
        frames["validation"] = run.held_out
    weights = trainer.gather_weights()
    if PartialState().is_main_process:
        save_model(run, frames["validation"], weights)
        facts = _describe(run, origin)
        if run.inputs.several_classes:
            facts["emotions"] = write_emotions(run.out, run.corpus, logits, classes)
        metrics = write_evaluation(run.out, facts, frames["test"], frames["validation"])
        print(
            "",
            summarize(metrics),
            format_confusion(frames["test"]),
            f"report: {run.out / REPORT_FILE}",
            sep="\n",
        )
    PartialState().wait_for_everyone()


def train(run: Run, folder: Path) -> EmotionTrainer:
    """Train, or compute, what is not frozen; the model is then as it will be saved.

    Args:
        run: what is trained.
        folder: of checkpoints, from the last of which it goes on if the settings say so.
    """
    trainer = build_trainer(run.inputs, run.corpus["train"], run.arguments, folder, run.settings)
    started = time.perf_counter()
    if run.fit is not None:
        run.fit()
    else:
        checkpoint = find_checkpoint(folder) if run.settings.resume else None
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    run.inputs.seconds["train"] = time.perf_counter() - started
    merge_lora(run.inputs.model)
    return trainer


def check_processes() -> None:
    """Refuse processes that were launched together and do not know of one another.

    Raises:
        SettingsError: torchrun started several on a CPU, and accelerate was not told to use it.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched > PartialState().num_processes:
        raise SettingsError(
            f"{launched} processes were launched, and each thinks that it is alone: they would write one run "
            "over another. Without a GPU give --use_cpu True."
        )


def save_model(run: Run, validation: pd.DataFrame, weights: dict[str, Tensor] | None = None) -> None:
    """Write model, processor, and what using the model takes: see :func:`describe_use`.

    Args:
        run: with the trained model.
        validation: its predictions.
        weights: of the model, where it has but shards of them; its own if None.
    """
    for name, value in describe_use(run, validation).items():
        setattr(run.inputs.model.config, name, value)
    run.inputs.model.save_pretrained(run.out, state_dict=weights)
    if run.inputs.processor is not None:
        run.inputs.processor.save_pretrained(str(run.out))


def describe_use(run: Run, validation: pd.DataFrame) -> dict[str, Any]:
    """Fields of a model's configuration that say how to use it.

    Args:
        run: the run that trained it.
        validation: predictions frame of the validation split.

    Returns:
        ``preprocessing``, what curation did to the clips; ``trained_duration_s``, seconds of the shortest and
        the longest training clip; and, but for a model of several classes a clip, whose yes and no have
        neither: ``calibration_temperature`` of its logits (None where none could be fitted) and
        ``abstain_threshold`` of its calibrated probabilities.
    """
    settings, (durations_s,) = run.about["settings"], read_columns(run.corpus["train"], ("duration_s",))
    described: dict[str, Any] = {
        "preprocessing": {name: settings[name] for name in ("cleaning", "transcripts")},
        "trained_duration_s": [round(min(durations_s), 3), round(max(durations_s), 3)],
    }
    if run.inputs.several_classes:
        return described
    probabilities = probabilities_of(validation)
    fitted = fit_temperature(label_indices(validation), probabilities)
    temperature = None if fitted.bound else fitted.value
    calibrated = apply_temperature(probabilities, temperature or 1.0)
    return described | {
        "calibration_temperature": temperature,
        "abstain_threshold": fit_abstention(calibrated, run.settings.abstain_share),
    }


def _trace(run: Run) -> dict[str, Any]:
    """Which runs have trained the model's parts, and what that shares with the test split."""
    fingerprint = run.about["fingerprint"]
    trained_on = trace_training(run.described, fingerprint)
    leaks = find_tower_leaks(trained_on, fingerprint, run.corpus["test"])
    if leaks and PartialState().is_main_process:
        logger.warning("The test scores of this run will be too high: %s", "; ".join(leaks))
    return {"trained_on": trained_on, "leaks": [*run.about["leaks"], *leaks]}


def _describe(run: Run, origin: dict[str, Any]) -> dict[str, Any]:
    """Everything in metrics.json but the scores."""
    return {
        "system": name_system(run.inputs.model),
        **describe_corpus(run.about),
        **origin,
        "seed": run.arguments.seed,
        "num_processes": PartialState().num_processes,
        "num_parameters": _count_parameters(run.inputs.model),
        "settings": run.described,
        **run.inputs.facts,
        "seconds": {name: round(value, 1) for name, value in run.inputs.seconds.items()},
    }


def _count_parameters(model: PreTrainedModel) -> int:
    """Weights of a model; of a network over features those that are trained, without a fixed zero."""
    counts_all = not hasattr(model.config, "network")
    return sum(each.numel() for each in model.parameters() if counts_all or each.requires_grad)


def name_system(model: PreTrainedModel) -> str:
    """Name a system after its towers ("hubert", "whisper", "hubert+bert" …), or a network by its name."""
    config = model.config
    if hasattr(config, "network"):
        return config.network
    towers = [getattr(config, name, None) for name in ("audio_config", "text_config")]
    return "+".join(tower.model_type for tower in towers if tower is not None) or config.model_type


def run_recipe(main: Callable[[], None]) -> None:
    """Run a recipe's main and end the process as `mmser` does: 0 done, 2 a clear error, 130 interrupted."""
    try:
        main()
    except MmserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: what was computed is kept; go on with --resume.", file=sys.stderr)
        sys.exit(130)
