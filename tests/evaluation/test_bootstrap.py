import numpy as np
import pytest

from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.bootstrap import bootstrap_intervals, paired_intervals


def test_one_speaker_gives_an_interval_of_no_width_at_the_score():
    # class 0: 2 of 3, class 1: 1 of 1
    intervals = bootstrap_intervals([0, 0, 0, 1], [0, 0, 1, 1], ["s"] * 4, 2, seed=0)
    assert intervals["ua"] == pytest.approx([83.3333, 83.3333], abs=1e-4)
    assert intervals["wa"] == pytest.approx([75.0, 75.0])
    assert intervals["ua_plus_wa"] == pytest.approx([158.3333, 158.3333], abs=1e-4)


def test_speakers_who_are_all_alike_give_an_interval_of_no_width():
    labels, predictions = [0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]
    intervals = bootstrap_intervals(labels, predictions, ["a", "a", "b", "b", "c", "c"], 2, seed=0)
    assert intervals["ua"] == [50.0, 50.0]


def test_two_speakers_one_all_right_one_all_wrong_span_from_zero_to_a_hundred():
    # draws: both right 1/4, both wrong 1/4, one of each 1/2; 2.5 % tails lie in the outer two
    intervals = bootstrap_intervals([0, 0, 1, 1], [0, 0, 0, 0], ["a", "a", "b", "b"], 2, seed=0)
    assert intervals["wa"] == [0.0, 100.0]
    # at level 0.4 the tails start at 30 %: both inside the mixed half
    narrow = bootstrap_intervals([0, 0, 1, 1], [0, 0, 0, 0], ["a", "a", "b", "b"], 2, seed=0, level=0.4)
    assert narrow["wa"] == [50.0, 50.0]


def test_speakers_are_drawn_with_all_their_clips():
    # one speaker has 9 clips, all right, the other 1, wrong: a draw gives WA 100, 90 or 0, nothing between
    labels, predictions = [0] * 10, [0] * 9 + [1]
    intervals = bootstrap_intervals(labels, predictions, ["a"] * 9 + ["b"], 2, seed=3, level=0.4)
    assert intervals["wa"] == [90.0, 90.0]


def test_a_resample_without_a_class_is_scored_on_the_classes_that_it_has():
    # "a" has only class 0, all right; "b" only class 1, all right: UA is 100 in every draw
    assert bootstrap_intervals([0, 1], [0, 1], ["a", "b"], 3, seed=0)["ua"] == [100.0, 100.0]


def test_more_speakers_make_the_interval_narrower():
    def width(num_speakers):
        speakers = [f"s{index}" for index in range(num_speakers)]
        low, high = bootstrap_intervals(
            [0] * num_speakers, [0, 1] * (num_speakers // 2), speakers, 2, seed=0
        )["wa"]
        return high - low

    # the standard error of a share of one half is 50 / sqrt(400) = 2.5 percent
    assert width(400) == pytest.approx(2 * 1.96 * 2.5, abs=1.0)
    assert width(4) > 4 * width(400)


def test_the_seed_decides_and_the_order_of_clips_does_not():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(0, 3, 60), rng.integers(0, 3, 60)
    speakers = np.array([f"s{index % 7}" for index in range(60)])
    order = rng.permutation(60)
    first = bootstrap_intervals(labels, predictions, speakers, 3, seed=5)
    assert first == bootstrap_intervals(labels[order], predictions[order], speakers[order], 3, seed=5)
    assert first != bootstrap_intervals(labels, predictions, speakers, 3, seed=6)


@pytest.mark.parametrize("settings", [{"level": 1.0}, {"level": 0.0}, {"num_resamples": 0}])
def test_settings_that_make_no_interval_are_refused(settings):
    with pytest.raises(SettingsError, match="expected a level between 0 and 1"):
        bootstrap_intervals([0], [0], ["a"], 2, seed=0, **settings)


def test_one_speaker_a_clip_is_expected():
    with pytest.raises(SettingsError, match="2 labels but 1 speakers"):
        bootstrap_intervals([0, 1], [0, 1], ["a"], 2, seed=0)


def test_nothing_to_resample_is_an_error():
    with pytest.raises(EmptySplitError, match="No clip to score"):
        bootstrap_intervals([], [], [], 2, seed=0)


def test_a_system_that_is_always_one_clip_better_differs_by_that_in_every_draw():
    # each speaker has 2 clips: the first system has 1 of them right, the second both
    labels, speakers = [0, 0, 0, 0], ["a", "a", "b", "b"]
    intervals = paired_intervals(labels, [0, 1, 1, 0], [0, 0, 0, 0], speakers, 2, seed=0)
    assert intervals["wa"] == [50.0, 50.0]


def test_differences_are_of_the_same_speakers_on_both_sides():
    # speaker a is easy (100, 100), b hard (0, 50): unpaired draws would span from -100 to 100
    labels, speakers = [0, 0, 0, 0], ["a", "a", "b", "b"]
    intervals = paired_intervals(labels, [0, 0, 1, 1], [0, 0, 0, 1], speakers, 2, seed=0)
    assert intervals["wa"] == [0.0, 50.0]
    assert intervals == paired_intervals(labels, [0, 0, 1, 1], [0, 0, 0, 1], speakers, 2, seed=0)


def test_exchanging_the_systems_turns_the_differences_round():
    labels, speakers = [0, 1, 0, 1, 1], ["a", "a", "b", "b", "c"]
    one, two = [0, 0, 1, 1, 1], [1, 1, 0, 1, 0]
    forth = paired_intervals(labels, one, two, speakers, 2, seed=1)["ua"]
    back = paired_intervals(labels, two, one, speakers, 2, seed=1)["ua"]
    assert forth == pytest.approx([-bound for bound in reversed(back)])


def test_what_cannot_be_resampled_is_refused_in_pairs_too():
    with pytest.raises(SettingsError, match="level is 2"):
        paired_intervals([0], [0], [0], ["a"], 2, seed=0, level=2)
