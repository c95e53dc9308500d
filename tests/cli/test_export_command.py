import json
from pathlib import Path

import pytest
import soundfile

from factories_corpus import make_tone, write_corpus
from factories_exports import save_run
from mmser.cli import main
from mmser.cli.export import choose_folder


@pytest.fixture
def run(tmp_path):
    return save_run(tmp_path / "runs" / "fusion", "fusion")


def test_an_export_is_predicted_with_as_the_run_is(run, tmp_path, capsys):
    assert main(["export", str(run)]) == 0
    out = run / "onnx"
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == f"{out}: float32, {(out / 'model.onnx').stat().st_size / 1e6:.1f} MB"
    assert second.startswith("graph in float32: logits differ from PyTorch's by ")
    assert last == f"use it: mmser predict {out} clip.wav"
    clip = tmp_path / "a.wav"
    soundfile.write(clip, make_tone("sad", duration_s=1.5), 16_000)
    printed = []
    for folder in (run, out):
        assert main(["predict", str(folder), str(clip), "--text", "kids are talking"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_an_export_of_a_hub_model_takes_no_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_folder("me/my-recognizer") == Path("my-recognizer-onnx")
    Path("runs/fusion").mkdir(parents=True)
    assert choose_folder("runs/fusion") == Path("runs/fusion/onnx")


def test_int8_prints_what_it_costs(run, tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus", num_train=3, num_test=6)
    arguments = ["--out", str(tmp_path / "small"), "--int8", "--corpus", str(corpus), "--max-clips", "5"]
    assert main(["export", str(run), *arguments]) == 0
    measured = json.loads((tmp_path / "small" / "export.json").read_text())["measured"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'small'}: int8, ")
    assert lines[2] == f"int8 on 5 validation clips of {corpus}:"
    assert lines[3].startswith(
        f"  UA {measured['ua']:.2f}, in PyTorch {measured['ua_pytorch']:.2f}; the same"
    )
    assert f"differ by {measured['largest_logit_difference']:g} at most" in lines[4]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{run}", "--out", "{run}"], 1, "is not empty. Choose another folder"),
        (["{run}", "--int8"], 2, "Give a corpus by --corpus FOLDER"),
        (["{run}", "--corpus", "nowhere"], 1, "nowhere: no such folder"),
        (["nowhere"], 1, "nowhere: holds no model that mmser knows"),
        (["{run}", "--max-clips", "0"], 2, "max_clips is 0"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(run, capsys, arguments, code, message):
    assert main(["export", *(each.format(run=run) for each in arguments)]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert message in line
