"""A timeline made by hand: quiet, angry, uncertain, quiet; twelve seconds in windows of four."""

import numpy as np

from mmser.inference.prediction import Prediction
from mmser.inference.segments import Segment, Window
from mmser.inference.timeline import Timeline, TimelineSettings

ANGRY, UNSURE = {"angry": 0.9, "sad": 0.1}, {"angry": 0.45, "sad": 0.55}


def make_timeline(*, duration_s: float = 12.0, source: str = "talk.wav") -> Timeline:
    """Speech from 1 to 9 s; angry until 6 s, uncertain until 9 s."""
    windows = [
        Window(start_s, start_s + 4, Prediction(label, said, words, 3.5))
        for start_s, label, said, words in (
            (0.0, "angry", ANGRY, "Kids, talking"),
            (2.0, "angry", ANGRY, "talking by"),
            (4.0, None, UNSURE, "by the door"),
            (6.0, None, UNSURE, "door"),
        )
    ]
    levels_db = np.full(1200, -70.0, np.float32)
    levels_db[100:900] = -20
    return Timeline(
        source=source,
        duration_s=duration_s,
        classes=("angry", "sad"),
        settings=TimelineSettings(),
        segments=(
            Segment(0.0, 1.0, speech=False),
            Segment(1.0, 6.0, True, "angry", ANGRY, "Kids, talking"),
            Segment(6.0, 9.0, True, None, UNSURE, "by the door"),
            Segment(9.0, duration_s, speech=False),
        ),
        windows=tuple(windows),
        speech=((1.0, 9.0),),
        levels_db=levels_db,
    )
