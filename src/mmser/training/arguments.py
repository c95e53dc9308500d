"""Settings of a run: one YAML file, each field overridable on the command line.  argv -> dataclasses"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import HfArgumentParser, TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from mmser.errors import SettingsError, UnknownNameError
from mmser.models.fusion.pooling import POOLINGS
from mmser.models.precision import DTYPES, parse_dtype
from mmser.training.publication import check_publication
from mmser.training.tuning import HeadSettings, TowerTuning, TuningSettings, check_head, check_probability

SAMPLING = ("random", "sequential", "group_by_length")  # of transformers' train_sampling_strategy
FREEZE_MODES = ("classifier", "top-cnn", "top-layers", "partial", "entire")

# What every recipe of ours fixes in transformers' TrainingArguments unless the YAML or the command line says
# otherwise: one evaluation and one checkpoint an epoch, and the epoch with the best validation UA is kept.
TRAINER_DEFAULTS: dict[str, Any] = {
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "ua",
    "greater_is_better": True,
    "restore_callback_states_from_checkpoint": True,
    "ddp_find_unused_parameters": False,
    "dataloader_pin_memory": torch.cuda.is_available(),
    "report_to": "none",
}


@dataclass
class PlaceSettings:
    """Where a run reads and writes."""

    corpus: str | None = field(default=None, metadata={"help": "Corpus folder that `mmser build` wrote."})
    out: str | None = field(default=None, metadata={"help": "Folder for the trained model and its scores."})
    overwrite: bool = field(default=False, metadata={"help": "Replace what stands in --out."})
    cache_dir: str | None = field(
        default=None,
        metadata={
            "help": "Folder for what is computed once: states of frozen towers, features; $MMSER_CACHE, else "
            "~/.cache/mmser."
        },
    )


@dataclass
class TrainerSettings(PlaceSettings):
    """A run of the Trainer, and when it stops."""

    resume: bool = field(default=False, metadata={"help": "Go on from the last checkpoint in --out."})
    patience: int = field(
        default=0,
        metadata={"help": "Stop after this many evaluations without a better validation UA; 0 never stops."},
    )
    abstain_share: float = field(
        default=0.1,
        metadata={
            "help": "Share of the validation clips, the least sure, below which the finished model says "
            "`uncertain` when it is used; 0 always answers. Scores are of all answers."
        },
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        if self.patience < 0:
            raise SettingsError(
                f"patience is {self.patience}, expected evaluations to wait for, or 0 to never stop early."
            )
        if not 0 <= self.abstain_share < 1:
            raise SettingsError(f"abstain_share is {self.abstain_share}, expected a share from 0 to below 1.")


@dataclass
class RunSettings(TuningSettings, TrainerSettings):
    """A run of a model with encoders."""

    embedding_batch_size: int = field(
        default=16,
        metadata={
            "help": "Clips in a batch, at most, while frozen towers are computed; a processor takes 7.5 s of "
            "sound at a time, or one clip."
        },
    )
    embedding_dtype: str = field(
        default="float32",
        metadata={
            "help": "Precision in which frozen towers are computed for training: float32, or bfloat16, which "
            "is faster where the processor has it. Scores are always of float32.",
            "choices": DTYPES,
        },
    )

    cache_limit_gb: float = field(
        default=50.0,
        metadata={
            "help": "Gigabytes that states of frozen towers may take in all; what was not used for longest "
            "goes first, what this run or the last hour used stays."
        },
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        super().__post_init__()
        if self.cache_limit_gb <= 0:
            raise SettingsError(f"cache_limit_gb is {self.cache_limit_gb}, expected gigabytes above 0.")
        self.check_tuning()
        if self.embedding_batch_size < 1:
            raise SettingsError(
                f"embedding_batch_size is {self.embedding_batch_size}, expected clips in a batch, from 1."
            )
        parse_dtype(self.embedding_dtype)


@dataclass
class AudioSettings(HeadSettings, TowerTuning):
    """The audio tower and how much of it is trained."""

    audio_encoder: str = field(
        default="facebook/hubert-base-ls960",
        metadata={"help": "Name or folder of a speech encoder, or the folder of a finished run."},
    )
    freeze: str = field(
        default="classifier",
        metadata={
            "help": "What of the audio tower is trained. classifier: nothing, the head alone; top-cnn: its "
            "two last convolutional layers; top-layers: its last blocks; partial: its transformer; entire: "
            "all of it.",
            "choices": FREEZE_MODES,
        },
    )
    num_trained_layers: int = field(
        default=2, metadata={"help": "Blocks that --freeze top-layers trains; those below are computed once."}
    )
    window_s: float = field(
        default=10.0, metadata={"help": "Seconds that a Whisper tower hears; longer clips are cropped."}
    )

    def __post_init__(self) -> None:
        """Check what argparse does not check in a value that came from YAML."""
        if self.freeze not in FREEZE_MODES:
            raise UnknownNameError("freeze mode", self.freeze, FREEZE_MODES)
        self.check_head()
        self.check_tower()
        if self.window_s <= 0:
            raise SettingsError(f"window_s is {self.window_s}, expected seconds above 0.")


@dataclass
class FusionSettings(AudioSettings):
    """The two towers of the fusion model."""

    text_encoder: str = field(
        default="google-bert/bert-base-uncased", metadata={"help": "Name or folder of a text encoder."}
    )
    freeze_text: bool = field(default=False, metadata={"help": "Keep the text tower as it is."})
    text_pooling: str = field(
        default="mean", metadata={"help": "Of the text tower's tokens, as --pooling.", "choices": POOLINGS}
    )
    text_layers: str = field(default="last", metadata={"help": "Of the text tower, as --layers."})
    dropout: float = field(default=0.1, metadata={"help": "Dropout on the pooled states, from 0 to below 1."})
    modality_dropout: float = field(
        default=0.0,
        metadata={
            "help": "Probability that a clip is without its sound or without its text while the model "
            "trains, so that it can go without one of them afterwards."
        },
    )

    def __post_init__(self) -> None:
        """Check what argparse does not."""
        super().__post_init__()
        self.text_layers = str(self.text_layers)
        check_head(self.text_pooling, self.text_layers)
        check_probability("modality_dropout", self.modality_dropout)


def parse_arguments(classes: Sequence[type], argv: Sequence[str] | None = None) -> tuple[Any, ...]:
    """Read ``--config FILE`` and the command line into one object of each dataclass.

    Args:
        classes: dataclasses; ``transformers.TrainingArguments`` may be one of them.
        argv: the command line without the program's name; ``sys.argv`` if None.

    Returns:
        One object of each class, in their order.

    Raises:
        UnknownNameError: the YAML or the command line holds a key that no class has; the nearest is named.
        SettingsError: the YAML cannot be read, ``corpus`` or ``out`` is not given, or a value cannot be used.
        HubError: the run is to be pushed, and there is no access to the Hub.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = HfArgumentParser(list(classes), allow_abbrev=False)  # type: ignore[arg-type]
    known = {each.name for cls in classes for each in fields(cls) if each.init}
    config, arguments = _take_option(arguments, "--config")
    defaults = {key: value for key, value in TRAINER_DEFAULTS.items() if key in known}
    parser.set_defaults(**defaults | (_read_yaml(Path(config), known) if config else {}))
    try:
        *parsed, unknown = parser.parse_args_into_dataclasses(
            arguments, return_remaining_strings=True, look_for_args_file=False
        )
    except (ValueError, TypeError, ImportError) as error:  # of TrainingArguments
        raise SettingsError(" ".join(str(error).split())) from error
    if unknown:
        name = unknown[0].split("=")[0]
        raise UnknownNameError("option", name, {"--" + key for key in known} | {"--config"})
    for settings in parsed:
        if isinstance(settings, PlaceSettings):
            _check_paths(settings)
        if isinstance(settings, TrainingArguments):
            _check_trainer(settings)
            check_publication(settings)
    return tuple(parsed)


