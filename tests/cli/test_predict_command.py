import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
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


@pytest.fixture
def folder(tmp_path):
    """Two recordings, a broken and a silent one, and a file that is none."""
    (tmp_path / "clips" / "deep").mkdir(parents=True)
    soundfile.write(tmp_path / "clips" / "a.wav", make_tone("sad", duration_s=1.5), 16_000)
    soundfile.write(tmp_path / "clips" / "deep" / "d.flac", make_tone("happy", duration_s=0.5), 16_000)
    (tmp_path / "clips" / "b.wav").write_text("not audio")
    soundfile.write(tmp_path / "clips" / "c.wav", np.zeros(16_000), 16_000)
    (tmp_path / "clips" / "notes.txt").write_text("not looked at")
    return tmp_path / "clips"


def test_bad_files_are_named_and_the_others_are_a_table(run, folder, capsys):
    assert main(["predict", run, str(folder), "--text", "kids"]) == 1
    out, err = capsys.readouterr()
    header, first, second, warning = out.splitlines()
    assert header.split() == ["recording", "label", "sure", "seconds"]
    assert first.split()[0].endswith("clips/a.wav")
    assert first.split()[1] in ("angry", "happy", "sad")
    assert first.split()[3:] == ["%", "1.5", "kids"]
    assert second.split()[0].endswith("clips/deep/d.flac")
    assert warning.strip().startswith("0.50 s are left after cleaning")
    broken, silent = [line for line in err.splitlines() if line.startswith("error: ")]
    assert broken.startswith(f"error: {folder}/b.wav: not audio")
    assert silent.startswith(f"error: {folder}/c.wav: Nothing to be heard")


def test_a_name_that_is_not_utf_8_is_read_and_written_all_the_same(run, clip):
    name = os.fsencode(clip).replace(b"a.wav", b"\xe9t\xe9.wav")
    Path(clip).rename(os.fsdecode(name))
    command = [sys.executable, "-m", "mmser", "predict", run, name, "--text", "kids", "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.replace("\\udc", "\\\\udc"))
    assert answer["file"].endswith("\\udce9t\\udce9.wav")


def test_json_is_a_line_a_recording_bad_ones_too(run, folder, capsys):
    assert main(["predict", run, str(folder), "--text", "kids", "--json"]) == 1
    first, broken, silent, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["file"] == f"{folder}/a.wav"
    assert first["label"] == max(first["probabilities"], key=first["probabilities"].get)
    assert (first["transcript"], first["warnings"]) == ("kids", [])
    assert (broken["error"]["reason"], silent["error"]["reason"]) == ("unreadable", "silent")
    assert "not audio" in broken["error"]["message"]
    assert [each["kind"] for each in second["warnings"]] == ["too-short"]


def test_csv_has_a_column_a_class_and_one_for_errors(run, folder, capsys):
    assert main(["predict", run, str(folder), "--text", 'a "b", c', "--csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"].removeprefix(f"{folder}/") for row in rows] == [
        "a.wav",
        "b.wav",
        "c.wav",
        "deep/d.flac",
    ]
    probabilities = [float(rows[0][name]) for name in ("angry", "happy", "sad")]
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert float(rows[0]["confidence"]) == max(probabilities)
    assert rows[0]["transcript"] == 'a "b", c'
    assert [bool(row["error"]) for row in rows] == [False, True, True, False]
    assert rows[3]["warnings"] == "too-short"


def test_a_list_comes_from_stdin_and_patterns_are_looked_up(run, folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{folder}/deep/*.flac\n{folder}/gone.wav\n"))
    assert main(["predict", run, f"{folder}/a*", "-", "--text", "kids", "--json"]) == 1
    out, err = capsys.readouterr()
    names = [json.loads(line)["file"].removeprefix(f"{folder}/") for line in out.splitlines()]
    assert names == ["a.wav", "deep/d.flac", "gone.wav"]
    assert f"error: {folder}/gone.wav: no such file or folder" in err


def test_an_empty_list_is_wrong_usage(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["predict", run, "-"]) == 2
    assert "Nothing was listed on stdin" in capsys.readouterr().err


def test_below_the_threshold_the_answer_is_uncertain(run, clip, capsys):
    assert main(["predict", run, clip, "--text", "kids", "--abstain-below", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"{clip}: uncertain  (1.")
    assert main(["predict", run, clip, "--text", "kids", "--abstain-below", "2"]) == 2
    assert "abstain_threshold is 2.0, expected a probability" in capsys.readouterr().err


def test_a_warning_stands_with_the_answer(run, clip, capsys):
    assert main(["predict", run, clip, "--text", ""]) == 0
    assert "  warning: No words were heard" in capsys.readouterr().out


def test_json_and_csv_exclude_one_another(run, clip):
    with pytest.raises(SystemExit) as stopped:
        main(["predict", run, clip, "--json", "--csv"])
    assert stopped.value.code == 2


def test_a_long_name_is_cut_at_its_start(run, folder, capsys):
    name = folder / ("x" * 60 + "-end.wav")
    soundfile.write(name, make_tone("sad", duration_s=1.5), 16_000)
    assert main(["predict", run, str(name), f"{folder}/a.wav", "--text", "kids"]) == 0
    shown = capsys.readouterr().out.splitlines()[1].split()[0]
    assert len(shown) == 48
    assert shown.startswith("…x")
    assert shown.endswith("-end.wav")


def test_a_checkpoint_of_another_machine_is_asked_for(run, clip, capsys):
    assert main(["predict", run, clip]) == 2
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
