"""Search settings of a network at random, judged on validation.  space + trials -> the best settings

Optuna draws and keeps the trials; what is drawn follows from the seed and the number of the trial alone. The
test split is not looked at.
"""

import copy
import hashlib
import json
import logging
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import datasets
import numpy as np
import optuna
from accelerate.state import PartialState
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from transformers import TrainingArguments, set_seed

from mmser.curation.schema import read_corpus_json
from mmser.errors import DivergedError, SettingsError, UnknownNameError
from mmser.evaluation.writing import SETTINGS_FILE, check_run_folder
from mmser.training.arguments import TrainerSettings
from mmser.training.networks import NetworkSettings, prepare_network
from mmser.training.trainer import build_trainer

logger = logging.getLogger(__name__)

_BATCH_SIZE, _EPOCHS = "per_device_train_batch_size", "num_train_epochs"
OF_NETWORK = ("dropout", "l1", "l2")
OF_TRAINER = ("learning_rate", "weight_decay", _BATCH_SIZE, _EPOCHS)
_FROM_0: tuple[str, Callable[[float], bool]] = ("finite numbers from 0", lambda value: 0 <= value < math.inf)
_VALUES: Mapping[str, tuple[str, Callable[[float], bool]]] = MappingProxyType(
    {
        "dropout": ("rates from 0 to below 1", lambda value: 0 <= value < 1),
        _BATCH_SIZE: ("whole numbers from 1", lambda value: value >= 1 and value.is_integer()),
        _EPOCHS: ("finite numbers above 0", lambda value: 0 < value < math.inf),
        **dict.fromkeys(("l1", "l2", "learning_rate", "weight_decay"), _FROM_0),
    }
)


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
        if self.search_trials < 0 or not 0 <= self.search_epochs < math.inf:
            raise SettingsError(
                f"search_trials is {self.search_trials} and search_epochs {self.search_epochs}, expected "
                "both from 0."
            )
        if _EPOCHS in self.parse() and self.search_epochs:
            raise SettingsError(
                f"search_space draws {_EPOCHS}, but by search_epochs every trial lasts "
                f"{self.search_epochs:g}, whatever it draws. Leave one of them out."
            )

    def parse(self) -> dict[str, BaseDistribution]:
        """The space, as Optuna draws from it: name -> distribution."""
        return dict(_parse(text) for text in self.search_space)


def _parse(text: str) -> tuple[str, BaseDistribution]:
    name, _, values = text.partition("=")
    if name not in _VALUES:
        raise UnknownNameError("setting to search", name, _VALUES)
    is_range = ":" in values
    try:
        numbers = [float(each) for each in values.split(":" if is_range else ",")]
    except ValueError:
        numbers = []
    if not numbers or (is_range and not (len(numbers) == 2 and numbers[0] < numbers[1])):
        raise SettingsError(
            f"search_space holds {text!r}, expected {name}=LOW:HIGH with LOW < HIGH, or {name}=A,B,C."
        )
    expected, may_be = _VALUES[name]
    odd = [number for number in numbers if not may_be(number)]
    if odd:
        raise SettingsError(f"search_space holds {text!r}, in it {odd}, expected {expected} for {name}.")
    whole = name == _BATCH_SIZE
    if not is_range:
        return name, CategoricalDistribution([int(each) if whole else each for each in numbers])
    low, high = numbers
    if whole:
        return name, IntDistribution(int(low), int(high), log=True)
    return name, FloatDistribution(low, high, log=low > 0)


def search_settings(
    corpus: datasets.DatasetDict,
    settings: TrainerSettings,
    network: NetworkSettings,
    search: SearchSettings,
    arguments: TrainingArguments,
) -> tuple[NetworkSettings, TrainingArguments]:
    """Train once with each of some drawn settings, and return those with the best validation UA.

    Trials are kept beside the run, in ``OUT.search.log``: the same command goes on after a cut, with the
    trial that was cut, and finds what it would have found without. A trial that diverges counts as tried.

    Args:
        corpus: splits "train" and "validation"; "test" is not read.
        settings: where to write.
        network: what is searched around.
        search: how many trials, over which space.
        arguments: of the run.

    Returns:
        The network's settings and the trainer's, with the best values in place.

    Raises:
        SettingsError: several processes were launched, every trial diverged, or a trial is not
            evaluated.
        OutputExistsError: the run's folder holds a run and neither ``overwrite`` nor ``resume`` is set, or
            holds anything else.
    """
    if PartialState().num_processes > 1:
        raise SettingsError(
            "A search runs in one process. Search first, then launch several with what it found."
        )
    out = Path(str(settings.out))
    if not (settings.resume and (out / SETTINGS_FILE).exists()):
        check_run_folder(out, overwrite=settings.overwrite)
    seen = datasets.DatasetDict({split: corpus[split] for split in ("train", "validation")})
    log = out.with_name(f"{out.name}.search.log")
    study = _open_study(log, settings, network, search, arguments)
    space = search.parse()
    for number in range(len(_tried(study)), search.search_trials):
        study.sampler = _build_sampler(arguments.seed, number)
        trial = study.ask(space)
        try:
            score = _train(
                seen, settings, *_apply(trial.params, network, arguments), epochs=search.search_epochs
            )
        except DivergedError as error:
            logger.warning("Trial %d, %s, is passed by. %s", number, trial.params, error)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, score)
    best = _take_best(study, log)
    return _apply(best, network, arguments)


def _tried(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that have a score or diverged; those that were cut are drawn again, under the same number."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _build_sampler(seed: int, number: int) -> optuna.samplers.RandomSampler:
    (mixed,) = np.random.SeedSequence([seed, number]).generate_state(1)
    return optuna.samplers.RandomSampler(seed=int(mixed))


def _take_best(study: optuna.Study, log: Path) -> dict[str, Any]:
    tried = _tried(study)
    scored = [trial for trial in tried if trial.state == TrialState.COMPLETE]
    if not scored:
        raise SettingsError(
            f"{log}: each of the {len(tried)} trials of this search diverged, so none is best. Search lower "
            "learning rates: --search_space learning_rate=LOW:HIGH."
        )
    logger.warning(
        "Best of %d trials, of which %d diverged: validation UA %.2f with %s",
        len(tried),
        len(tried) - len(scored),
        study.best_value,
        study.best_params,
    )
    return study.best_params


def _open_study(
    log: Path,
    settings: TrainerSettings,
    network: NetworkSettings,
    search: SearchSettings,
    arguments: TrainingArguments,
) -> optuna.Study:
    log.parent.mkdir(parents=True, exist_ok=True)
    asked = [
        read_corpus_json(Path(str(settings.corpus)))["fingerprint"],
        asdict(network),
        search.search_epochs,
        search.search_space,
        [getattr(arguments, name) for name in (*OF_TRAINER, "seed", "optim", "lr_scheduler_type")],
    ]
    name = hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:16]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=name,
        storage=JournalStorage(JournalFileBackend(str(log))),
        direction="maximize",
        load_if_exists=True,
    )


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
    with tempfile.TemporaryDirectory() as folder:  # Trainer makes one, and writes nothing there
        trainer = build_trainer(
            inputs, corpus["train"], arguments, Path(folder), replace(settings, patience=0)
        )
        trainer.train()
    scores = [entry["eval_ua"] for entry in trainer.state.log_history if "eval_ua" in entry]
    if not scores:
        raise SettingsError(
            f"A trial of {arguments.num_train_epochs:g} epochs ended without an evaluation. Give "
            "--eval_strategy epoch."
        )
    return max(scores)
