import json
from pathlib import Path

import pytest

from factories_corpus import write_corpus
from factories_runs import save_model, save_scores
from mmser.cli import main

FOLD_0 = ("ravdess/01 angry angry", "ravdess/01 angry angry", "ravdess/02 sad angry")
FOLD_3 = ("ravdess/07 angry sad", "ravdess/08 sad sad")


@pytest.fixture
def save_run(tmp_path):
    """Write a run with its model and scores."""
    return lambda name: save_scores(save_model(tmp_path / "runs" / name, "hubert"), FOLD_0, system="hubert")


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "other", num_train=3, num_test=6)


@pytest.fixture
def folds(tmp_path):
    """Two folds of one system, by their scores alone."""
    return [
        str(save_scores(tmp_path / f"fold{fold}", rows, fold=fold))
        for fold, rows in ((0, FOLD_0), (3, FOLD_3))
    ]


def read_json(path):
    return json.loads(path.read_text())


def test_one_run_is_shown_as_it_stands(folds, capsys):
    assert main(["evaluate", folds[0]]) == 0
    out = capsys.readouterr().out
    assert out.startswith("hubert+bert, protocol speaker, fold 0 of 5\n")
    assert "66.67" in out  # 2 of 3 clips


def test_a_report_of_one_run_is_wrong_usage(folds, tmp_path, capsys):
    assert main(["evaluate", folds[0], "--out", str(tmp_path / "report")]) == 2
    assert "the report of one run stands at" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_folds_are_pooled_into_a_report(folds, tmp_path, capsys):
    assert main(["evaluate", *folds, "--out", str(tmp_path / "pool")]) == 0
    assert "folds 0, 3 of 5 pooled (1, 2, 4 missing)" in capsys.readouterr().out
    # angry 2 of 3, sad 1 of 2
    assert read_json(tmp_path / "pool" / "metrics.json")["test"]["ua"] == pytest.approx(58.3333, abs=1e-4)


def test_a_pool_does_not_take_the_place_of_a_run(folds, capsys):
    metrics = Path(folds[0]) / "metrics.json"
    before = metrics.read_bytes()
    assert main(["evaluate", *folds, "--out", folds[0]]) == 1
    assert "holds the report of another run or corpus" in capsys.readouterr().err
    assert metrics.read_bytes() == before


def test_runs_that_are_no_folds_of_one_system_are_wrong_usage(folds, tmp_path, capsys):
    other = save_scores(tmp_path / "other", FOLD_3, fold=1, system="hubert")
    assert main(["evaluate", *folds, str(other)]) == 2
    assert "no folds of one system: system is" in capsys.readouterr().err


def test_a_folder_without_scores_is_code_1(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path)]) == 1
    assert "metrics.json: no such file. Name the folder of a finished run." in capsys.readouterr().err


def test_a_run_on_another_corpus_is_reported_below_the_run(save_run, corpus, capsys):
    run = save_run("a")
    before = read_json(run / "metrics.json")
    assert main(["evaluate", str(run), "--corpus", str(corpus)]) == 0
    assert f"report: {run / 'on-other' / 'report.md'}" in capsys.readouterr().out
    assert read_json(run / "on-other" / "metrics.json")["test"]["n"] == 6
    assert read_json(run / "metrics.json") == before


def test_several_runs_on_another_corpus_get_a_sub_folder_each(save_run, corpus, tmp_path, capsys):
    runs = [str(save_run(name)) for name in ("a", "b")]
    assert main(["evaluate", *runs, "--corpus", str(corpus), "--out", str(tmp_path / "reports")]) == 0
    out = capsys.readouterr().out
    for name, run in zip(("a", "b"), runs, strict=True):
        report = tmp_path / "reports" / name
        assert read_json(report / "metrics.json")["settings"]["out"] == run
        assert f"report: {report / 'report.md'}" in out


def test_a_run_is_never_the_folder_of_a_report(save_run, corpus, capsys):
    run = save_run("a")
    assert main(["evaluate", str(run), "--corpus", str(corpus), "--out", str(run)]) == 1
    assert "holds a run or a model, whose scores stay" in capsys.readouterr().err


def test_a_missing_corpus_is_code_1(save_run, tmp_path, capsys):
    assert main(["evaluate", str(save_run("a")), "--corpus", str(tmp_path / "gone")]) == 1
    assert "gone: no such folder, expected a corpus" in capsys.readouterr().err
