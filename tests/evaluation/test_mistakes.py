import pytest

from factories_evaluation import SMALL, make_frame
from mmser.evaluation.mistakes import (
    count_confusions,
    draw_groups,
    draw_recall_changes,
    list_answers,
    score_groups,
)

# Right: 1 of 2 of RAVDESS 01, 0 of 2 of 02, 2 of 3 of TESS OAF.
ROWS = (
    *("ravdess/01 angry angry", "ravdess/01 sad angry", "ravdess/02 sad angry", "ravdess/02 calm angry"),
    *("tess/OAF sad sad", "tess/OAF calm calm", "tess/OAF calm sad"),
)


@pytest.fixture
def answers():
    return list_answers(make_frame(ROWS))


def test_an_answer_holds_prediction_confidence_and_what_the_true_class_got(answers):
    assert answers["predicted"].tolist() == ["angry", "angry", "angry", "angry", "sad", "calm", "sad"]
    assert answers["right"].tolist() == [True, False, False, False, True, True, False]
    assert answers["confidence"].tolist() == pytest.approx([0.8] * 7)
    assert answers["given_to_label"].tolist() == pytest.approx([0.8, 0.1, 0.1, 0.1, 0.8, 0.8, 0.1])


def test_confidence_is_that_of_the_calibrated_probabilities():
    answers = list_answers(make_frame(ROWS), temperature=2.0)
    # the roots of 0.8, 0.1 and 0.1, made to sum to 1: 0.8944 / (0.8944 + 2 * 0.3162)
    assert answers["confidence"].tolist() == pytest.approx([0.58579] * 7, abs=1e-5)


def test_confusions_are_counted_the_most_frequent_first(answers):
    table = count_confusions(answers)
    # 2 of 3 sad clips were taken for angry; 1 of 3 calm ones for angry, 1 for sad
    assert table[["label", "predicted", "clips"]].values.tolist() == [
        ["sad", "angry", 2],
        ["calm", "angry", 1],
        ["calm", "sad", 1],
    ]
    assert table["percent"].tolist() == pytest.approx([200 / 3, 100 / 3, 100 / 3])


def test_a_system_without_mistakes_has_no_confusions():
    assert count_confusions(list_answers(make_frame(("tess/OAF sad sad",)))).empty


def test_groups_are_scored(answers):
    by_speaker = score_groups(answers, ["corpus", "speaker"])
    assert by_speaker.index.tolist() == [
        ("ravdess", "ravdess/01"),
        ("ravdess", "ravdess/02"),
        ("tess", "tess/OAF"),
    ]
    assert by_speaker["clips"].tolist() == [2, 2, 3]
    assert by_speaker["right"].tolist() == pytest.approx([50, 0, 200 / 3])
    assert by_speaker["confidence"].tolist() == pytest.approx([80, 80, 80])
    assert score_groups(answers, "corpus")["right"].tolist() == pytest.approx([25, 200 / 3])


def test_each_speaker_has_a_row_with_both_figures_and_corpora_stand_apart(answers):
    figure = draw_groups(score_groups(answers, ["corpus", "speaker"]), mean=300 / 7)
    (axes,) = figure.axes
    right, confidence = (points.get_offsets().tolist() for points in axes.collections[1:])
    assert right == [[50, 0], [0, 1], [pytest.approx(200 / 3), 2.5]]
    assert [x for x, _ in confidence] == pytest.approx([80, 80, 80])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ravdess/01", "ravdess/02", "tess/OAF"]
    assert [text.get_text() for text in axes.texts] == ["2", "2", "3", "clips"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["all clips: 42.9", "right", "confidence"]


def test_recalls_of_two_systems_and_their_difference_are_drawn():
    # angry: 2 of 3 and 3 of 3; calm has no clip; sad: 1 of 1 and 0 of 1
    better = ("ravdess/01 angry angry", "ravdess/02 sad calm", "tess/OAF angry angry", "tess/YAF angry angry")
    figure = draw_recall_changes(make_frame(SMALL), make_frame(better), ["first", "second"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["+33.3", "no clip", "-100.0"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first", "second"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["angry", "calm", "sad"]
