import json

import pytest

from factories_runs import save_scores
from mmser.cli import main

FOLD_0 = ("ravdess/01 angry angry", "tess/OAF angry angry", "ravdess/02 sad angry")
FOLD_1 = ("ravdess/07 angry sad", "ravdess/08 sad sad")


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    for fold, rows in ((0, FOLD_0), (1, FOLD_1)):
        facts = {"fold": fold, "folds": 2, "system": "hubert", "num_parameters": 94_600_000}
        save_scores(folder / f"hubert-{fold}", rows, **facts)
    return folder


def test_folds_are_pooled_and_stand_beside_the_published_figures(runs, capsys):
    assert main(["leaderboard", str(runs)]) == 0
    out = capsys.readouterr().out
    assert (
        "Protocol speaker, folds 0, 1 of 2 pooled, scheme paper7, corpora ravdess, tess, 5 test clips" in out
    )
    assert "74.54 / 75.52  -16.21 / -15.52*" in out  # 58.33 and 60


def test_unfinished_runs_are_named_and_left_out(runs, capsys):
    begun = runs / "fusion-0"
    begun.mkdir()
    (begun / "settings.json").write_text(json.dumps({"corpus": "c", "out": str(begun)}))
    assert main(["leaderboard", str(runs)]) == 0
    assert f"warning: {begun}: a run that is not finished, it is left out." in capsys.readouterr().err


def test_a_broken_run_is_code_1_and_the_rest_is_shown(runs, capsys):
    (runs / "hubert-1" / "metrics.json").write_text("{")
    assert main(["leaderboard", str(runs)]) == 1
    shown = capsys.readouterr()
    assert "hubert-1/metrics.json: not JSON" in shown.err
    assert "fold 0 of 2" in shown.out


def test_nothing_to_show_is_code_1(tmp_path, capsys):
    assert main(["leaderboard", str(tmp_path)]) == 1
    assert "There is no finished run: 0 not finished, 0 not readable" in capsys.readouterr().err


def test_one_corpus_may_be_seen_alone(runs, capsys):
    assert main(["leaderboard", str(runs), "--only", "tess"]) == 0
    assert "tess clips alone" in capsys.readouterr().out
    assert main(["leaderboard", str(runs), "--only", "savee"]) == 1
    assert "No test clip is left (savee clips alone)" in capsys.readouterr().err


def test_a_corpus_may_be_left_out(runs, capsys):
    assert main(["leaderboard", str(runs), "--without", "tess"]) == 0
    assert "4 test clips" in capsys.readouterr().out


def test_a_view_is_one_thing(runs, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["leaderboard", str(runs), "--only", "tess", "--without", "tess"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_formats_are_printed_and_written(runs, tmp_path, capsys):
    out = tmp_path / "board"
    assert main(["leaderboard", str(runs), "--out", str(out), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Leaderboard")
    assert {path.name for path in out.iterdir()} == {"leaderboard.md", "leaderboard.html"}
    assert main(["leaderboard", str(runs), "--format", "html"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
