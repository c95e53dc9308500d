import pytest

from factories_runs import save_scores
from mmser.cli import main


@pytest.fixture
def run(tmp_path):
    return save_scores(
        tmp_path / "runs" / "knn", ("ravdess/01 angry angry", "tess/OAF sad sad"), system="knn"
    )


def test_a_table_of_the_paper_stands_beside_the_runs(run, capsys):
    assert main(["table", "6", str(run)]) == 0
    out = capsys.readouterr().out
    assert "62.94  56.72  119.66  knn*  100.00  100.00  200.00" in out
    assert out.startswith("Table 6: baselines")


def test_a_broken_run_is_code_1_and_the_rest_is_shown(run, capsys):
    broken = run.parent / "mlp"
    broken.mkdir()
    (broken / "metrics.json").write_text("{}")
    assert main(["table", "9", str(run.parent)]) == 1
    shown = capsys.readouterr()
    assert f"{broken}/metrics.json: schema_version is None" in shown.err
    assert "HuBERT + BERT" in shown.out


def test_another_table_is_wrong_usage(run, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["table", "7", str(run)])
    assert "invalid choice: '7'" in capsys.readouterr().err
