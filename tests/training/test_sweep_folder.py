import numpy as np
import pandas as pd
import pytest

from mmser.errors import OutputExistsError
from mmser.evaluation.predictions import make_predictions, probabilities_of
from mmser.training.sweep_folder import SweepFolder


@pytest.fixture
def frame():
    """What a model said of three clips."""
    clips = pd.DataFrame({"id": ["a", "b", "c"], "speaker": "s", "corpus": "c", "label": ["x", "y", "y"]})
    return make_predictions(clips, np.array([[1 / 3, 2 / 3], [0.9, 0.1], [0.5, 0.5]]), ["x", "y"])


def refuse():
    raise AssertionError("computed again")


def test_what_was_said_is_computed_once_and_the_same_each_time(tmp_path, frame):
    first = SweepFolder(tmp_path / "out", {"seeds": [0]}).recall("000", lambda: frame)
    again = SweepFolder(tmp_path / "out", {"seeds": [0]}).recall("000", refuse)
    pd.testing.assert_frame_equal(first.drop(columns="probabilities"), again.drop(columns="probabilities"))
    assert np.array_equal(probabilities_of(first), probabilities_of(again))
    assert again.attrs == {"classes": ["x", "y"]}


def test_nothing_is_left_where_nothing_was_computed(tmp_path):
    folder = SweepFolder(tmp_path / "out", {})
    with pytest.raises(AssertionError, match="computed again"):
        folder.recall("000", refuse)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mine.txt", "choice.json", "tried"])
def test_a_folder_that_holds_anything_but_a_sweep_is_refused(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(OutputExistsError, match=r"is not empty. Choose another --out for this sweep"):
        SweepFolder(tmp_path, {})


def test_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputExistsError, match=r"out: is not empty"):
        SweepFolder(tmp_path / "out", {})


def test_what_a_kill_leaves_before_the_first_result_is_no_obstacle(tmp_path, frame):
    (tmp_path / "sweep.json.part").write_text("{")
    SweepFolder(tmp_path, {"seeds": [0]}).recall("000", lambda: frame)
    SweepFolder(tmp_path, {"seeds": [0]}).recall("000", refuse)


def test_a_sweep_begun_with_other_settings_is_refused_and_both_are_named(tmp_path, frame):
    SweepFolder(tmp_path, {"seeds": (0,), "layers": "last"}).recall("000", lambda: frame)
    with pytest.raises(
        OutputExistsError,
        match=r"values of \['dropout', 'seeds'\]: \[None, \[0\]\], not \['0.2', \[0, 1\]\]. Give those",
    ):
        SweepFolder(tmp_path, {"seeds": (0, 1), "layers": "last", "dropout": "0.2"})


def test_where_things_are_kept_may_change(tmp_path, frame):
    SweepFolder(tmp_path, {"cache_dir": "one"}).recall("000", lambda: frame)
    SweepFolder(tmp_path, {"cache_dir": "two"}).recall("000", refuse)


def test_a_half_run_of_a_seed_is_deleted_and_a_folder_that_is_no_run_is_not(tmp_path):
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / "settings.json").write_text('{"corpus": "c", "out": "o"}')
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-1" / "mine.txt").write_text("x")
    (tmp_path / "sweep.json").write_text("{}")
    folder = SweepFolder(tmp_path, {})
    assert [folder.find_run(seed)[1] for seed in (0, 1)] == [None, None]
    assert [(tmp_path / f"seed-{seed}").exists() for seed in (0, 1)] == [False, True]
