from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmser.training.probe_tasks import ProbeTask, measure_probe

FIT = np.array([[0.0], [0.1], [1.0], [1.1]])
NAMES = ["a", "a", "b", "b"]


def make_task(judged, targets, **changes):
    options = {"features": (FIT, np.array(judged, dtype=float)[:, None]), "targets": (NAMES, targets)}
    options |= {"speakers": [f"s/{index}" for index in range(len(targets))]}
    return ProbeTask("text", "texts", "emotion", **options | changes)


def test_ua_is_the_mean_of_the_recalls_of_the_classes():
    # a: 1 of 1; b: 2 of 3
    result = measure_probe(make_task([0.0, 1.0, 1.0, 0.0], ["a", "b", "b", "b"]), seed=0)
    assert result.ua == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert (result.n, result.num_speakers, result.left_out) == (4, 4, 0)
    assert result.interval[0] < result.ua < result.interval[1]
    assert (result.kind, result.reads, result.predicts) == ("text", "texts", "emotion")


def test_chance_is_what_one_answer_to_everything_reaches():
    # three classes are known, two of them stand among the clips that are judged
    task = make_task([0.0, 1.0], ["a", "b"], features=(np.arange(3)[:, None], np.array([[0], [1]])))
    assert measure_probe(replace(task, targets=(["a", "b", "c"], ["a", "b"])), seed=0).chance == 50


def test_an_input_that_says_nothing_stays_at_chance():
    task = make_task([0.0, 0.0], ["a", "b"], features=(np.zeros((4, 1)), np.zeros((2, 1))))
    result = measure_probe(task, seed=0)
    assert result.ua == result.chance == 50


def test_a_class_of_few_training_clips_is_told_like_others():
    # At 0 stand 18 a and 2 b, at 1 stand 9 a and 3 b: a is the commoner everywhere, yet 3 of 5 b are at 1
    # and only 9 of 27 a.
    names = ["a"] * 18 + ["b"] * 2 + ["a"] * 9 + ["b"] * 3
    fit = np.array([0.0] * 20 + [1.0] * 12)[:, None]
    task = make_task([0, 0], ["a", "b"], features=(fit, np.array([[0.0], [1.0]])))
    assert measure_probe(replace(task, targets=(names, ["a", "b"])), seed=0).ua == 100


def test_dense_features_are_scaled():
    # The small column decides; the large one agrees in three of four clips, and not in those judged.
    small, large = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 0]
    fit = np.array([[0.001 * one, 1000 * two] for one, two in zip(small, large, strict=True)])
    task = make_task([0, 0], ["a", "b"], features=(fit, np.array([[0, 1000], [0.001, 0]])))
    assert measure_probe(replace(task, targets=(["a"] * 4 + ["b"] * 4, ["a", "b"])), seed=0).ua == 100


def test_sparse_features_are_taken_as_they_are():
    columns = csr_matrix([[1, 0], [1, 0], [0, 1], [0, 1]])
    assert measure_probe(make_task([0, 0], ["a", "b"], features=(columns, columns[[0, 2]])), seed=0).ua == 100


def test_clips_of_what_was_never_learnt_are_left_out_and_counted():
    result = measure_probe(make_task([0.0, 1.0, 1.0], ["a", "b", "c"]), seed=0)
    assert (result.ua, result.n, result.left_out) == (100, 2, 1)


def test_one_speaker_gives_no_interval():
    result = measure_probe(make_task([0.0, 1.0], ["a", "b"], speakers=["s/1", "s/1"]), seed=0)
    assert (result.ua, result.interval, result.num_speakers) == (100, None, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"missing": "the corpus has no texts"}, "the corpus has no texts"),
        (
            {"targets": (["a"] * 4, ["a", "a"])},
            "emotion: two or more are needed to tell apart, and the clips to learn from hold only 'a'",
        ),
        ({"targets": (NAMES, ["b", "b"])}, "and the test clips hold only 'b'"),
        ({"targets": (NAMES, ["c", "d"])}, "and the test clips hold none that can be learnt"),
    ],
)
def test_what_cannot_be_probed_is_left_out_with_the_reason(changes, reason):
    result = measure_probe(replace(make_task([0.0, 1.0], ["a", "b"]), **changes), seed=0)
    assert reason in result.skipped
    assert (result.ua, result.interval, result.chance, result.n) == (None, None, None, 0)
