"""Write a timeline for other programs.  timeline -> JSON with everything, CSV of its segments"""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmser.evaluation.writing import replacing
from mmser.inference.prediction import UNCERTAIN
from mmser.inference.segments import Segment
from mmser.inference.timeline import Timeline

NO_SPEECH = "no speech"
_DIGITS = 4  # a tenth of a millisecond, a hundredth of a percent


def name_label(segment: Segment) -> str:
    """What a segment is called for people: its emotion, "uncertain" or "no speech"."""
    return segment.label or (UNCERTAIN if segment.speech else NO_SPEECH)


def timeline_to_dict(timeline: Timeline) -> dict[str, Any]:
    """All of a timeline but its levels, as plain values; seconds and probabilities rounded to four digits."""
    return {
        "source": timeline.source,
        "duration_s": _round(timeline.duration_s),
        "classes": list(timeline.classes),
        "settings": asdict(timeline.settings),
        "segments": [_round(asdict(segment)) for segment in timeline.segments],
        "windows": [
            {
                "start_s": _round(window.start_s),
                "end_s": _round(window.end_s),
                **_round(window.prediction.to_dict()),
            }
            for window in timeline.windows
        ],
        "speech": [list(map(_round, span)) for span in timeline.speech],
    }


def write_json(timeline: Timeline, path: Path) -> None:
    """Write :func:`timeline_to_dict`; an older file is replaced at the end."""
    with replacing(path) as part:
        part.write_text(
            json.dumps(timeline_to_dict(timeline), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


def write_csv(timeline: Timeline, path: Path) -> None:
    """Write a row a segment: start_s, end_s, label, transcript, and a column of probabilities a class."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("start_s", "end_s", "label", "transcript", *timeline.classes))
        writer.writerows(_iter_rows(timeline))


def _iter_rows(timeline: Timeline) -> Iterator[tuple[Any, ...]]:
    for segment in timeline.segments:
        numbers = (_round(segment.probabilities.get(name, "")) for name in timeline.classes)
        times = _round(segment.start_s), _round(segment.end_s)
        yield (*times, name_label(segment), segment.transcript or "", *numbers)


def _round(value: Any) -> Any:
    """Round every float in plain values."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: _round(each) for key, each in value.items()}
    return [_round(each) for each in value] if isinstance(value, list | tuple) else value
