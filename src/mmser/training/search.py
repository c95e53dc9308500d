"""Search settings of a network at random, judged on validation.  space + trials -> the best settings

Optuna draws and keeps the trials; the test split is not looked at.
"""

import copy
import hashlib
import json
import logging
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
import optuna
from accelerate.state import PartialState
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from transformers import TrainingArguments, set_seed

from mmser.curation.schema import read_corpus_json
from mmser.errors import SettingsError, UnknownNameError
from mmser.training.arguments import TrainerSettings
from mmser.training.networks import NetworkSettings, prepare_network
from mmser.training.trainer import EmotionTrainer

logger = logging.getLogger(__name__)

OF_NETWORK = ("dropout", "l1", "l2")
OF_TRAINER = ("learning_rate", "weight_decay", "per_device_train_batch_size", "num_train_epochs")


@dataclass
class SearchSettings:
    """Which settings are searched, and for how long."""

    search_trials: int = field(
        default=0, metadata={"help": "Settings to draw and train before the run itself; 0 searches nothing."}
    )
    search_epochs: float = field(
        default=0.0, metadata={"help": "Epochs of a trial; those of the run if not given."}
    )
    search_space: list[str] = field(
        default_factory=lambda: ["learning_rate=1e-4:1e-2", "per_device_train_batch_size=16,32,64"],
        metadata={
            "help": "What is drawn: NAME=LOW:HIGH, uniform in the logarithm (from 0: uniform), or "
            f"NAME=A,B,C. Names: {', '.join((*OF_NETWORK, *OF_TRAINER))}."
        },
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        if self.search_trials < 0 or self.search_epochs < 0:
            raise SettingsError(
                f"search_trials is {self.search_trials} and search_epochs {self.search_epochs}, expected "
                "both from 0."
            )
        self.parse()

    def parse(self) -> dict[str, tuple[str, list[Any]]]:
        """The space: name -> ("range", [low, high]) or ("choice", values)."""
        return dict(_parse(text) for text in self.search_space)


def _parse(text: str) -> tuple[str, tuple[str, list[Any]]]:
    name, _, values = text.partition("=")
    if name not in (*OF_NETWORK, *OF_TRAINER):
        raise UnknownNameError("setting to search", name, (*OF_NETWORK, *OF_TRAINER))
    kind, separator = ("range", ":") if ":" in values else ("choice", ",")
    try:
        numbers = [float(each) for each in values.split(separator)]
    except ValueError:
        numbers = []
    in_order = kind == "choice" or (len(numbers) == 2 and 0 <= numbers[0] < numbers[1])
    if not numbers or not in_order:
        raise SettingsError(
            f"search_space holds {text!r}, expected {name}=LOW:HIGH with 0 <= LOW < HIGH, or {name}=A,B,C."
        )
    return name, (kind, numbers)


def search_settings(
    corpus: datasets.DatasetDict,
    settings: TrainerSettings,
    network: NetworkSettings,
    search: SearchSettings,
    arguments: TrainingArguments,
) -> tuple[NetworkSettings, TrainingArguments]:
    """Train once with each of some drawn settings, and return those with the best validation UA.

    Trials are kept beside the run, in ``OUT.search.log``: the same command goes on after a cut.

    Args:
        corpus: splits "train" and "validation"; "test" is not read.
        settings: where to write.
        network: what is searched around.
        search: how many trials, over which space.
        arguments: of the run.

    Returns:
        The network's settings and the trainer's, with the best values in place.

    Raises:
        SettingsError: several processes were launched.
    """
    if PartialState().num_processes > 1:
        raise SettingsError(
            "A search runs in one process. Search first, then launch several with what it found."
        )
    seen = datasets.DatasetDict({split: corpus[split] for split in ("train", "validation")})
    study = _open_study(settings, network, search, arguments)

    def train_once(trial: optuna.Trial) -> float:
        drawn = {name: _draw(trial, name, *space) for name, space in search.parse().items()}
        return _train(seen, settings, *_apply(drawn, network, arguments), epochs=search.search_epochs)

    study.optimize(train_once, n_trials=max(0, search.search_trials - len(study.trials)))
    best = {name: _as_given(name, value) for name, value in study.best_params.items()}
    logger.warning(
        "Best of %d trials: validation UA %.2f with %s",
        len(study.trials),
        study.best_value,
        best,
    )
    return _apply(best, network, arguments)


def _open_study(
    settings: TrainerSettings, network: NetworkSettings, search: SearchSettings, arguments: TrainingArguments
) -> optuna.Study:
    out = Path(str(settings.out))
    out.parent.mkdir(parents=True, exist_ok=True)
    asked = [
        read_corpus_json(Path(str(settings.corpus)))["fingerprint"],
        asdict(network),
        search.search_epochs,
        search.search_space,
        [getattr(arguments, name) for name in (*OF_TRAINER, "seed", "optim", "lr_scheduler_type")],
    ]
    name = hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:16]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = JournalFileBackend(str(out.with_name(f"{out.name}.search.log")))
    return optuna.create_study(
        study_name=name,
        storage=JournalStorage(backend),
        sampler=optuna.samplers.RandomSampler(seed=arguments.seed),
        direction="maximize",
        load_if_exists=True,
    )


def _draw(trial: optuna.Trial, name: str, kind: str, numbers: list[float]) -> float | int:
    if kind == "choice":
        return _as_given(name, trial.suggest_categorical(name, numbers))
    low, high = numbers
    return _as_given(name, trial.suggest_float(name, low, high, log=low > 0))


def _as_given(name: str, value: Any) -> float | int:
    return int(value) if name == "per_device_train_batch_size" else float(value)


def _apply(
    values: dict[str, Any], network: NetworkSettings, arguments: TrainingArguments
) -> tuple[NetworkSettings, TrainingArguments]:
    changed = copy.deepcopy(arguments)
    for name in OF_TRAINER:
        if name in values:
            setattr(changed, name, values[name])
    return replace(network, **{name: values[name] for name in OF_NETWORK if name in values}), changed


def _train(
    corpus: datasets.DatasetDict,
    settings: TrainerSettings,
    network: NetworkSettings,
    arguments: TrainingArguments,
    *,
    epochs: float,
) -> float:
    """The best validation UA of one trial, percent."""
    set_seed(arguments.seed)
    inputs = prepare_network(corpus, network, settings)
    arguments.num_train_epochs = epochs or arguments.num_train_epochs
    arguments.save_strategy, arguments.load_best_model_at_end = "no", False
    arguments.remove_unused_columns, arguments.label_names = False, ["labels"]
    with tempfile.TemporaryDirectory() as folder:  # Trainer makes one, and writes nothing there
        arguments.output_dir = folder
        trainer = EmotionTrainer(
            classes=corpus["train"].features["label"].names,
            model=inputs.trained,
            args=arguments,
            data_collator=inputs.collate,
            train_dataset=inputs.view("train"),
            eval_dataset=inputs.view("validation"),
        )
        trainer.train()
    return max(entry["eval_ua"] for entry in trainer.state.log_history if "eval_ua" in entry)
