"""One run, start to finish.  model + corpus + settings -> model folder with metrics.json and report"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import datasets
import torch
from accelerate.state import PartialState
from transformers import EarlyStoppingCallback, PreTrainedModel, TrainingArguments

from mmser.curation.schema import read_corpus_json
from mmser.curation.store import default_cache_dir
from mmser.errors import EmptySplitError, MmserError, SettingsError
from mmser.evaluation.report import REPORT_FILE, summarize, write_evaluation
from mmser.models.loading import Processor
from mmser.training.arguments import RunSettings
from mmser.training.collation import ClipDataset, collate_clips
from mmser.training.frozen import FrozenTowers, PooledModel, frozen_encoders_of
from mmser.training.provenance import find_tower_leaks, trace_training
from mmser.training.resuming import find_checkpoint, prepare_folder
from mmser.training.scoring import class_names, describe_corpus, format_confusion, make_frame
from mmser.training.trainer import EmotionTrainer

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """What a recipe hands over: a model ready to train, its corpus, and the settings of the run.

    Attributes:
        model: with the parts that are not to be trained already frozen.
        processor: makes the model's features of a clip.
        corpus: splits "train", "validation", "test".
        settings: where to read and write.
        arguments: transformers' own, as parsed.
        described: every setting that is not a default, by name; it goes to metrics.json.
    """

    model: PreTrainedModel
    processor: Processor
    corpus: datasets.DatasetDict
    settings: RunSettings
    arguments: TrainingArguments
    described: dict[str, Any]

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
        SettingsError: a resumed run was begun with other settings or on another corpus.
        RunFormatError: a tower is the folder of a run that is not finished.
        EmptySplitError: the corpus has an empty split.
    """
    for split in ("train", "validation", "test"):
        if not len(run.corpus[split]):
            raise EmptySplitError(
                f"{run.settings.corpus}: the {split} split holds no clip. Build another protocol or fold."
            )
    check_processes()
    origin = _trace(run)  # before an overwritten folder, which may be a tower's own run, is deleted
    if PartialState().is_main_process:
        prepare_folder(run.out, run.described, run.about["fingerprint"])
    seconds = {"embed": 0.0}
    view, trainer = _make_trainer(run, seconds)
    started = time.perf_counter()
    checkpoint = find_checkpoint(run.out / "checkpoints") if run.settings.resume else None
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    seconds["train"] = time.perf_counter() - started
    frames = {}
    for split in ("validation", "test"):
        logits = trainer.predict_logits(view(split))
        frames[split] = make_frame(run.corpus[split], logits, class_names(run.model))
    if PartialState().is_main_process:
        save_model(run)
        metrics = write_evaluation(
            run.out, _describe(run, origin, seconds), frames["test"], frames["validation"]
        )
        print(
            "",
            summarize(metrics),
            format_confusion(frames["test"]),
            f"report: {run.out / REPORT_FILE}",
            sep="\n",
        )
    PartialState().wait_for_everyone()
    return json.loads((run.out / "metrics.json").read_text(encoding="utf-8"))


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


def _make_trainer(run: Run, seconds: dict[str, float]) -> tuple[Callable[[str], Any], EmotionTrainer]:
    """A split as what is trained takes it (features, or pooled states of frozen towers), and the trainer."""
    if not frozen_encoders_of(run.model):

        def clips(split: str) -> ClipDataset:
            return ClipDataset(run.corpus[split], run.processor)

        return clips, _build_trainer(run, run.model, clips, partial(collate_clips, processor=run.processor))
    towers = FrozenTowers(
        run.model,
        run.processor,
        Path(run.settings.cache_dir) if run.settings.cache_dir else default_cache_dir(),
        batch_size=run.settings.embedding_batch_size,
    )

    def view(split: str) -> Any:
        started = time.perf_counter()
        states = towers.embed(run.corpus[split], device=run.arguments.device)
        seconds["embed"] += time.perf_counter() - started
        return states

    return view, _build_trainer(run, PooledModel(run.model), view, towers.collate)


def _build_trainer(
    run: Run, trained: torch.nn.Module, view: Callable[[str], Any], collate: Callable[..., Any]
) -> EmotionTrainer:
    arguments = run.arguments
    arguments.output_dir = str(run.out / "checkpoints")
    arguments.remove_unused_columns = False
    arguments.label_names = ["labels"]
    return EmotionTrainer(
        classes=class_names(run.model),
        model=trained,
        args=arguments,
        data_collator=collate,
        train_dataset=view("train"),
        eval_dataset=view("validation"),
        callbacks=[EarlyStoppingCallback(run.settings.patience)] if run.settings.patience else None,
    )


def save_model(run: Run) -> None:
    """Write model, processor and what curation did to the clips: a folder that predicts on its own."""
    settings = run.about["settings"]
    run.model.config.preprocessing = {
        "cleaning": settings["cleaning"],
        "transcripts": settings["transcripts"],
    }
    run.model.save_pretrained(run.out)
    run.processor.save_pretrained(str(run.out))


def _trace(run: Run) -> dict[str, Any]:
    """Which runs have trained the model's parts, and what that shares with the test split."""
    fingerprint = run.about["fingerprint"]
    trained_on = trace_training(run.described, fingerprint)
    leaks = find_tower_leaks(trained_on, fingerprint, run.corpus["test"])
    if leaks and PartialState().is_main_process:
        logger.warning("The test scores of this run will be too high: %s", "; ".join(leaks))
    return {"trained_on": trained_on, "leaks": [*run.about["leaks"], *leaks]}


def _describe(run: Run, origin: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """Everything in metrics.json but the scores."""
    return {
        "system": name_system(run.model),
        **describe_corpus(run.about),
        **origin,
        "seed": run.arguments.seed,
        "num_processes": PartialState().num_processes,
        "num_parameters": sum(parameter.numel() for parameter in run.model.parameters()),
        "settings": run.described,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }


def name_system(model: PreTrainedModel) -> str:
    """Name a system after its towers: "hubert", "whisper", "hubert+bert" …"""
    config = model.config
    if hasattr(config, "text_config"):
        return f"{config.audio_config.model_type}+{config.text_config.model_type}"
    return config.model_type


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
