"""One run, start to finish.  model + corpus + settings -> model folder with metrics.json and report"""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from accelerate.state import PartialState
from transformers import EarlyStoppingCallback, PreTrainedModel, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from mmser.curation.schema import read_corpus_json
from mmser.curation.store import default_cache_dir
from mmser.errors import EmptySplitError, MmserError, SettingsError
from mmser.evaluation.report import REPORT_FILE, summarize, write_evaluation
from mmser.evaluation.writing import SETTINGS_FILE, check_run_folder
from mmser.models.loading import Processor
from mmser.training.arguments import RunSettings
from mmser.training.collation import ClipDataset, collate_clips
from mmser.training.frozen import FrozenTowers, PooledModel, frozen_encoders_of
from mmser.training.scoring import class_names, describe_corpus, format_confusion, make_frame
from mmser.training.trainer import EmotionTrainer, make_compute_metrics

logger = logging.getLogger(__name__)

_MAY_CHANGE_ON_RESUME = (
    "resume",
    "overwrite",
    "cache_dir",
    "embedding_batch_size",
    "report_to",
    "logging_steps",
)


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


def train_and_evaluate(run: Run) -> dict[str, Any]:
    """Train on train, choose on validation, look at test once, and write the model's folder.

    Returns:
        What metrics.json holds (DESIGN: UA, WA, UA+WA … of test and validation, percent).

    Raises:
        OutputExistsError: the run's folder holds a run and neither ``overwrite`` nor ``resume`` is set, or
            holds anything else.
        SettingsError: a resumed run was begun with other settings.
        EmptySplitError: the corpus has an empty split.
    """
    for split in ("train", "validation", "test"):
        if not len(run.corpus[split]):
            raise EmptySplitError(
                f"{run.settings.corpus}: the {split} split holds no clip. Build another protocol or fold."
            )
    check_processes()
    prepare_output(run)
    seconds = {"embed": 0.0}
    view, trainer = _make_trainer(run, seconds)
    started = time.perf_counter()
    trainer.train(resume_from_checkpoint=_find_checkpoint(run))
    seconds["train"] = time.perf_counter() - started
    frames = {}
    for split in ("validation", "test"):
        logits = trainer.predict_logits(view(split))
        frames[split] = make_frame(run.corpus[split], logits, class_names(run.model))
    if PartialState().is_main_process:
        save_model(run)
        metrics = write_evaluation(run.out, _describe(run, seconds), frames["test"], frames["validation"])
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


def prepare_output(run: Run) -> None:
    """Make the run's folder, or refuse; remember the settings so that a resumed run can be held to them."""
    if not PartialState().is_main_process:
        return
    out, settings_file = run.out, run.out / SETTINGS_FILE
    if run.settings.resume and settings_file.exists():
        begun = json.loads(settings_file.read_text(encoding="utf-8"))
        changed = sorted(
            key
            for key in begun.keys() | run.described.keys()
            if begun.get(key) != run.described.get(key) and key not in _MAY_CHANGE_ON_RESUME
        )
        if changed:
            raise SettingsError(
                f"{out}: begun with other values of {changed} ({[begun.get(key) for key in changed]}). "
                "Resume with those, or start anew with --overwrite."
            )
        return
    check_run_folder(out, overwrite=run.settings.overwrite)
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    settings_file.write_text(json.dumps(run.described, indent=2, sort_keys=True) + "\n", encoding="utf-8")


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
        model=trained,
        args=arguments,
        data_collator=collate,
        train_dataset=view("train"),
        eval_dataset=view("validation"),
        compute_metrics=make_compute_metrics(class_names(run.model)),
        callbacks=[EarlyStoppingCallback(run.settings.patience)] if run.settings.patience else None,
    )


def _find_checkpoint(run: Run) -> str | None:
    if not run.settings.resume:
        return None
    folder = run.out / "checkpoints"
    checkpoint = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if checkpoint is None:
        logger.warning("%s: holds no checkpoint yet; the run starts at the beginning.", folder)
    return checkpoint


def save_model(run: Run) -> None:
    """Write model, processor and what curation did to the clips: a folder that predicts on its own."""
    settings = read_corpus_json(Path(str(run.settings.corpus)))["settings"]
    run.model.config.preprocessing = {
        "cleaning": settings["cleaning"],
        "transcripts": settings["transcripts"],
    }
    run.model.save_pretrained(run.out)
    run.processor.save_pretrained(str(run.out))


def _describe(run: Run, seconds: dict[str, float]) -> dict[str, Any]:
    """Everything in metrics.json but the scores."""
    corpus = read_corpus_json(Path(str(run.settings.corpus)))
    return {
        "system": name_system(run.model),
        **describe_corpus(corpus),
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
    """Run a recipe's main and end the process as `mmser` does: 0 done, 1 a clear error, 130 interrupted."""
    try:
        main()
    except MmserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted: what was computed is kept; go on with --resume.", file=sys.stderr)
        sys.exit(130)
