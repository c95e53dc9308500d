from types import SimpleNamespace

import datasets
import pytest

from factories_evaluation import make_frame
from mmser.training.run import describe_use

# Three of four are right at 0.8, so that a temperature near 1 fits.
ROWS = ("a/1 angry angry", "a/1 calm calm", "a/1 sad sad", "a/1 sad angry")


def describe(rows=ROWS, *, share=0.1, several_classes=False):
    run = SimpleNamespace(
        about={"settings": {"cleaning": {"denoise": True}, "transcripts": {"source": "none"}, "scheme": "x"}},
        corpus={"train": datasets.Dataset.from_dict({"duration_s": [2.0, 1.23456, 9.8765]})},
        inputs=SimpleNamespace(several_classes=several_classes),
        settings=SimpleNamespace(abstain_share=share),
    )
    return describe_use(run, make_frame(rows))


def test_a_model_says_what_was_done_to_its_clips_and_how_long_they_were():
    found = describe()
    assert found["preprocessing"] == {"cleaning": {"denoise": True}, "transcripts": {"source": "none"}}
    assert found["trained_duration_s"] == [1.235, 9.877]


def test_the_threshold_is_one_of_calibrated_probabilities():
    found = describe()
    # 0.8 against 0.1 and 0.1: logits of ln 8 over the temperature.
    top = 8 ** (1 / found["calibration_temperature"])
    assert found["abstain_threshold"] == pytest.approx(top / (top + 2))


def test_without_a_temperature_it_is_one_of_the_models_own_probabilities():
    found = describe(ROWS[:3])  # all right: the surer the better
    assert found["calibration_temperature"] is None
    assert found["abstain_threshold"] == pytest.approx(0.8)


def test_a_model_that_is_to_answer_always_has_a_threshold_of_zero():
    assert describe(share=0.0)["abstain_threshold"] == 0


def test_a_model_of_several_classes_a_clip_has_neither():
    assert describe(several_classes=True).keys() == {"preprocessing", "trained_duration_s"}
