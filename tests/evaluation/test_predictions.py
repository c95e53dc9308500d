import numpy as np
import pandas as pd
import pytest

from factories_evaluation import CLASSES, SMALL, make_frame
from mmser.errors import EmptySplitError, RunFormatError, SettingsError
from mmser.evaluation.predictions import (
    classes_of,
    genders_of,
    label_indices,
    make_predictions,
    predicted_indices,
    probabilities_of,
    read_predictions,
    score_predictions,
    softmax,
    write_predictions,
)

CLIPS = pd.DataFrame(
    {"id": ["a", "b"], "speaker": ["s", "s"], "corpus": ["savee", "savee"], "label": ["angry", "sad"]}
)
PROBABILITIES = [[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]]


def test_a_softmax_keeps_ratios_and_does_not_overflow():
    # e^(log 3) : e^0 is 3 : 1, whatever is added to both
    expected = [[0.75, 0.25], [0.75, 0.25]]
    logits = np.array([[np.log(3), 0.0], [1000 + np.log(3), 1000.0]])
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-9)
    assert softmax(logits.astype(np.float32)).dtype == np.float64


def test_a_file_alone_says_what_its_probabilities_mean(tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, make_predictions(CLIPS, PROBABILITIES, CLASSES))
    frame = read_predictions(path)
    assert list(frame.columns) == ["id", "speaker", "corpus", "label", "probabilities"]
    assert classes_of(frame) == ["angry", "calm", "sad"]
    assert frame["label"].tolist() == ["angry", "sad"]
    assert probabilities_of(frame) == pytest.approx(np.array(PROBABILITIES))
    assert list(tmp_path.iterdir()) == [path]


def test_gender_is_kept_where_the_clips_have_it(tmp_path):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, make_predictions(CLIPS.assign(gender=["female", ""]), PROBABILITIES, CLASSES))
    assert genders_of(read_predictions(path)) == ["female", "unknown"]


def test_without_a_column_of_it_gender_is_unknown():
    assert genders_of(make_predictions(CLIPS, PROBABILITIES, CLASSES)) == ["unknown", "unknown"]
    missing = CLIPS.assign(gender=[None, "male"])
    assert genders_of(make_predictions(missing, PROBABILITIES, CLASSES)) == ["unknown", "male"]


def test_what_is_read_scores_as_what_was_written(tmp_path):
    frame = make_frame(SMALL)
    write_predictions(tmp_path / "p.parquet", frame)
    assert score_predictions(read_predictions(tmp_path / "p.parquet"), seed=3) == score_predictions(
        frame, seed=3
    )


def test_the_prediction_is_the_class_of_the_highest_probability_the_first_of_equals():
    frame = make_predictions(CLIPS, [[0.1, 0.2, 0.7], [0.1, 0.45, 0.45]], CLASSES)
    assert predicted_indices(frame).tolist() == [2, 1]
    assert label_indices(frame).tolist() == [0, 2]


def test_other_columns_and_another_index_do_not_come_along():
    clips = CLIPS.assign(transcript="hello").set_index(pd.Index([7, 9]))
    frame = make_predictions(clips, PROBABILITIES, CLASSES)
    assert "transcript" not in frame.columns
    assert frame.index.tolist() == [0, 1]


def test_scores_hold_corpora_and_intervals():
    scores = score_predictions(make_frame(SMALL), seed=0)
    assert scores["ua"] == pytest.approx(83.3333, abs=1e-4)  # angry 2 of 3, sad 1 of 1
    tess = {"ua": 50.0, "wa": 50.0, "ua_plus_wa": 100.0, "macro_f1": pytest.approx(200 / 3), "n": 2}
    assert scores["per_corpus"]["tess"] == tess  # angry 1 of 2, F1 2*1 / (2 + 1)
    assert scores["without_tess"]["ua"] == 100.0
    low, high = scores["intervals"]["wa"]
    assert 0 <= low < 75 < high <= 100


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([[0.7, 0.2, 0.1]], "2 clips but 1 rows of probabilities"),
        ([[0.7, 0.3], [0.5, 0.5]], r"Clips have \[2\] probabilities, expected one a class: 3"),
        (
            [[0.7, 0.2, 0.1], [2.0, 1.0, 0.5]],
            r"b: \[2.0, 1.0, 0.5\] are no probabilities, .*\(1 such clips\).* softmax",
        ),
        ([[0.7, 0.2, 0.1], [np.nan, 0.5, 0.5]], "the model has diverged"),
        ([[0.7, 0.2, 0.1], [1.2, -0.1, -0.1]], "expected numbers from 0 that sum to 1"),
    ],
)
def test_what_are_no_probabilities_is_refused(probabilities, message):
    with pytest.raises(SettingsError, match=message):
        make_predictions(CLIPS, probabilities, CLASSES)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (CLIPS.drop(columns="speaker"), r"lack the columns \['speaker'\]"),
        (CLIPS.assign(id="a"), "1 ids repeat, e.g. 'a'"),
        (CLIPS.assign(label=["angry", "bored"]), "Label 'bored' is not among the classes"),
    ],
)
def test_clips_that_cannot_be_scored_are_refused(clips, message):
    with pytest.raises(SettingsError, match=message):
        make_predictions(clips, PROBABILITIES, CLASSES)


def test_no_clip_is_an_error():
    with pytest.raises(EmptySplitError, match="predictions are empty"):
        make_predictions(CLIPS[:0], np.empty((0, 3)), CLASSES)


def test_a_frame_that_does_not_name_its_classes_is_refused():
    frame = make_frame(SMALL)
    frame.attrs = {}
    with pytest.raises(SettingsError, match=r"do not name their classes.*make_predictions"):
        score_predictions(frame, seed=0)


def test_a_refused_frame_leaves_no_file(tmp_path):
    frame = make_frame(SMALL).drop(columns="corpus")
    frame.attrs = {"classes": list(CLASSES)}
    with pytest.raises(SettingsError, match="lack the columns"):
        write_predictions(tmp_path / "p.parquet", frame)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFormatError, match=r"p\.parquet: no such file. Name the folder of a finished run"):
        read_predictions(tmp_path / "p.parquet")


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"not parquet")
    with pytest.raises(RunFormatError, match=r"p\.parquet: not a run's predictions"):
        read_predictions(tmp_path / "p.parquet")


def test_a_table_of_another_kind_is_named(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(RunFormatError, match="do not name their classes"):
        read_predictions(tmp_path / "p.parquet")
