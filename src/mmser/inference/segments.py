"""Put together what was said of windows that overlap.  predictions, spans -> segments of one label"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

import numpy as np

from mmser.inference.prediction import Prediction, choose_label
from mmser.inference.voice import Hearing

SAME_TIME_S = 1e-6  # what lies nearer is one moment


@dataclass(frozen=True)
class Window:
    """A window that was predicted.

    Attributes:
        start_s: where it starts.
        end_s: where it ends.
        prediction: what the model says of it.
    """

    start_s: float
    end_s: float
    prediction: Prediction


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording of which one thing is said.

    Attributes:
        start_s: where it starts.
        end_s: where it ends.
        speech: whether somebody speaks.
        label: the emotion; None where nobody speaks, or the model is not sure enough.
        probabilities: class -> mean probability over the stretch; empty where nothing was predicted.
        transcript: what was heard here (:func:`add_transcripts`); None where nobody speaks, and for a model
            that hears sound alone.
    """

    start_s: float
    end_s: float
    speech: bool
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    transcript: str | None = None

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


def average_windows(
    windows: Sequence[Window], duration_s: float, hop_s: float, classes: Sequence[str]
) -> np.ndarray:
    """What is said of each cell of one hop: the mean over the windows that hold it, by how much they do.

    Args:
        windows: in any order.
        duration_s: of the recording.
        hop_s: seconds of a cell.
        classes: the order of the columns.

    Returns:
        Probabilities, float64 (K, C); NaN in cells that no window holds.
    """
    num_cells = max(1, int(np.ceil(duration_s / hop_s - SAME_TIME_S)))
    sums, weights = np.zeros((num_cells, len(classes))), np.zeros(num_cells)
    for window in windows:
        row = np.array([window.prediction.probabilities[name] for name in classes])
        first, last = int(window.start_s / hop_s + SAME_TIME_S), int(np.ceil(window.end_s / hop_s))
        for cell in range(first, min(last, num_cells)):
            shared_s = min(window.end_s, (cell + 1) * hop_s) - max(window.start_s, cell * hop_s)
            if shared_s > SAME_TIME_S:
                sums[cell] += shared_s * row
                weights[cell] += shared_s
    with np.errstate(invalid="ignore"):
        return sums / weights[:, None]


def build_segments(
    hearing: Hearing, cells: np.ndarray, hop_s: float, threshold: float, classes: Sequence[str]
) -> list[Segment]:
    """Cut a recording where speech begins and ends and where the label changes.

    Args:
        hearing: spans of speech.
        cells: what :func:`average_windows` gives, (K, C).
        hop_s: seconds of a cell.
        threshold: a label is given from this probability on.
        classes: names of the columns.

    Returns:
        Segments that follow one another from 0 to the end; neighbours differ in label or speech.
    """
    segments: list[Segment] = []
    reached_s = 0.0
    for start_s, end_s in hearing.speech:
        if start_s - reached_s > SAME_TIME_S:
            segments.append(Segment(reached_s, start_s, speech=False))
        edges = cut_span(start_s, end_s, hop_s)
        spoken = zip(pairwise(edges.tolist()), rows_of_parts(edges, cells, hop_s), strict=True)
        parts = (_say(*ends, row, threshold, classes) for ends, row in spoken)
        segments += [_merge(list(group)) for _, group in groupby(parts, key=lambda part: part.label)]
        reached_s = end_s
    if hearing.duration_s - reached_s > SAME_TIME_S:
        segments.append(Segment(reached_s, hearing.duration_s, speech=False))
    return segments


def cut_span(start_s: float, end_s: float, hop_s: float) -> np.ndarray:
    """Cut a span at the borders of cells that are half a cell or more away from its ends.

    Returns:
        Where its parts begin and end, in seconds, (P + 1,); what is said of a part is what is said of the
        cell that holds its middle.
    """
    borders = np.arange(np.floor(start_s / hop_s) + 1, np.ceil(end_s / hop_s)) * hop_s
    inner = (borders - start_s >= hop_s / 2) & (end_s - borders >= hop_s / 2)
    return np.concatenate([[start_s], borders[inner], [end_s]])


def rows_of_parts(edges: np.ndarray, cells: np.ndarray, hop_s: float) -> np.ndarray:
    """What is said of the parts that :func:`cut_span` cut, (P, C), from cells (K, C)."""
    places = ((edges[:-1] + edges[1:]) / 2 / hop_s).astype(int)
    return cells[np.minimum(places, len(cells) - 1)]


def _say(start_s: float, end_s: float, row: np.ndarray, threshold: float, classes: Sequence[str]) -> Segment:
    """A segment of one cell."""
    if np.isnan(row).any():
        return Segment(start_s, end_s, speech=True)
    probabilities = dict(zip(classes, row.tolist(), strict=True))
    return Segment(start_s, end_s, True, choose_label(probabilities, threshold), probabilities)


def _merge(parts: Sequence[Segment]) -> Segment:
    """Join neighbours of one label; probabilities are means by duration over those that have any."""
    said = [part for part in parts if part.probabilities]
    seconds = sum(part.duration_s for part in said)
    means = {
        name: sum(part.duration_s * part.probabilities[name] for part in said) / seconds
        for name in (said[0].probabilities if said else ())
    }
    return replace(parts[0], end_s=parts[-1].end_s, probabilities=means)


def add_transcripts(segments: Sequence[Segment], windows: Sequence[Window]) -> list[Segment]:
    """Give each segment of speech what was heard in it.

    It has the words of the window that holds most of it, and of others whose middle lies in it and that do
    not overlap with one taken already: words at its ends may be cut, or its neighbours'.

    Args:
        segments: in order.
        windows: in order, with transcripts.

    Returns:
        The segments; those of speech have a transcript, which may be "".
    """
    times = np.array([(window.start_s, window.end_s) for window in windows]).reshape(-1, 2)
    return [
        replace(segment, transcript=_join_words([windows[i] for i in _choose_windows(segment, times)]))
        if segment.speech
        else segment
        for segment in segments
    ]


def _choose_windows(segment: Segment, times: np.ndarray) -> list[int]:
    """Windows (N, 2) that do not overlap, in order, the one that holds most of a segment among them."""
    shared_s = np.minimum(times[:, 1], segment.end_s) - np.maximum(times[:, 0], segment.start_s)
    middles = times.mean(axis=1)
    inside = (middles >= segment.start_s) & (middles < segment.end_s)
    chosen: list[int] = []
    for index in np.argsort(-shared_s, kind="stable").tolist():
        if shared_s[index] <= SAME_TIME_S or (chosen and not inside[index]):
            break
        start_s, end_s = times[index]
        if all(end_s <= times[i, 0] + SAME_TIME_S or start_s >= times[i, 1] - SAME_TIME_S for i in chosen):
            chosen.append(index)
    return sorted(chosen)


def _join_words(windows: Sequence[Window]) -> str:
    return " ".join(window.prediction.transcript for window in windows if window.prediction.transcript)
