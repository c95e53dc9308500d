"""Answer one visitor.  bytes of a recording, limits -> what the model says of it, with its pictures

Nothing is written to disk and no name is used as a path.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from mmser.app.pictures import draw_clip, to_png
from mmser.audio.cleaning import mark_kept
from mmser.audio.io import SAMPLE_RATE_HZ, resample
from mmser.audio.streaming import iter_blocks, read_header
from mmser.errors import AudioError, SettingsError
from mmser.inference.prediction import Prediction
from mmser.inference.recognizer import EmotionRecognizer
from mmser.inference.timeline import Timeline, build_timeline
from mmser.inference.timeline_files import timeline_to_dict
from mmser.inference.timeline_picture import draw_timeline, format_time
from mmser.inference.waveforms import MAX_CLIP_S, read_clip

LONG_S = 15.0  # acted clips last up to seven seconds; what is longer holds more than one thing to be said
MAX_CHANNELS = 32
_WIDE_INCHES, _NARROW_INCHES = (11.0, 4.8), (5.0, 5.4)
_MAX_NAME_LETTERS = 60
_ADVICE = {
    "unreadable": "WAV, FLAC, MP3 and OGG can be read. M4A (AAC), WMA and video cannot: save the recording "
    "as WAV or MP3.",
    "lfs-pointer": "Upload the recording itself.",
    "empty": "Record it again.",
    "too-long": "On the command line `mmser timeline` goes through hours.",
    "silent": "Check that the microphone is on and not muted.",
}


@dataclass(frozen=True)
class UploadLimits:
    """What a visitor may hand over.

    Attributes:
        max_minutes: of sound.
        max_upload_mb: of a file, in 1024 * 1024 bytes.
    """

    max_minutes: float = 20.0
    max_upload_mb: int = 100

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            SettingsError: they let nothing in.
        """
        if not self.max_minutes > 0:
            raise SettingsError(f"--max-minutes is {self.max_minutes:g}, expected minutes above 0.")
        if self.max_upload_mb < 1:
            raise SettingsError(f"--max-upload-mb is {self.max_upload_mb}, expected megabytes from 1.")

    def of_a_clip(self) -> "UploadLimits":
        """What is left of them where a recording is answered at once, and not over time."""
        return replace(self, max_minutes=min(self.max_minutes, MAX_CLIP_S / 60))


@dataclass(frozen=True)
class Answer:
    """What is said of a recording.

    Attributes:
        name: of the file, without folders.
        duration_s: of the recording as it came.
        prediction: of a short clip, else None.
        timeline: of a longer recording, else None.
        pictures: PNG. Of a clip one: waveform and spectrogram. Of a timeline two: wide, and for a phone.
    """

    name: str
    duration_s: float
    prediction: Prediction | None
    timeline: Timeline | None
    pictures: tuple[bytes, ...]

    def to_dict(self) -> dict[str, Any]:
        """What can be saved, as plain values."""
        if self.timeline is not None:
            return timeline_to_dict(self.timeline)
        return {"file": self.name, **(self.prediction.to_dict() if self.prediction else {})}

    def describe_pictures(self) -> str:
        """For those who do not see them."""
        if self.timeline is not None:
            return "Labels, probabilities and level over time"
        return "Waveform and mel spectrogram; what is cut before the model listens has a grey ground"


def needs_words(recognizer: EmotionRecognizer) -> bool:
    """Whether somebody has to type what is said: the model reads, and was not trained on Whisper's words."""
    return hears_words(recognizer) and recognizer.transcriber.source != "whisper"


def hears_words(recognizer: EmotionRecognizer) -> bool:
    """Whether what is said matters: the model reads, and somebody listens or types."""
    return recognizer.reads_text and recognizer.transcriber.listens


def answer(
    recognizer: EmotionRecognizer, name: str, content: bytes, limits: UploadLimits, words: str | None = None
) -> Answer:
    """Say what a recording sounds like: at once, or over time where it is longer than ``LONG_S``.

    Args:
        recognizer: a trained model; several threads may use it.
        name: as the visitor gave it; only its last part is shown.
        content: bytes of an audio file.
        limits: of size and duration.
        words: what is said, for a model that :func:`needs_words`.

    Raises:
        AudioError: the recording is too large, too long, silent, or cannot be read; with advice.
    """
    name = show_name(name)
    if words is not None:
        limits = limits.of_a_clip()
    try:
        duration_s = _measure(name, content, limits)
        if duration_s <= LONG_S or words is not None:
            return _answer_clip(recognizer, name, content, words)
        timeline = build_timeline(recognizer, content, where=name)
    except AudioError as error:
        helps = words is None or error.reason != "too-long"  # a timeline takes no typed words
        advice = _ADVICE.get(error.reason, "") if helps else ""
        raise AudioError(error.reason, f"{error} {advice}".strip()) from error
    sizes = (_WIDE_INCHES, _NARROW_INCHES)
    pictures = [to_png(draw_timeline(timeline, title="", inches=inches)) for inches in sizes]
    return Answer(name, duration_s, None, timeline, tuple(pictures))


def show_name(name: str) -> str:
    """The last part of a file's name, without what cannot be printed, and not too long."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(letter for letter in last if letter.isprintable()) or "recording"
    return shown if len(shown) <= _MAX_NAME_LETTERS else f"…{shown[1 - _MAX_NAME_LETTERS :]}"


def _measure(name: str, content: bytes, limits: UploadLimits) -> float:
    """Seconds of a recording that keeps the limits, counted where its header does not say.

    A header that lies helps nobody: libsndfile gives no more than it announces.
    """
    num_mb = len(content) / 2**20
    if num_mb > limits.max_upload_mb:
        raise AudioError(
            "too-large", f"{name}: is a file of {num_mb:,.0f} MB, expected {limits.max_upload_mb} at most."
        )
    header = read_header(content, where=name)
    if header.num_channels > MAX_CHANNELS:
        raise AudioError(
            "unreadable", f"{name}: has {header.num_channels} channels, expected {MAX_CHANNELS} at most."
        )
    max_s = 60 * limits.max_minutes
    if header.duration_s is not None:
        _check_duration(name, header.duration_s, max_s, "lasts")
        return header.duration_s
    num_samples = 0
    for block in iter_blocks(content, where=name):
        num_samples += len(block)
        _check_duration(name, num_samples / SAMPLE_RATE_HZ, max_s, "lasts more than")
    return num_samples / SAMPLE_RATE_HZ


def _check_duration(name: str, duration_s: float, max_s: float, verb: str) -> None:
    if duration_s > max_s + 0.5:
        raise AudioError(
            "too-long",
            f"{name}: {verb} {format_time(duration_s)}, expected {format_time(max_s)} at most. Cut a part "
            "out of it.",
        )


def _answer_clip(recognizer: EmotionRecognizer, name: str, content: bytes, words: str | None) -> Answer:
    recording = read_clip(content, where=name)
    try:
        (prediction,) = recognizer.predict([recording], texts=None if words is None else [words])
        waveform = resample(recording.waveform, recording.rate_hz)
        kept = np.zeros(len(waveform), bool)
        if prediction.duration_s:  # else it was judged by its words alone
            _, kept = mark_kept(recording.waveform, recording.rate_hz, recognizer.cleaning)
    except AudioError as error:  # of cleaning: it could be read
        raise AudioError(error.reason, f"{name}: {error.__cause__ or error}") from error
    picture = to_png(draw_clip(waveform, kept))
    return Answer(name, len(waveform) / SAMPLE_RATE_HZ, prediction, None, (picture,))
