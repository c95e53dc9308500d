import json

import pandas as pd
import pytest

from factories_runs import save_scores
from mmser.cli import main

A = (("ravdess/01 angry angry", "ravdess/02 sad angry"), ("ravdess/03 happy happy", "tess/OAF sad sad"))
B = (("ravdess/01 angry angry", "ravdess/02 sad sad"), ("ravdess/03 happy sad", "tess/OAF sad sad"))


@pytest.fixture
def runs(tmp_path):
    """Two systems of two folds each, in a folder a system."""
    for system, folds in (("knn", A), ("mlp", B)):
        for fold, rows in enumerate(folds):
            save_scores(tmp_path / system / str(fold), rows, fold=fold, folds=2, system=system)
    return tmp_path


def test_folds_of_two_systems_are_compared(runs, tmp_path, capsys):
    out = tmp_path / "differing.csv"
    first = ",".join(str(runs / "knn" / str(fold)) for fold in (0, 1))
    assert main(["compare", first, str(runs / "mlp"), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "A: knn, protocol speaker, folds 0, 1 of 2 pooled (0 … 1)" in text
    assert "4 clips of 4 speakers" in text
    assert f"written: {out} (2 clips)" in text
    assert pd.read_csv(out)["kind"].tolist() == ["only A right", "only B right"]


def test_runs_of_different_clips_are_wrong_usage(runs, tmp_path, capsys):
    out = tmp_path / "differing.csv"
    arguments = [str(runs / "knn" / "0"), str(runs / "mlp" / "1")]
    assert main(["compare", *arguments, "--out", str(out)]) == 2
    assert "cannot be paired: A (0) was judged on 2 clips of the corpus 0123" in capsys.readouterr().err
    assert not out.exists()


def test_a_missing_run_is_code_1(runs, capsys):
    assert main(["compare", str(runs / "gone"), str(runs / "mlp")]) == 1
    assert "gone: no such folder" in capsys.readouterr().err


def test_an_unfinished_fold_is_named(runs, capsys):
    begun = runs / "knn" / "2"
    begun.mkdir()
    (begun / "settings.json").write_text(json.dumps({"corpus": "c", "out": str(begun)}))
    assert main(["compare", str(runs / "knn"), str(runs / "mlp")]) == 0
    assert f"warning: {begun}: a run that is not finished" in capsys.readouterr().err


def test_a_list_that_is_there_stays(runs, tmp_path, capsys):
    out = tmp_path / "differing.csv"
    out.write_text("mine")
    assert main(["compare", str(runs / "knn"), str(runs / "mlp"), "--out", str(out)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "mine"
