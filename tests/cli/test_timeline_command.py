import json

import numpy as np
import pytest
import soundfile

from factories_audio import make_speech
from factories_runs import WHISPER, save_model
from mmser.cli import main


@pytest.fixture
def run(tmp_path):
    return str(save_model(tmp_path / "runs" / "hubert", "hubert"))


@pytest.fixture
def recording(tmp_path):
    parts = [np.zeros(32_000), make_speech(5), np.zeros(48_000), make_speech(3, seed=1)]
    waveform = np.concatenate(parts) + 0.001 * np.random.default_rng(0).standard_normal(13 * 16_000)
    soundfile.write(tmp_path / "talk.flac", waveform, 16_000)
    return str(tmp_path / "talk.flac")


def test_segments_are_printed_and_written_as_json_csv_and_picture(run, recording, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert main(["timeline", run, recording, "--voice", "energy", "--out", str(out)]) == 0
    *rows, shares, _, _, _ = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["0:00.0", "-", "0:01.9", "no", "speech"]
    assert rows[-1].split()[2] == "0:13.0"
    assert shares.startswith("0:13 in all: ")
    assert sorted(path.name for path in out.iterdir()) == [
        "talk.timeline.csv",
        "talk.timeline.json",
        "talk.timeline.png",
    ]
    assert len(json.loads((out / "talk.timeline.json").read_text())["segments"]) == len(rows)
    assert (out / "talk.timeline.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_folder_nothing_is_written(run, recording, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert main(["timeline", run, recording, "--voice", "energy"]) == 0
    assert "wrote" not in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before


def test_windows_and_threshold_are_as_asked(run, recording, tmp_path, capsys):
    options = ["--window-s", "2", "--hop-s", "1", "--abstain-below", "1", "--voice", "energy"]
    assert main(["timeline", run, recording, *options, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "talk.timeline.json").read_text())
    assert (found["settings"]["window_s"], found["settings"]["hop_s"]) == (2, 1)
    assert found["windows"][1]["start_s"] - found["windows"][0]["start_s"] == 1
    assert {each["label"] for each in found["segments"]} == {None}
    assert "uncertain" in capsys.readouterr().out


def test_a_progress_bar_goes_to_stderr(run, recording, capsys):
    main(["timeline", run, recording, "--voice", "energy"])
    out, err = capsys.readouterr()
    assert "Predicting" in err
    assert "Predicting" not in out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--hop-s", "9"], 2, r"error: hop_s is 9.0, expected 0.1 seconds to the window's 4"),
        (["--voice", "silro"], 2, "Unknown voice detector 'silro'"),
        (["--out", "{recording}"], 1, "talk.flac: is a file, expected a folder"),
    ],
)
def test_wrong_usage_is_told_before_the_work(run, recording, capsys, options, code, message):
    options = [each.format(recording=recording) for each in options]
    assert main(["timeline", run, recording, *options]) == code
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_audio_is_code_1(run, tmp_path, capsys):
    (tmp_path / "a.wav").write_text("text")
    assert main(["timeline", run, str(tmp_path / "a.wav")]) == 1
    assert "a.wav: not audio" in capsys.readouterr().err


def test_a_checkpoint_of_another_machine_is_asked_for(tmp_path, recording, capsys):
    transcripts = WHISPER | {"whisper": "whisper-base.pt"}
    run = save_model(tmp_path / "runs" / "fusion", "fusion", transcripts=transcripts)
    assert main(["timeline", str(run), recording]) == 2
    assert "whisper-base.pt: no such file" in capsys.readouterr().err
