"""Who transcribes.  waveforms (S,) at 16 kHz -> transcripts

A listener is one Whisper implementation with one checkpoint for one language. It loads its model when the
first clip is heard, so that a cache that knows all clips costs none.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmser.curation.transcripts import SILENCE, Transcript, join_transcripts, judge
from mmser.curation.whisper_checkpoints import (
    check_checkpoint,
    check_language,
    fetch_checkpoint,
    identify_checkpoint,
    load_whisper,
)
from mmser.errors import CheckpointError, SettingsError, UnknownNameError


@dataclass(frozen=True)
class TranscriptionSettings:
    """Who transcribes what.

    Attributes:
        whisper: name of a checkpoint ("base", "tiny.en" …), or its path: for openai-whisper a ``.pt`` file,
            for faster-whisper a folder that CTranslate2 converted.
        language: code of the language that is spoken.
        backend: one of ``BACKENDS``.
    """

    whisper: str = "base"
    language: str = "en"
    backend: str = "openai-whisper"


class Listener(Protocol):
    """One Whisper implementation, checkpoint and language."""

    def __init__(self, settings: TranscriptionSettings): ...

    def check(self) -> None:
        """Look at the settings before the work begins; raise what is wrong with them."""

    def fetch(self) -> None:
        """Download the checkpoint if it is not there; raise CheckpointError where that fails."""

    @property
    def identity(self) -> str:
        """Everything that changes transcripts, as a file name."""

    def bucket_s(self, duration_s: float) -> float:
        """Clips of one bucket may be decoded together."""

    def decode(self, waveforms: Sequence[np.ndarray], seeds: Sequence[int]) -> list[Transcript]:
        """Transcribe clips of one bucket; what is heard in one does not depend on the others."""


class OpenAIWhisper:
    """openai-whisper, in batches (:mod:`mmser.curation.whisper_decoding`)."""

    _RECIPE = "thinned-silence"  # changes with anything in whisper_decoding that changes transcripts

    def __init__(self, settings: TranscriptionSettings):
        self.settings = settings

    def check(self) -> None:
        """See :class:`Listener`."""
        check_checkpoint(self.settings.whisper, self.settings.language)

    def fetch(self) -> None:
        """See :class:`Listener`."""
        fetch_checkpoint(self.settings.whisper)

    @property
    def identity(self) -> str:
        """See :class:`Listener`."""
        return f"{identify_checkpoint(self.settings.whisper)}-{self.settings.language}-{self._RECIPE}"

    def bucket_s(self, duration_s: float) -> float:
        """See :class:`Listener`."""
        from mmser.curation.whisper_decoding import bucket_s

        return bucket_s(duration_s)

    def decode(self, waveforms: Sequence[np.ndarray], seeds: Sequence[int]) -> list[Transcript]:
        """See :class:`Listener`."""
        from mmser.curation.whisper_decoding import decode_clips

        model = load_whisper(self.settings.whisper)
        return decode_clips(model, waveforms, self.settings.language, seeds=seeds)


class FasterWhisper:
    """faster-whisper (CTranslate2): one clip after another, on as many threads as it likes."""

    def __init__(self, settings: TranscriptionSettings):
        self.settings = settings

    def check(self) -> None:
        """See :class:`Listener`."""
        check_language(self.settings.language)
        try:
            import faster_whisper
        except ImportError as error:
            raise SettingsError(
                "The backend faster-whisper is not installed: pip install 'mmser[faster-whisper]', or choose"
                " openai-whisper."
            ) from error
        if self._folder is None and self.settings.whisper not in faster_whisper.available_models():
            raise UnknownNameError(
                "faster-whisper checkpoint", self.settings.whisper, faster_whisper.available_models()
            )

    def fetch(self) -> None:
        """See :class:`Listener`."""
        import faster_whisper

        if self._folder is None:
            with self._saying_how_to_go_on():
                faster_whisper.download_model(self.settings.whisper)

    @property
    def identity(self) -> str:
        """See :class:`Listener`."""
        name = self.settings.whisper
        if self._folder is not None:
            with (self._folder / "model.bin").open("rb") as file:
                name = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return f"faster-{name.replace('/', '-')}-{self.settings.language}"

    def bucket_s(self, duration_s: float) -> float:
        """See :class:`Listener`."""
        return duration_s

    def decode(self, waveforms: Sequence[np.ndarray], seeds: Sequence[int]) -> list[Transcript]:
        """See :class:`Listener`."""
        return [self._decode(waveform) for waveform in waveforms]

    def _decode(self, waveform: np.ndarray) -> Transcript:
        segments, _ = self._model.transcribe(
            waveform.astype(np.float32),
            language=self.settings.language,
            beam_size=1,
            condition_on_previous_text=False,
        )
        parts = [
            judge(each.text, each.avg_logprob, each.no_speech_prob, each.compression_ratio)
            for each in segments
        ]
        return join_transcripts(parts) if parts else Transcript("", 0.0, 1.0, 0.0, SILENCE)

    @property
    def _folder(self) -> Path | None:
        path = Path(self.settings.whisper)
        return path if (path / "model.bin").is_file() else None

    @cached_property
    def _model(self) -> Any:
        import faster_whisper

        with self._saying_how_to_go_on():
            return faster_whisper.WhisperModel(self.settings.whisper)

    @contextmanager
    def _saying_how_to_go_on(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"faster-whisper {self.settings.whisper!r} cannot be loaded ({error}). A name is fetched from"
                " the Hub once; without network give the folder of a converted checkpoint."
            ) from error


BACKENDS: dict[str, type[Listener]] = {"openai-whisper": OpenAIWhisper, "faster-whisper": FasterWhisper}


def make_listener(settings: TranscriptionSettings) -> Listener:
    """Return who transcribes, checked.

    Raises:
        UnknownNameError: no backend, checkpoint or language of that name.
        SettingsError: no file at the path, an English checkpoint for another language, or a backend that is
            not installed.
        CheckpointError: the file holds no checkpoint.
    """
    if settings.backend not in BACKENDS:
        raise UnknownNameError("transcription backend", settings.backend, BACKENDS)
    listener = BACKENDS[settings.backend](settings)
    listener.check()
    return listener
