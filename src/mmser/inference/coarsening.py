"""Make a timeline of hours fit into a picture.  timeline -> one of as many columns as can be told apart"""

from dataclasses import replace

import numpy as np

from mmser.inference.segments import SAME_TIME_S, Segment, average_windows
from mmser.inference.timeline import Timeline

MOST_COLUMNS = 180
_LEAST_SPEECH_SHARE = 0.05  # of a column, for it to count as speech


def coarsen(timeline: Timeline) -> tuple[Timeline, float]:
    """Cut a timeline into columns of equal length, if it has more cells than a picture can show.

    Args:
        timeline: of any length.

    Returns:
        The timeline itself where it is short, and the length of its cells in seconds; else one whose segments
        are ``MOST_COLUMNS`` columns, each of the label that lasts longest in it, and the length of a column.
    """
    column_s = timeline.duration_s / MOST_COLUMNS
    if column_s <= timeline.settings.hop_s:
        return timeline, timeline.settings.hop_s
    edges = np.arange(MOST_COLUMNS + 1) * column_s
    seconds = _seconds_by_label(timeline, edges)
    means = average_windows(timeline.windows, timeline.duration_s, column_s, timeline.classes)
    segments = []
    for number in range(MOST_COLUMNS):
        start_s, end_s = edges[number : number + 2].tolist()
        lasting = seconds[number]
        if sum(lasting.values()) < _LEAST_SPEECH_SHARE * column_s:
            segments.append(Segment(start_s, end_s, speech=False))
        else:
            label = max(lasting, key=lasting.__getitem__)
            row = dict(zip(timeline.classes, means[number].tolist(), strict=True))
            segments.append(Segment(start_s, end_s, True, label, row))
    speech = tuple((each.start_s, each.end_s) for each in segments if each.speech)
    return replace(timeline, segments=tuple(segments), speech=speech), column_s


def _seconds_by_label(timeline: Timeline, edges: np.ndarray) -> list[dict[str | None, float]]:
    """How long each label of speech lasts in each column between edges (K + 1,)."""
    seconds: list[dict[str | None, float]] = [{} for _ in edges[1:]]
    for segment in (each for each in timeline.segments if each.speech):
        first = int(np.searchsorted(edges, segment.start_s, side="right")) - 1
        last = int(np.searchsorted(edges, segment.end_s - SAME_TIME_S, side="left"))
        for column in range(first, min(last, len(seconds))):
            shared_s = min(segment.end_s, edges[column + 1]) - max(segment.start_s, edges[column])
            seconds[column][segment.label] = seconds[column].get(segment.label, 0.0) + float(shared_s)
    return seconds