def _take_option(arguments: list[str], option: str) -> tuple[str | None, list[str]]:
    """Take ``option VALUE`` or ``option=VALUE`` out of the command line."""
    for index, argument in enumerate(arguments):
        if argument == option:
            if index + 1 == len(arguments):
                raise SettingsError(f"{option} needs a file, e.g. {option} recipes/configs/fusion.yaml.")
            return arguments[index + 1], arguments[:index] + arguments[index + 2 :]
        if argument.startswith(option + "="):
            return argument.removeprefix(option + "="), arguments[:index] + arguments[index + 1 :]
    return None, arguments


def _read_yaml(path: Path, known: set[str]) -> dict[str, Any]:
    """Read a flat mapping whose keys are all known."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}). Give --config an existing file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not YAML ({error}).") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: holds {type(values).__name__}, expected lines `key: value`.")
    for key in values:
        if key not in known:
            raise UnknownNameError(f"key in {path}", str(key), known)
    return values


def _check_paths(settings: PlaceSettings) -> None:
    if not settings.corpus:
        raise SettingsError("No corpus given. Build one with `mmser build` and pass --corpus FOLDER.")
    if not settings.out:
        raise SettingsError("No output folder given. Pass --out FOLDER, e.g. --out runs/fusion.")


def _check_trainer(arguments: TrainingArguments) -> None:
    """Refuse what Trainer would fail on only after the model is loaded, and what these runs do not do."""
    installed = get_available_reporting_integrations()
    absent = sorted(set(arguments.report_to or ()) - set(installed))
    if absent:
        raise SettingsError(
            f"report_to names {absent}, which is not installed or not known here. Install it, or choose of "
            f"{['none', *sorted(installed)]}."
        )
    if arguments.train_sampling_strategy not in SAMPLING:
        raise UnknownNameError("train_sampling_strategy", arguments.train_sampling_strategy, SAMPLING)
    for name in ("fp16_full_eval", "bf16_full_eval"):
        if getattr(arguments, name):
            raise SettingsError(
                f"{name} is on, but a run is scored as its saved model answers, in float32. Leave it off; "
                f"--{name[:4]} True is for training."
            )
