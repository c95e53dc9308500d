"""Hear what is said, as it was heard in a model's corpus.  cleaned waveforms (S,) -> transcripts"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmser.audio.io import SAMPLE_RATE_HZ, hash_waveform
from mmser.curation.listeners import TranscriptionSettings, make_listener
from mmser.curation.transcription import transcribe_waveforms
from mmser.errors import MmserError, SettingsError

NOBODY = "none"  # given as the checkpoint: nobody listens


class Transcriber:
    """Gives a model the kind of transcripts that it was trained on.

    Args:
        preprocessing: ``config.preprocessing["transcripts"]`` of the model.
        whisper: name or ``.pt`` file of the checkpoint that listens in place of the one named there;
            :data:`NOBODY` where none is to.
    """

    def __init__(self, preprocessing: Mapping[str, Any], whisper: str | None = None):
        self.source: str = preprocessing["source"]
        self.trained_with: str | None = preprocessing["whisper"]
        self.settings = TranscriptionSettings(
            str(whisper or self.trained_with),
            preprocessing["language"] or TranscriptionSettings.language,
            preprocessing["backend"] or TranscriptionSettings.backend,
        )
        self._is_checked = False

    @property
    def listens(self) -> bool:
        """Whether Whisper is asked; a model that was trained on empty texts gets these."""
        return self.source != "none" and not self.is_deaf

    @property
    def is_deaf(self) -> bool:
        """Whether nobody is to listen, so that clips without a text stay without."""
        return self.settings.whisper == NOBODY

    def check(self) -> None:
        """Make sure that transcripts can be had before the work begins.

        Raises:
            SettingsError: the model was trained on other transcripts than Whisper's, or its checkpoint is not
                on this machine.
        """
        if self._is_checked or not self.listens:
            return
        if self.source != "whisper":
            raise SettingsError(
                f"This model was trained on {self.source} transcripts, not on Whisper's: "
                "say what is spoken with texts=[…] (`mmser predict --text`)."
            )
        try:
            make_listener(self.settings)
        except MmserError as error:
            raise SettingsError(
                f"{error} The model's corpus was transcribed with {self.trained_with!r}. Say where that "
                "checkpoint is on this machine, or which of openai-whisper's it is (base, tiny.en …): "
                "whisper=… (`mmser predict --whisper`); or say what is spoken: texts=[…] (`--text`)."
            ) from error
        self._is_checked = True

    def transcribe(self, waveforms: Sequence[np.ndarray]) -> list[str]:
        """What is said in cleaned clips; each is heard as if it were alone.

        Args:
            waveforms: each (S,), full scale 1, at 16 kHz.

        Raises:
            SettingsError: as :meth:`check`.
            CheckpointError: the checkpoint cannot be loaded.
        """
        self.check()
        if not self.listens:
            return [""] * len(waveforms)
        by_hash = {hash_waveform(waveform): waveform for waveform in waveforms}
        durations_s = {key: len(waveform) / SAMPLE_RATE_HZ for key, waveform in by_hash.items()}
        heard = transcribe_waveforms(by_hash.__getitem__, durations_s, self.settings, None, progress=False)
        return [heard[hash_waveform(waveform)].text for waveform in waveforms]
