"""Predictions and facts of runs whose scores can be worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd

from mmser.evaluation.collecting import Run
from mmser.evaluation.predictions import make_predictions, score_predictions

CLASSES = ("angry", "calm", "sad")


def make_frame(rows, classes=CLASSES):
    """Predictions from lines of "corpus/speaker true predicted"; the predicted class gets 0.8."""
    clips, probabilities = [], []
    for index, row in enumerate(rows):
        speaker, label, predicted = row.split()
        corpus = speaker.split("/")[0]
        clips.append({"id": f"{speaker}-{index}", "speaker": speaker, "corpus": corpus, "label": label})
        rest = 0.2 / (len(classes) - 1)
        probabilities.append([0.8 if name == predicted else rest for name in classes])
    return make_predictions(pd.DataFrame(clips), np.array(probabilities), classes)


def make_facts(**changes):
    """Everything in metrics.json but the scores."""
    return {
        "system": "hubert+bert",
        "scheme": "paper7",
        "protocol": "speaker",
        "fold": 0,
        "folds": 5,
        "corpora": ["ravdess", "tess"],
        "leaks": [],
        "corpus_fingerprint": "0123456789abcdef",
        "seed": 0,
        "num_parameters": 1234567,
        "settings": {"learning_rate": 5e-5},
        "seconds": {"train": 12.34},
        **changes,
    }


def make_run(rows, folder="runs/a", **changes):
    """A finished run whose test split is ``rows``, without its folder."""
    frame = make_frame(rows)
    metrics = make_facts(**changes) | {"test": score_predictions(frame, seed=0), "validation": None}
    return Run((Path(folder),), metrics, frame)


# angry 2 of 3, sad 1 of 1, calm absent; RAVDESS 2 of 2 (both classes), TESS 1 of 2 (angry alone).
SMALL = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry", "tess/YAF angry sad")
