from pathlib import Path

import pytest
import soundfile

from factories_corpus import make_tone
from factories_runs import WHISPER, save_model
from mmser.cli import main


@pytest.fixture
def run(tmp_path):
    """A fusion model whose corpus was transcribed on another machine."""
    transcripts = WHISPER | {"whisper": "whisper-base.pt"}
    return str(save_model(tmp_path / "runs" / "fusion", "fusion", transcripts=transcripts))


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, make_tone("sad", duration_s=1.5), 16_000)
    return str(path)


def test_a_file_is_answered_with_every_class_the_most_probable_first(run, clip, capsys):
    assert main(["predict", run, clip, "--text", "kids are talking"]) == 0
    head, transcript, *rows = capsys.readouterr().out.splitlines()
    assert transcript == "  transcript: 'kids are talking'"
    assert sorted(row.split()[0] for row in rows) == ["angry", "happy", "sad"]
    percents = [float(row.split()[1]) for row in rows]
    assert percents == sorted(percents, reverse=True)
    assert sum(percents) == pytest.approx(100, abs=0.2)
    assert head.startswith(f"{clip}: {rows[0].split()[0]}  (1.")


def test_a_bad_file_is_named_and_the_others_are_answered(run, clip, tmp_path, capsys):
    (tmp_path / "bad.wav").write_text("not audio")
    assert main(["predict", run, str(tmp_path / "bad.wav"), clip, "--text", "kids"]) == 1
    out, err = capsys.readouterr()
    assert f"error: {tmp_path / 'bad.wav'}: not audio" in err
    assert out.startswith(f"{clip}: ")


def test_a_checkpoint_of_another_machine_is_asked_for(run, clip, capsys):
    assert main(["predict", run, clip]) == 1
    err = capsys.readouterr().err
    assert "whisper-base.pt: no such file" in err
    assert "`mmser predict --whisper`" in err


def test_the_checkpoint_that_is_given_listens(run, clip, monkeypatch, capsys):
    heard = []
    monkeypatch.setattr("mmser.inference.listening.Transcriber.check", lambda transcriber: None)
    monkeypatch.setattr(
        "mmser.inference.listening.Transcriber.transcribe",
        lambda transcriber, waveforms: heard.append(transcriber.settings.whisper) or ["kids"],
    )
    assert main(["predict", run, clip, "--whisper", "tiny.en"]) == 0
    assert heard == ["tiny.en"]
    assert "transcript: 'kids'" in capsys.readouterr().out


def test_a_folder_that_is_no_run_is_code_1(clip, tmp_path, capsys):
    assert main(["predict", str(tmp_path), clip]) == 1
    assert "holds no model that mmser knows" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "processor_config.json", "tokenizer.json"]
)
def test_a_run_that_lacks_a_file_is_code_1_and_says_what_to_do(run, clip, capsys, name):
    (Path(run) / name).unlink()
    assert main(["predict", run, clip, "--text", "kids"]) == 1
    err = capsys.readouterr().err
    assert f"error: {run}: " in err
    assert "folder of a finished run" in err or "folder of the finished run" in err
