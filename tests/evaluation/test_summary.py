import numpy as np
import pytest

from factories_evaluation import SMALL, make_facts, make_frame
from mmser.errors import SettingsError
from mmser.evaluation.folds import pool_folds
from mmser.evaluation.predictions import score_predictions
from mmser.evaluation.summary import describe_run, format_confusion_matrix, summarize


def make_metrics(validation=True, **changes):
    scores = score_predictions(make_frame(SMALL), seed=0)
    return make_facts(**changes) | {"test": scores, "validation": scores if validation else None}


def test_the_summary_gives_the_three_figures_of_both_splits_and_of_the_test_split_without_tess():
    lines = {line[:18].strip(): line[18:].split() for line in summarize(make_metrics()).splitlines()[2:-1]}
    assert lines["percent"] == ["UA", "WA", "UA+WA", "macro-F1", "clips"]
    assert lines["test"] == ["83.33", "75.00", "158.33", "73.33", "4"]  # F1: angry 4/5, sad 2/3
    assert lines["without TESS"] == ["100.00", "100.00", "200.00", "2"]
    assert lines["mean of corpora"] == ["75.00", "75.00", "150.00"]
    assert lines["validation"] == lines["test"]


def test_columns_stand_below_their_headings():
    lines = summarize(make_metrics()).splitlines()
    header, test = lines[2], lines[3]
    assert header.index("UA") + len("UA") == test.index("83.33") + len("83.33")
    assert header.index("clips") + len("clips") == len(test)


def test_the_first_line_tells_the_run_from_others():
    assert summarize(make_metrics()).splitlines()[0] == "hubert+bert, protocol speaker, fold 0 of 5"


def test_a_protocol_without_folds_names_none():
    assert describe_run(make_facts(protocol="paper", folds=1)) == "hubert+bert, protocol paper"


def test_a_pool_names_its_folds_and_those_that_are_missing():
    metrics, _ = pool_folds([(make_facts(folds=3), make_frame(SMALL))])
    assert describe_run(metrics) == "hubert+bert, protocol speaker, folds 0 of 3 pooled (1, 2 missing)"
    assert "validation" not in summarize(metrics)


def test_leaks_are_loud():
    text = summarize(make_metrics(leaks=["speaker: 24 in test and train"]))
    assert "LEAKS (1): these scores are too high\n  speaker: 24 in test and train\n" in text
    assert "LEAKS" not in summarize(make_metrics())


def test_classes_without_a_clip_are_named():
    assert summarize(make_metrics()).endswith("without a test clip: calm")


def test_the_confusion_matrix_as_text_ends_each_row_with_its_recall():
    text = format_confusion_matrix(
        np.array([[3, 0, 1], [0, 0, 0], [0, 0, 2]]), ("angry", "calm", "surprised")
    )
    assert text.splitlines() == [
        "true        angry   calm  surpr   recall",
        "angry           3      0      1    75.00",
        "calm            0      0      0        -",
        "surprised       0      0      2   100.00",
    ]


def test_a_confusion_matrix_of_eight_classes_fits_a_terminal():
    classes = ("angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised")
    text = format_confusion_matrix(np.full((8, 8), 99_999), classes)
    assert {len(line) for line in text.splitlines()} == {75}


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(SettingsError, match="expected counts of shape"):
        format_confusion_matrix(np.eye(3), ("angry", "sad"))
