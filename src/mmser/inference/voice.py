"""Find where somebody speaks in a recording of any length.  blocks (S,) at 16 kHz -> levels, spans of speech

Silero (a small network, in the package silero-vad) tells voices from other sounds; "energy" goes by the level
alone, above a floor that follows the recording: it needs no network, and takes every loud sound for speech.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.ndimage import minimum_filter1d

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.errors import UnknownNameError

CELL_S = 0.01  # levels are taken this often
_CELL_SAMPLES = SAMPLE_RATE_HZ // 100
_LEAST_AMPLITUDE = 1e-5  # digital silence counts as -100 dB

Span = tuple[float, float]  # start and end in seconds


@dataclass(frozen=True)
class SpeechShape:
    """How spans of speech are drawn around what a detector marks.

    Attributes:
        min_pause_s: pauses that are shorter belong to the speech around them.
        min_speech_s: speech that is shorter is none.
        pad_s: what is added to both ends of a span.
    """

    min_pause_s: float = 0.5
    min_speech_s: float = 0.2
    pad_s: float = 0.1


@dataclass(frozen=True)
class Hearing:
    """What was found in a recording.

    Attributes:
        duration_s: its length.
        levels_db: level of each ``CELL_S``, root mean square, dB of full scale, float32 (F,).
        speech: spans in which somebody speaks, in order, apart from one another.
    """

    duration_s: float
    levels_db: np.ndarray
    speech: tuple[Span, ...]


class VoiceDetector(Protocol):
    """Marks speech, frame by frame; an object hears one recording."""

    frame_s: float

    def mark(self, samples: np.ndarray) -> None:
        """Hear the next samples, (S,), full scale 1, at 16 kHz."""

    def finish(self, levels_db: np.ndarray) -> np.ndarray:
        """Whether each frame is speech, bool (F,); ``levels_db`` as in :class:`Hearing`."""


class SileroDetector:
    """Silero's network, frames of 32 ms one after another."""

    frame_s = 0.032
    _FRAME = 512  # samples, as the network takes them
    _THRESHOLD = 0.5  # its authors' own

    def __init__(self) -> None:
        self._model = _load_silero()
        self._rest = np.empty(0, np.float32)
        self._probabilities: list[float] = []

    def mark(self, samples: np.ndarray) -> None:
        """See :class:`VoiceDetector`."""
        import torch

        samples = np.concatenate([self._rest, samples])
        num_whole = len(samples) // self._FRAME * self._FRAME
        with torch.inference_mode():
            for frame in torch.from_numpy(samples[:num_whole]).view(-1, self._FRAME):
                self._probabilities.append(self._model(frame, SAMPLE_RATE_HZ).item())
        self._rest = samples[num_whole:]

    def finish(self, levels_db: np.ndarray) -> np.ndarray:
        """See :class:`VoiceDetector`."""
        if len(self._rest):
            self.mark(np.zeros(self._FRAME - len(self._rest), np.float32))
        return np.array(self._probabilities) >= self._THRESHOLD


