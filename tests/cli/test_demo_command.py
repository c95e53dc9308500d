import subprocess
from pathlib import Path

import pytest

from mmser.cli import main

SCRIPT = Path(__file__).parents[2] / "recipes" / "demo.sh"


@pytest.fixture
def write_nothing(monkeypatch):
    """Let the demo write one corpus of three clips, and no tower."""
    monkeypatch.setattr("mmser.demo.write_demo_corpora", lambda root, *, seed: {"tess": 3})
    monkeypatch.setattr("mmser.demo.write_demo_towers", lambda root, *, seed: None)


@pytest.fixture
def run_script(tmp_path, monkeypatch):
    """Run recipes/demo.sh with a stand-in for mmser that fails at once: what it deleted is gone by then."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mmser").write_text("#!/bin/sh\nexit 1\n")
    (programs / "mmser").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return lambda folder: subprocess.run(["bash", str(SCRIPT), str(folder)], capture_output=True, check=False)


def test_the_demo_marks_its_folder_and_says_how_many_clips_there_are(write_nothing, tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo")]) == 0
    assert (tmp_path / "demo" / ".mmser-demo").is_file()
    assert capsys.readouterr().out == "tess        3 clips\n"
    assert main(["demo", str(tmp_path / "demo")]) == 0


def test_a_folder_of_other_files_is_code_1_and_nothing_is_written(write_nothing, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("mine")
    assert main(["demo", str(tmp_path)]) == 1
    assert "holds files that are not the demo's (no .mmser-demo among them)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder_for_the_demo(write_nothing, tmp_path, capsys):
    (tmp_path / "demo").write_text("mine")
    assert main(["demo", str(tmp_path / "demo")]) == 1
    assert "is a file, expected a folder for the demo" in capsys.readouterr().err


def test_the_script_deletes_an_earlier_demo(run_script, tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / ".mmser-demo").touch()
    (folder / "runs").mkdir()
    assert run_script(folder).returncode == 1
    assert not folder.exists()


def test_the_script_never_deletes_other_files(run_script, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    assert run_script(folder).returncode == 1
    assert (folder / "thesis.tex").read_text() == "mine"
