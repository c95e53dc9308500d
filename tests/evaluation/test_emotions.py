import numpy as np
import pandas as pd
import pytest

from mmser.errors import SettingsError
from mmser.evaluation.emotions import score_emotions, write_emotion_predictions

CLASSES = ("angry", "sad")
TRUTH = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
ANSWERS = np.array([[1, 0], [0, 1], [1, 1], [1, 0]], dtype=bool)


def test_each_emotion_has_its_four_cells_and_its_accuracy():
    scores = score_emotions(TRUTH, ANSWERS, CLASSES)
    assert scores["n"] == 4
    # angry: said of the 1st rightly, of the 3rd and 4th wrongly, of the 2nd not; sad: all right
    assert scores["per_emotion"]["angry"] == {
        "accuracy": 25.0,
        "true_positives": 1,
        "false_positives": 2,
        "false_negatives": 1,
        "true_negatives": 0,
    }
    assert scores["per_emotion"]["sad"]["accuracy"] == 100.0
    assert scores["accuracy"] == 62.5  # (25 + 100) / 2
    assert scores["all_no"] == 50.0  # four of eight


def test_shapes_that_differ_and_no_clip_at_all_are_refused():
    with pytest.raises(SettingsError, match=r"shape \(4, 2\) and answers of shape \(4, 1\), expected both"):
        score_emotions(TRUTH, ANSWERS[:, :1], CLASSES)
    with pytest.raises(SettingsError, match="with a clip or more"):
        score_emotions(TRUTH[:0], ANSWERS[:0], CLASSES)


def test_what_was_said_of_each_clip_is_written_with_a_picture(tmp_path):
    logits = np.array([[0.0, -np.log(3)], [2, 2], [2, 2], [-2, -2]], dtype=np.float32)
    write_emotion_predictions(tmp_path, list("abcd"), TRUTH, logits, CLASSES)
    frame = pd.read_parquet(tmp_path / "emotions.parquet")
    assert frame["id"].tolist() == list("abcd")
    assert [list(row) for row in frame["emotions"]] == [["angry"], ["angry", "sad"], ["sad"], []]
    assert frame["probabilities"][0] == pytest.approx([0.5, 0.25])
    assert frame.attrs["classes"] == list(CLASSES)
    assert (tmp_path / "emotions.png").read_bytes().startswith(b"\x89PNG")
