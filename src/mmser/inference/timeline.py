"""Follow emotion through a long recording.  file -> windows with predictions -> segments of one label

The recording is gone through twice, some seconds at a time: once to find who speaks when, once to predict the
windows that hold enough speech. Windows overlap; what is said of a moment is the mean over the windows that
hold it. Memory does not grow with the sound, only with the answers.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.audio.streaming import iter_blocks
from mmser.errors import AudioError, MmserError, SettingsError
from mmser.inference.prediction import Prediction
from mmser.inference.recognizer import EmotionRecognizer
from mmser.inference.segments import (
    SAME_TIME_S,
    Segment,
    Window,
    add_transcripts,
    average_windows,
    build_segments,
)
from mmser.inference.voice import Hearing, Span, SpeechShape, hear

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TimelineSettings:
    """How a recording is gone through.

    Attributes:
        window_s: seconds that the model hears at a time.
        hop_s: from the start of a window to the start of the next one; it is what labels can change after.
        min_speech_s: windows with less speech than this are not predicted.
        min_pause_s: pauses that are shorter belong to the speech around them.
        voice: who tells speech from the rest, "silero" or "energy".
        batch_size: windows in a batch.
    """

    window_s: float = 4.0
    hop_s: float = 2.0
    min_speech_s: float = 0.5
    min_pause_s: float = 0.5
    voice: str = "silero"
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            SettingsError: one cannot be used.
        """
        if not 0.5 <= self.window_s <= 60:
            raise SettingsError(f"window_s is {self.window_s}, expected 0.5 to 60 seconds.")
        if not 0.1 <= self.hop_s <= self.window_s:
            raise SettingsError(
                f"hop_s is {self.hop_s}, expected 0.1 seconds to the window's {self.window_s:g}."
            )
        if not 0 < self.min_speech_s <= self.window_s:
            raise SettingsError(
                f"min_speech_s is {self.min_speech_s}, expected above 0 to the window's {self.window_s:g}."
            )
        if self.min_pause_s < 0:
            raise SettingsError(f"min_pause_s is {self.min_pause_s}, expected seconds from 0.")


@dataclass(frozen=True)
class Timeline:
    """Emotion over time.

    Attributes:
        source: name of the recording.
        duration_s: its length.
        classes: the model's.
        settings: how it was gone through.
        segments: they follow one another from 0 to the end.
        windows: what was predicted, in order.
        speech: spans in which somebody speaks.
        levels_db: level of each 10 ms, dB of full scale, float32 (F,).
    """

    source: str
    duration_s: float
    classes: tuple[str, ...]
    settings: TimelineSettings
    segments: tuple[Segment, ...]
    windows: tuple[Window, ...]
    speech: tuple[Span, ...]
    levels_db: np.ndarray = field(repr=False, compare=False)


def build_timeline(
    recognizer: EmotionRecognizer,
    source: str | Path | bytes,
    settings: TimelineSettings | None = None,
    *,
    where: str = "recording",
    progress: bool = False,
) -> Timeline:
    """Follow emotion through a recording of up to a day.

    Args:
        recognizer: a trained model.
        source: an audio file, or the bytes of one.
        settings: how to go through it; the defaults of the class if None.
        where: the name of bytes.
        progress: whether to show a progress bar on stderr.

    Raises:
        AudioError: the file cannot be read (:func:`mmser.audio.streaming.iter_blocks`).
        UnknownNameError: no voice detector of that name.
        SettingsError: Whisper is needed and not there.
    """
    settings = settings or TimelineSettings()
    source = source if isinstance(source, bytes) else Path(source)
    name = where if isinstance(source, bytes) else str(source)
    if recognizer.reads_text:
        recognizer.transcriber.check()
    hearing = hear(iter_blocks(source, where=name), settings.voice, SpeechShape(settings.min_pause_s))
    starts = list_windows(hearing, settings)
    clips = ((waveform, SAMPLE_RATE_HZ) for waveform in iter_windows(iter_blocks(source), starts, settings))
    answers = recognizer.iter_predictions(clips, batch_size=settings.batch_size)
    bar = tqdm(answers, desc="Predicting", unit="window", total=len(starts), disable=not progress)
    windows = tuple(_keep_answered(starts, bar, hearing.duration_s, settings.window_s))
    classes = tuple(recognizer.classes)
    cells = average_windows(windows, hearing.duration_s, settings.hop_s, classes)
    segments = build_segments(hearing, cells, settings.hop_s, recognizer.abstain_threshold, classes)
    if recognizer.reads_text:
        segments = add_transcripts(segments, windows)
    return Timeline(
        source=name,
        duration_s=hearing.duration_s,
        classes=classes,
        settings=settings,
        segments=tuple(segments),
        windows=windows,
        speech=hearing.speech,
        levels_db=hearing.levels_db,
    )


def list_windows(hearing: Hearing, settings: TimelineSettings) -> list[float]:
    """Where the windows start that hold enough speech to be predicted, in seconds."""
    beyond_first_s = max(0.0, hearing.duration_s - settings.window_s)
    num_windows = 1 + int(np.ceil(beyond_first_s / settings.hop_s - SAME_TIME_S))
    starts = [number * settings.hop_s for number in range(num_windows)]
    spans, least_s = np.array(hearing.speech).reshape(-1, 2), settings.min_speech_s - SAME_TIME_S
    return [start for start in starts if _overlap_s(spans, start, start + settings.window_s) >= least_s]


def _overlap_s(spans: np.ndarray, start_s: float, end_s: float) -> float:
    """Seconds from ``start_s`` to ``end_s`` that spans (N, 2) cover."""
    shared_s = np.minimum(spans[:, 1], end_s) - np.maximum(spans[:, 0], start_s)
    return float(shared_s[shared_s > 0].sum())


def iter_windows(
    blocks: Iterable[np.ndarray], starts: Sequence[float], settings: TimelineSettings
) -> Iterator[np.ndarray]:
    """Cut windows out of a recording as it passes by.

    Args:
        blocks: the recording, each (S,), at 16 kHz.
        starts: of the windows, in seconds, in order.
        settings: their length.

    Yields:
        float32 (S,) each; the last may be cut short by the end.
    """
    length = round(settings.window_s * SAMPLE_RATE_HZ)
    held, held_from = np.empty(0, np.float32), 0
    waiting = iter(round(start * SAMPLE_RATE_HZ) for start in starts)
    begin = next(waiting, None)
    for block in blocks:
        held = np.concatenate([held, block])
        while begin is not None and begin + length <= held_from + len(held):
            yield held[begin - held_from : begin - held_from + length]
            begin = next(waiting, None)
        if begin is None:
            return
        num_past = min(max(0, begin - held_from), len(held))
        held, held_from = held[num_past:], held_from + num_past
    while begin is not None and begin < held_from + len(held):
        yield held[begin - held_from :]
        begin = next(waiting, None)


def _keep_answered(
    starts: Sequence[float], answers: Iterable[Prediction | MmserError], duration_s: float, window_s: float
) -> Iterator[Window]:
    """Windows with their predictions; what a detector took for speech and cleaning for silence has none."""
    for start_s, answer in zip(starts, answers, strict=True):
        if isinstance(answer, AudioError):
            logger.info("At %.1f s nothing was predicted: %s", start_s, answer)
        elif isinstance(answer, MmserError):
            raise answer
        else:
            yield Window(start_s, min(start_s + window_s, duration_s), answer)
