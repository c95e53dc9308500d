"""What all visitors share, loaded before the first one comes.  settings -> recognizer, samples, scores"""

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mmser.app.answering import UploadLimits, needs_words
from mmser.audio.io import SAMPLE_RATE_HZ, read_bytes
from mmser.demo.synthesis import PROSODY, Synthesizer, Voice, color_voice
from mmser.errors import RunFormatError, SettingsError
from mmser.evaluation.report import read_metrics
from mmser.inference.finding import SUFFIXES
from mmser.inference.recognizer import EmotionRecognizer

logger = logging.getLogger(__name__)

MAX_SAMPLES = 8
SAMPLE_TEXT = "Kids are talking by the door."  # of RAVDESS
_SAMPLE_VOICES = {
    "angry": Voice("en-us+f2", "female"),
    "happy": Voice("en-us+f2", "female"),
    "sad": Voice("en-us+m3", "male"),
    "fearful": Voice("en-us+m3", "male"),
}


@dataclass(frozen=True)
class AppSettings:
    """What `mmser app` was asked for; hashable, and JSON for the page.

    Attributes:
        run: folder of a finished run, or its name on the Hub.
        whisper: the openai-whisper checkpoint that listens, in place of the one the model names.
        abstain_below: a label is given from this probability on, in place of the model's own.
        device: where the model runs.
        dtype: precision of its encoders.
        samples: a folder with clips to click, in place of synthetic ones.
        limits: of what a visitor may hand over.
    """

    run: str
    whisper: str | None = None
    abstain_below: float | None = None
    device: str | None = None
    dtype: str = "float32"
    samples: str | None = None
    limits: UploadLimits = field(default_factory=UploadLimits)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "AppSettings":
        """What :meth:`to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"limits": UploadLimits(**values["limits"])})


@dataclass(frozen=True)
class Equipment:
    """What all visitors share.

    Attributes:
        recognizer: the model; it takes one visitor's clip at a time.
        samples: title -> clip, the bytes of an audio file.
        samples_are_synthetic: whether a synthesizer speaks them.
        metrics: metrics.json of the run; None where the model came without.
    """

    recognizer: EmotionRecognizer
    samples: Mapping[str, bytes]
    samples_are_synthetic: bool
    metrics: Mapping[str, Any] | None


@cache
def load_equipment(settings: AppSettings) -> Equipment:
    """Load once a process; a short sound is answered, so that whatever is missing is told now.

    Raises:
        CheckpointError: the folder lacks weights, or Whisper's cannot be had.
        SettingsError, UnknownNameError: no sample in the folder named; or as :class:`EmotionRecognizer`.
    """
    samples = None if settings.samples is None else read_samples(Path(settings.samples))
    recognizer = EmotionRecognizer.from_pretrained(
        settings.run,
        device=settings.device,
        whisper=settings.whisper,
        abstain_threshold=settings.abstain_below,
        dtype=settings.dtype,
    )
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE_HZ).astype(np.float32)
    recognizer.predict([(noise, SAMPLE_RATE_HZ)], texts=[""] if needs_words(recognizer) else None)
    return Equipment(
        recognizer=recognizer,
        samples=speak_samples() if samples is None else samples,
        samples_are_synthetic=samples is None,
        metrics=_find_metrics(Path(settings.run)),
    )


def read_samples(folder: Path) -> dict[str, bytes]:
    """Name -> clip: the first ``MAX_SAMPLES`` recordings of a folder.

    Raises:
        SettingsError: no folder, or no recording in it.
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    clips = [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not clips:
        wrong = "no recording in it" if folder.is_dir() else "no such folder"
        raise SettingsError(
            f"--samples {folder}: {wrong}, expected a folder with clips ({', '.join(sorted(SUFFIXES))})."
        )
    return {path.name: read_bytes(path) for path in clips[:MAX_SAMPLES]}


def speak_samples() -> dict[str, bytes]:
    """Emotion -> WAV of one line in the demo's voices; none where eSpeak NG is not installed."""
    try:
        synthesizer = Synthesizer(seed=0)
    except SettingsError:
        return {}
    clips = {}
    with synthesizer:
        for emotion, voice in _SAMPLE_VOICES.items():
            plain = synthesizer.speak(SAMPLE_TEXT, voice, PROSODY[emotion])
            waveform = color_voice(plain, synthesizer.rate_hz, PROSODY[emotion], np.random.default_rng(0))
            buffer = io.BytesIO()
            soundfile.write(buffer, 0.5 * waveform, synthesizer.rate_hz, format="WAV", subtype="PCM_16")
            clips[emotion] = buffer.getvalue()
    return clips


def _find_metrics(folder: Path) -> Mapping[str, Any] | None:
    try:
        return read_metrics(folder)
    except RunFormatError as error:
        logger.warning("The page says nothing of how good the model is: %s", error)
        return None
