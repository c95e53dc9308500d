import pytest

from factories_hub import ROWS
from factories_runs import save_model, save_scores
from mmser.cli import main


@pytest.fixture
def run(tmp_path):
    folder = save_model(tmp_path / "runs" / "hubert", "hubert")
    save_scores(folder, ROWS, system="hubert")
    return folder


def test_push_prints_the_address(run, hub, capsys):
    assert main(["push", str(run), "me/voice", "--private"]) == 0
    assert capsys.readouterr().out == f"{hub.endpoint}/me/voice\n"
    assert hub.repositories["models", "me/voice"].private


def test_a_dry_run_lists_what_would_be_uploaded(run, tmp_path, capsys):
    out = tmp_path / "dry"
    assert main(["push", str(run), "me/voice", "--dry-run", str(out)]) == 0
    printed, told = capsys.readouterr()
    names = [line.split()[1] for line in printed.splitlines()]
    assert names == sorted(path.name for path in out.iterdir())
    assert f"nothing was uploaded: this is in {out}" in told
    size = (out / "model.safetensors").stat().st_size
    assert f"{size:,}  model.safetensors" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["push", "{run}", "voice"], 2, "error: 'voice' is no name on the Hub, expected user/name"),
        (["push", "{run}", "other/voice"], 1, "error: other/voice: me may not write there"),
        (["push", "nowhere", "me/voice"], 1, "error: nowhere: no such folder, expected the folder of a fin"),
        (["push-corpus", "nowhere", "me/c"], 1, "error: nowhere: no such folder, expected a corpus"),
        (["push-corpus", "{run}", "c"], 2, "error: 'c' is no name on the Hub"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(run, hub, capsys, arguments, code, message):
    assert main([each.format(run=run) for each in arguments]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert line.startswith(message)
