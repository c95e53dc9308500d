import numpy as np
import pytest

from factories_evaluation import SMALL, make_frame
from mmser.errors import SettingsError
from mmser.evaluation.calibration import (
    apply_temperature,
    calibrate,
    calibration_rows,
    compute_bins,
    compute_ece,
    compute_nll,
    explain_calibration,
    fit_temperature,
)

ALL_RIGHT = ("ravdess/05 angry angry", "ravdess/06 calm calm", "ravdess/06 sad sad")
# Of four clips at 0.9 one is wrong; of two at 0.5 both are right.
LABELS = [0, 0, 0, 1, 1, 1]
PROBABILITIES = [[0.9, 0.1, 0.0]] * 4 + [[0.3, 0.5, 0.2]] * 2


def test_ece_is_the_mean_gap_of_bins_weighted_by_their_clips():
    # |75 - 90| over 4 clips and |100 - 50| over 2: (4 x 15 + 2 x 50) / 6
    assert compute_ece(LABELS, PROBABILITIES) == pytest.approx(160 / 6)


def test_bins_are_fifteen_and_hold_their_upper_edge():
    # 0.9 lies in (13/15, 14/15], 0.5 in (7/15, 8/15], 12/15 as float32 in (11/15, 12/15], 1 in the last
    bins = compute_bins(LABELS, PROBABILITIES)
    assert [index for index, each in enumerate(bins) if each] == [7, 13]
    assert (bins[13].n, bins[13].confidence, bins[13].accuracy) == (4, pytest.approx(90), 75)
    edges = compute_bins([0, 0], np.array([[1.0, 0.0], [0.8, 0.2]], dtype=np.float32))
    assert [index for index, each in enumerate(edges) if each] == [11, 14]
    assert len(edges) == 15


def test_opposite_gaps_in_two_bins_do_not_cancel():
    # 1 of 2 right at 0.9 (gap 40), 2 of 2 at 0.6 (gap 40)
    values = [[0.9, 0.1]] * 2 + [[0.6, 0.4]] * 2
    assert compute_ece([0, 1, 0, 0], values) == pytest.approx(40)


def test_nll_is_the_mean_over_clips_and_survives_a_zero():
    assert compute_nll([0, 1], [[0.5, 0.5], [0.75, 0.25]]) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert compute_nll([1], [[1.0, 0.0]]) == pytest.approx(-np.log(1e-12))


def test_a_temperature_divides_logits():
    # odds of 9 : 1 become the square root, 3 : 1
    np.testing.assert_allclose(apply_temperature([[0.9, 0.1]], 2.0), [[0.75, 0.25]])
    np.testing.assert_allclose(apply_temperature([[0.9, 0.1]], 1.0), [[0.9, 0.1]])


def test_the_temperature_makes_confidence_what_accuracy_is():
    # 3 of 4 are right at 0.9; 0.75 is right, and that is temperature 2
    fitted = fit_temperature([0, 0, 0, 1], [[0.9, 0.1]] * 4)
    assert fitted.value == pytest.approx(2.0, abs=1e-3)
    assert fitted.bound == ""
    # 9 of 10 are right at 0.75: the square, temperature one half
    assert fit_temperature([0] * 9 + [1], [[0.75, 0.25]] * 10).value == pytest.approx(0.5, abs=1e-3)


def test_a_clip_that_was_impossible_does_not_break_the_fit():
    fitted = fit_temperature([0, 0, 1], [[1.0, 0.0]] * 3)
    # 2 of 3 are right: log odds of 27.63 become log 2
    assert fitted.value == pytest.approx(-np.log(1e-12) / np.log(2), rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "value", "bound"),
    [
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], 0.05, "lower"),
        ([0, 1], [[0.9, 0.1], [0.9, 0.1]], 100.0, "upper"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.5]], 1.0, "none"),
        ([0, 0], [[1.0], [1.0]], 1.0, "none"),
    ],
    ids=["all right", "half right at 0.9", "all the same", "one class"],
)
def test_a_temperature_that_cannot_be_measured_is_bounded_and_says_so(labels, probabilities, value, bound):
    fitted = fit_temperature(labels, probabilities)
    assert (fitted.value, fitted.bound) == (value, bound)


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_of_nothing_is_refused(temperature):
    with pytest.raises(SettingsError, match=r"temperature is .*, expected a number above 0"):
        apply_temperature([[0.9, 0.1]], temperature)


def test_the_temperature_is_fitted_on_validation_and_read_on_both_splits():
    validation = make_frame(["tess/OAF angry angry", "tess/OAF sad sad", "tess/YAF sad angry"])
    found = calibrate(make_frame(SMALL), validation)
    # 0.8 against 0.1 twice, 2 of 3 right: odds of 8 become odds of 4 to each of the others (4 : 1 : 1)
    # would be 2 of 3 only if the other two shared the rest evenly, and they do
    assert found["temperature"] == pytest.approx(np.log(8) / np.log(4), abs=1e-3)
    # the bins hold all clips: |75 - 80| and |66.67 - 80|; calibrated |75 - 66.67| and 0
    assert found["ece"] == pytest.approx({"test": 5, "validation": 40 / 3}, abs=1e-4)
    assert found["ece_calibrated"] == pytest.approx({"test": 25 / 3, "validation": 0}, abs=0.01)
    assert found["nll_calibrated"]["validation"] < found["nll"]["validation"]
    assert found["nll"]["test"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4, rel=1e-5)


def test_without_a_validation_split_only_the_test_split_is_measured():
    found = calibrate(make_frame(SMALL), None)
    assert found["ece"] == {"test": pytest.approx(5, abs=1e-4), "validation": None}
    assert (found["temperature"], found["bound"], found["ece_calibrated"]) == (None, None, None)
    assert calibration_rows(found) == [("test", "5.00", "0.743", "-", "-")]
    assert "no validation split to fit it on" in explain_calibration(found, [])


def test_the_explanation_says_which_way_the_model_errs():
    frames = make_frame(SMALL), make_frame(["tess/OAF angry angry", "tess/OAF sad angry"])
    text = explain_calibration(calibrate(*frames), [])
    assert "overconfident" in text
    assert "over 15 bins" in text


def test_a_bound_is_explained():
    text = explain_calibration(calibrate(make_frame(SMALL), make_frame(ALL_RIGHT)), [])
    assert "Temperature 0.05, which is no measurement: the surer the better" in text


def test_a_leak_into_validation_is_said_to_spoil_the_temperature():
    found = calibrate(make_frame(SMALL), make_frame(ALL_RIGHT))
    assert "too low" in explain_calibration(found, ["source: 40 in validation and train"])
    assert "too low" not in explain_calibration(found, ["speaker: 24 in test and train"])
