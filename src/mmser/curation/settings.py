"""What a build is asked for.  names and numbers -> checked settings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from mmser.audio.augmentation import AugmentationSettings
from mmser.audio.cleaning import CleaningSettings
from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.corpora import CORPORA, PAPER_CORPORA, get_corpora
from mmser.corpora.emotion_words import parse_emotion_map
from mmser.curation.balancing import parse_balance_to
from mmser.curation.drawing import Draw
from mmser.curation.listeners import TranscriptionSettings, make_listener
from mmser.curation.splitting import get_protocol
from mmser.curation.store import default_cache_dir
from mmser.errors import SettingsError, UnknownNameError
from mmser.labels import get_scheme

TRANSCRIPTS = ("whisper", "reference", "none")


@dataclass(frozen=True)
class BuildSettings:
    """Settings of a build.

    Attributes:
        protocol: how clips are split, and what that promises.
        folds: blocks that speakers are dealt into; for protocols with folds.
        fold: the block that tests, from 0.
        scheme: the classes.
        corpora: names of the corpora to read; "csv:PATH" is a user's own table.
        emotion_map: what the words of such tables mean: "joy=happy,…", a JSON or YAML file, or a mapping.
        transcripts: where texts come from, one of ``TRANSCRIPTS``.
        whisper: name of a Whisper checkpoint, or the path of one.
        language: code of the language that is spoken, for Whisper.
        backend: who runs Whisper, one of ``mmser.curation.listeners.BACKENDS``.
        seed: chooses splits, cuts and copies.
        balance_to: "none", a number, "happy=1998,…" or None for the protocol's own number. A multi-label
            scheme is never balanced: a copy enlarges all classes of its clip.
        num_proc: worker processes; None for one a core.
        cache_dir: where cleaned clips and transcripts are kept; None for ``$MMSER_CACHE``, else
            ``~/.cache/mmser``.
        noise_dir: recordings of background noise for augmentation; None for generated noise.
        overwrite: whether a corpus that is already there may be replaced.
        cleaning: what is done to each recording.
        augmentation: how far copies may stray.
    """

    protocol: str = "speaker"
    folds: int = 5
    fold: int = 0
    scheme: str = "paper7"
    corpora: tuple[str, ...] = PAPER_CORPORA
    emotion_map: str | Path | Mapping[str, str] | None = None
    transcripts: str = "whisper"
    whisper: str = "base"
    language: str = "en"
    backend: str = "openai-whisper"
    seed: int = 0
    balance_to: str | None = None
    num_proc: int | None = None
    cache_dir: Path | None = None
    noise_dir: Path | None = None
    overwrite: bool = False
    cleaning: CleaningSettings = field(default_factory=CleaningSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def changed(self, changes: Mapping[str, Any]) -> "BuildSettings":
        """Return a copy with some settings changed.

        Raises:
            UnknownNameError: a key is not a setting.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise UnknownNameError("build setting", name, known)
        return replace(self, **changes)

    def check(self) -> None:
        """Look at every value, and at the users' tables, before the work begins.

        Raises:
            SettingsError: a value cannot be used.
            UnknownNameError: a name that mmser does not know.
            MmserError: a table is not there or holds mistakes.
        """
        self._check_splits()
        self._check_classes()
        if not self.corpora:
            raise SettingsError("No corpus is named, expected one or more.")
        get_corpora(self.corpora, parse_emotion_map(self.emotion_map))
        if self.transcripts not in TRANSCRIPTS:
            raise UnknownNameError("source of transcripts", self.transcripts, TRANSCRIPTS)
        if self.transcripts == "whisper":
            make_listener(self.transcription)
        if self.num_proc is not None and self.num_proc < 1:
            raise SettingsError(f"--num-proc {self.num_proc}: expected 1 or more processes.")
        if self.cleaning.sample_rate_hz != SAMPLE_RATE_HZ:
            raise SettingsError(
                f"Cleaning to {self.cleaning.sample_rate_hz} Hz: a corpus holds clips of {SAMPLE_RATE_HZ} Hz."
            )

    def _check_splits(self) -> None:
        protocol = get_protocol(self.protocol)
        if protocol.folds_of == "speakers" and not (self.folds >= 3 and 0 <= self.fold < self.folds):
            raise SettingsError(
                f"Fold {self.fold} of {self.folds}: expected 3 folds or more (test, validation, train) and a"
                f" fold from 0 to {self.folds - 1}."
            )
        if protocol.folds_of == "corpora" and not 0 <= self.fold < len(self.corpora):
            raise SettingsError(
                f"Fold {self.fold} of protocol {protocol.name!r}: expected one from 0 to"
                f" {len(self.corpora) - 1}, since {len(self.corpora)} corpora are named and each tests once."
            )
        unsplit = [name for name in self.corpora if name in CORPORA]
        if protocol.name == "given" and unsplit:
            raise SettingsError(
                f"Protocol 'given' takes the column 'split' of users' tables; {', '.join(unsplit)} have none."
                " Name tables alone, or choose another protocol."
            )
        if self.seed < 0 or self.seed >= 2**32:
            raise SettingsError(f"Seed {self.seed}: expected a number from 0 to {2**32 - 1}.")

    def _check_classes(self) -> None:
        scheme = get_scheme(self.scheme)
        balance_to = parse_balance_to(self.balance_to)
        for name in balance_to.per_class:
            if name not in scheme.classes:
                raise UnknownNameError("class in --balance-to", name, scheme.classes)
        if scheme.multi_label and self.balance_to is not None and balance_to.enabled:
            raise SettingsError(
                f"--balance-to {self.balance_to!r}: a clip of scheme {scheme.name!r} has several classes, and"
                " a copy enlarges all of them. Leave it out, and weight the classes in training."
            )

    def list_builds(
        self, protocols: Sequence[str], fold_numbers: Sequence[int] | Literal["all"], num_corpora: int
    ) -> list["BuildSettings"]:
        """Return the settings of each protocol and fold, in this order, each once.

        Args:
            protocols: names; none: the protocol of these settings.
            fold_numbers: from 0, or "all"; none: the fold of these settings. A protocol without folds is
                built once whatever they are.
            num_corpora: the folds of a protocol that leaves corpora out.

        Raises:
            UnknownNameError: no protocol has a name.
            SettingsError: a fold that a protocol does not have.
        """
        builds = []
        for name in dict.fromkeys(protocols or (self.protocol,)):
            protocol = get_protocol(name)
            num_folds = {"speakers": self.folds, "corpora": num_corpora}.get(protocol.folds_of, 1)
            asked = range(num_folds) if fold_numbers == "all" else tuple(fold_numbers) or (self.fold,)
            for fold in dict.fromkeys(asked if protocol.has_folds else (0,)):
                if not 0 <= fold < num_folds:
                    raise SettingsError(
                        f"Fold {fold} of {num_folds}: protocol {name!r} has the folds 0 to {num_folds - 1}."
                    )
                builds.append(replace(self, protocol=name, fold=fold, folds=num_folds))
        return builds

    @property
    def place(self) -> str:
        """The folder's name where several protocols or folds are built."""
        return f"{self.protocol}-fold{self.fold}" if get_protocol(self.protocol).has_folds else self.protocol

    @property
    def draw(self) -> Draw:
        """The numbers that choose the split; one fold where the protocol has none."""
        if get_protocol(self.protocol).has_folds:
            return Draw(self.folds, self.fold, self.seed)
        return Draw(1, 0, self.seed)

    @property
    def transcription(self) -> TranscriptionSettings:
        """Who transcribes."""
        return TranscriptionSettings(self.whisper, self.language, self.backend)

    @property
    def resolved_cache_dir(self) -> Path:
        """The cache folder that is used."""
        return Path(self.cache_dir) if self.cache_dir else default_cache_dir()

    def resolved_num_proc(self, num_rows: int) -> int:
        """The number of workers for so many rows."""
        return max(1, min(self.num_proc or os.cpu_count() or 1, num_rows))

    def to_dict(self, corpora: list[str]) -> dict[str, Any]:
        """Return everything that decides what a corpus of these ``corpora`` holds, as plain values."""
        whisper = self.transcripts == "whisper"
        return {
            "protocol": self.protocol,
            "folds": self.draw.folds,
            "fold": self.draw.fold,
            "scheme": self.scheme,
            "corpora": corpora,
            "transcripts": {
                "source": self.transcripts,
                "whisper": _public_name(self.whisper) if whisper else None,
                "language": self.language if whisper else None,
                "backend": self.backend if whisper else None,
            },
            "seed": self.seed,
            "balance_to": self.balance_to,
            "emotion_map": parse_emotion_map(self.emotion_map),
            "noise": Path(self.noise_dir).name if self.noise_dir else "generated",
            "cleaning": self.cleaning.to_dict(),
            "augmentation": self.augmentation.to_dict(),
        }


def _public_name(checkpoint: str) -> str:
    """What a corpus, and a model trained on it, call a checkpoint: no path of the machine that built it.

    openai-whisper's own name, also where its file was given; of any other file or folder the bare name.
    """
    path = Path(checkpoint)
    if path.is_file():
        import whisper

        from mmser.curation.whisper_checkpoints import identify_checkpoint

        identity = identify_checkpoint(checkpoint)
        for name in whisper.available_models():
            if identify_checkpoint(name) == identity:
                return name
    return path.name
