import json
import subprocess
import sys

import numpy as np
import pytest

from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.scores import (
    check_confusion_matrix,
    compute_accuracies,
    compute_confusion_matrix,
    compute_recalls,
    compute_scores,
    flat_scores,
)

CLASSES = ("angry", "calm", "sad")


def test_unweighted_accuracy_is_the_mean_of_class_recalls_and_weighted_accuracy_the_share_of_right_clips():
    # class 0: 2 of 3 right, class 1: 1 of 1 -> (2/3 + 1) / 2 = 5/6; 3 of 4 clips are right
    scores = compute_scores([0, 0, 0, 1], [0, 0, 1, 1], ("angry", "sad"))
    assert scores["ua"] == pytest.approx(83.3333, abs=1e-4)
    assert scores["wa"] == pytest.approx(75.0)
    assert scores["ua_plus_wa"] == pytest.approx(158.3333, abs=1e-4)
    assert scores["recall"] == pytest.approx({"angry": 66.6667, "sad": 100.0}, abs=1e-4)
    assert scores["n"] == 4


def test_macro_f1_is_the_mean_over_classes_of_two_hits_over_clips_plus_predictions():
    # angry: 2*2 / (3 + 2) = 0.8; sad: 2*1 / (1 + 2) = 2/3
    assert compute_scores([0, 0, 0, 1], [0, 0, 1, 1], ("angry", "sad"))["macro_f1"] == pytest.approx(
        73.3333, abs=1e-4
    )


def test_a_class_without_clips_is_named_and_left_out_of_the_mean():
    scores = compute_scores([0, 0, 2], [0, 2, 2], CLASSES)  # angry 1 of 2, sad 1 of 1
    assert scores["absent_classes"] == ["calm"]
    assert scores["ua"] == pytest.approx(75.0)
    assert set(scores["recall"]) == {"angry", "sad"}


def test_a_class_that_is_predicted_but_absent_adds_no_term_to_macro_f1():
    # calm is predicted once and has no clip. angry: 2*1 / (2 + 1) = 2/3; sad: 2*1 / (1 + 1) = 1
    assert compute_scores([0, 0, 2], [0, 1, 2], CLASSES)["macro_f1"] == pytest.approx(83.3333, abs=1e-4)


def test_each_corpus_is_scored_over_its_own_classes_and_counts_the_same_in_the_mean():
    labels, predictions = [0, 0, 0, 0, 2], [0, 0, 0, 2, 0]
    scores = compute_scores(
        labels, predictions, CLASSES, corpora=["savee", "savee", "ravdess", "ravdess", "ravdess"]
    )
    # savee: angry 2 of 2. ravdess: angry 1 of 2, sad 0 of 1 -> UA 25, WA 1/3, F1 2*1 / (2 + 2) and 0
    best = {"ua": 100.0, "wa": 100.0, "ua_plus_wa": 200.0, "macro_f1": 100.0}
    assert scores["per_corpus"]["savee"] == best | {"n": 2}
    assert scores["per_corpus"]["ravdess"] == pytest.approx(
        {"ua": 25.0, "wa": 33.3333, "ua_plus_wa": 58.3333, "macro_f1": 25.0, "n": 3}, abs=1e-4
    )
    assert scores["corpus_mean"] == pytest.approx(
        {"ua": 62.5, "wa": 66.6667, "ua_plus_wa": 129.1667}, abs=1e-4
    )


def test_scores_without_tess_are_those_of_all_other_corpora_pooled():
    scores = compute_scores(
        [0, 0, 0, 2], [0, 0, 2, 2], CLASSES, corpora=["tess", "savee", "ravdess", "ravdess"]
    )
    # left: angry 1 of 2, sad 1 of 1
    assert scores["without_tess"] == pytest.approx(
        {"ua": 75.0, "wa": 66.6667, "ua_plus_wa": 141.6667, "n": 3}, abs=1e-4
    )
    assert scores["n"] == 4


def test_where_tess_is_all_there_is_nothing_is_said_without_it():
    assert compute_scores([0, 2], [0, 2], CLASSES, corpora=["tess", "tess"])["without_tess"] is None


def test_each_gender_is_scored_over_its_own_classes():
    labels, predictions = [0, 0, 2, 2], [0, 2, 2, 2]
    scores = compute_scores(labels, predictions, CLASSES, genders=["female", "male", "male", "unknown"])
    # male: angry 0 of 1, sad 1 of 1 and F1 2*1 / (1 + 2)
    best = {"ua": 100.0, "wa": 100.0, "ua_plus_wa": 200.0, "macro_f1": 100.0, "n": 1}
    male = {"ua": 50.0, "wa": 50.0, "ua_plus_wa": 100.0, "macro_f1": pytest.approx(100 / 3), "n": 2}
    assert scores["per_gender"] == {"female": best, "male": male, "unknown": best}
    assert compute_scores(labels, predictions, CLASSES)["per_gender"] == {}