class EnergyDetector:
    """Marks cells that stand out from the quiet places around them."""

    frame_s = CELL_S
    _FLOOR_S = 15  # the floor is the quietest second before or after, within this: the louder of the two
    _QUIET_SHARE = 0.1  # of a second: its level is that below which this share of its cells lies
    _ABOVE_FLOOR_DB = 10.0
    _BELOW_LOUDEST_DB = 35.0
    _LEAST_DB = -60.0

    def mark(self, samples: np.ndarray) -> None:
        """See :class:`VoiceDetector`; levels say all that is needed."""

    def finish(self, levels_db: np.ndarray) -> np.ndarray:
        """See :class:`VoiceDetector`."""
        if not len(levels_db):
            return np.empty(0, bool)
        per_second = round(1 / CELL_S)
        num_seconds = -(-len(levels_db) // per_second)
        padded = np.pad(levels_db, (0, num_seconds * per_second - len(levels_db)), mode="edge")
        quiet_db = np.quantile(padded.reshape(num_seconds, per_second), self._QUIET_SHARE, axis=1)
        before_db = self._quietest_before(quiet_db)
        after_db = self._quietest_before(quiet_db[::-1])[::-1]
        floor_db = np.maximum(np.maximum(before_db, after_db), quiet_db.min())
        least_db = max(float(np.quantile(levels_db, 0.95)) - self._BELOW_LOUDEST_DB, self._LEAST_DB)
        floor_db = np.repeat(floor_db, per_second)[: len(levels_db)]
        return levels_db >= np.maximum(floor_db + self._ABOVE_FLOOR_DB, least_db)

    def _quietest_before(self, quiet_db: np.ndarray) -> np.ndarray:
        """The least of each second and those before it; minus infinity where there are too few."""
        shift = (self._FLOOR_S - 1) // 2
        return minimum_filter1d(quiet_db, self._FLOOR_S, origin=shift, mode="constant", cval=-np.inf)


DETECTORS: dict[str, type[VoiceDetector]] = {"silero": SileroDetector, "energy": EnergyDetector}


def hear(blocks: Iterable[np.ndarray], voice: str = "silero", shape: SpeechShape | None = None) -> Hearing:
    """Go through a recording once.

    Args:
        blocks: the recording, each (S,), full scale 1, at 16 kHz.
        voice: one of ``DETECTORS``.
        shape: of the spans; the defaults of the class if None.

    Raises:
        UnknownNameError: no detector of that name.
    """
    if voice not in DETECTORS:
        raise UnknownNameError("voice detector", voice, DETECTORS)
    detector, meter, num_samples = DETECTORS[voice](), _Meter(), 0
    for block in blocks:
        num_samples += len(block)
        meter.add(block)
        detector.mark(block)
    duration_s, levels_db = num_samples / SAMPLE_RATE_HZ, meter.finish()
    marked = detector.finish(levels_db)
    spans = tuple(iter_spans(marked, detector.frame_s, duration_s, shape or SpeechShape()))
    return Hearing(duration_s, levels_db, spans)


def iter_spans(marked: np.ndarray, frame_s: float, duration_s: float, shape: SpeechShape) -> Iterator[Span]:
    """Draw spans around marked frames.

    Args:
        marked: bool (F,).
        frame_s: seconds of a frame.
        duration_s: of the recording; no span goes beyond it.
        shape: what is joined, left out and added.

    Yields:
        Start and end in seconds, in order, apart from one another.
    """
    edges = np.flatnonzero(np.diff(marked, prepend=False, append=False)).reshape(-1, 2)
    least_pause_s = max(shape.min_pause_s, 2 * shape.pad_s)
    for start_s, end_s in _join((edges * frame_s).tolist(), least_pause_s):
        if end_s - start_s >= shape.min_speech_s:
            yield max(0.0, start_s - shape.pad_s), min(duration_s, end_s + shape.pad_s)


def _join(spans: Sequence[Sequence[float]], min_pause_s: float) -> list[list[float]]:
    """Join spans with less than a pause between them."""
    joined: list[list[float]] = []
    for start_s, end_s in spans:
        if joined and start_s - joined[-1][1] < min_pause_s:
            joined[-1][1] = end_s
        else:
            joined.append([start_s, end_s])
    return joined


class _Meter:
    """Levels of cells over blocks of any length."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)
        self._levels_db: list[np.ndarray] = []

    def add(self, samples: np.ndarray) -> None:
        samples = np.concatenate([self._rest, samples])
        num_whole = len(samples) // _CELL_SAMPLES * _CELL_SAMPLES
        self._measure(samples[:num_whole].reshape(-1, _CELL_SAMPLES))
        self._rest = samples[num_whole:]

    def finish(self) -> np.ndarray:
        """Levels in dB, float32 (F,); the last cell may be short."""
        if len(self._rest):
            self._measure(self._rest[None])
        return np.concatenate(self._levels_db) if self._levels_db else np.empty(0, np.float32)

    def _measure(self, cells: np.ndarray) -> None:
        amplitudes = np.sqrt(np.square(cells, dtype=np.float64).mean(axis=1))
        decibels = 20 * np.log10(np.maximum(amplitudes, _LEAST_AMPLITUDE))
        self._levels_db.append(decibels.astype(np.float32))


def _load_silero() -> Any:
    """A network with a memory of its own."""
    import torch

    num_threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    torch.set_num_threads(num_threads)  # which the import has set to one for the whole process
    return load_silero_vad()