def test_one_gender_a_clip_is_expected():
    with pytest.raises(SettingsError, match="2 labels but 1 genders"):
        compute_scores([0, 2], [0, 2], CLASSES, genders=["female"])


def test_without_corpora_nothing_is_said_about_them():
    scores = compute_scores([0], [0], CLASSES)
    assert (scores["per_corpus"], scores["corpus_mean"], scores["without_tess"]) == ({}, None, None)


def test_scores_are_plain_values_that_json_writes_back_unchanged():
    scores = compute_scores(np.array([0, 2]), np.array([0, 0]), CLASSES, corpora=["tess", "savee"])
    assert json.loads(json.dumps(scores)) == scores


def test_rows_of_the_confusion_matrix_are_true_classes():
    matrix = compute_confusion_matrix([0, 0, 2], [0, 2, 2], CLASSES)
    assert matrix.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


def test_recalls_and_accuracies_work_on_stacks_of_matrices():
    stack = np.array([[[2, 1], [0, 1]], [[4, 0], [0, 0]]])
    assert compute_recalls(stack)[0] == pytest.approx([66.6667, 100.0], abs=1e-4)
    assert np.isnan(compute_recalls(stack)[1, 1])
    ua, wa = compute_accuracies(stack)
    assert ua == pytest.approx([83.3333, 100.0], abs=1e-4)
    assert wa == pytest.approx([75.0, 100.0])


def test_logits_are_scored_by_their_highest_column():
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 0.1, 3.0], [0.0, 0.0, 9.0]])  # angry sad sad
    # angry 1 of 2, sad 1 of 1; F1 angry 2/3, sad 2/3
    expected = {"ua": 75.0, "wa": 66.6667, "ua_plus_wa": 141.6667, "macro_f1": 66.6667}
    assert flat_scores(logits, [0, 0, 2], CLASSES) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_of_a_diverged_model_are_refused(bad):
    with pytest.raises(SettingsError, match="1 of 2 clips are NaN or infinite: the model has diverged"):
        flat_scores([[0.0, 1.0, 2.0], [0.0, bad, 1.0]], [0, 1], CLASSES)


def test_logits_of_another_width_are_refused():
    with pytest.raises(SettingsError, match=r"shape \(2, 2\), expected one column a class"):
        flat_scores([[0.0, 1.0], [1.0, 0.0]], [0, 1], CLASSES)


@pytest.mark.parametrize(
    "score", [lambda: compute_scores([], [], CLASSES), lambda: flat_scores([], [], CLASSES)]
)
def test_nothing_to_score_is_an_error(score):
    with pytest.raises(EmptySplitError, match="No clip to score"):
        score()


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], "2 labels but 1 predictions"),
        ([0, 3], [0, 0], r"labels\[1\] is 3, expected 0 to 2"),
        ([0, 1], [0, -1], r"predictions\[1\] is -1, expected 0 to 2"),
        ([0, 1], [0.0, 1.0], "predictions are an array of float64 .* expected integer class indices"),
        (["angry"], [0], "labels are an array of .* look names up among the classes"),
        ([[0], [1]], [0, 1], r"of shape \(2, 1\)"),
    ],
)
def test_labels_and_predictions_that_do_not_fit_are_refused(labels, predictions, message):
    with pytest.raises(SettingsError, match=message):
        compute_scores(labels, predictions, CLASSES)


def test_class_names_that_repeat_are_refused():
    with pytest.raises(SettingsError, match="Class names repeat"):
        compute_scores([0], [0], ("angry", "angry"))


def test_one_corpus_a_clip_is_expected():
    with pytest.raises(SettingsError, match="2 labels but 1 corpora"):
        compute_scores([0, 1], [0, 1], CLASSES, corpora=["tess"])


@pytest.mark.parametrize("matrix", [[[1, 2]], [[1.0, 0], [0, 1]], [[1, -1], [0, 1]]])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(SettingsError, match=r"expected counts of shape \(2, 2\)"):
        check_confusion_matrix(matrix, ("angry", "sad"))


def test_scoring_needs_neither_torch_nor_datasets():
    heavy = "{'torch', 'datasets', 'evaluate', 'pandas', 'matplotlib'}"
    code = f"import sys, mmser.evaluation.scores; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
