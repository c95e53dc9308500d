import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import mmser
from factories_audio import write_small_root
from factories_whisper import save_whisper_checkpoint
from mmser.cli import main


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def arguments(root, tmp_path):
    return ["--root", str(root), "--cache-dir", str(tmp_path / "cache"), "--num-proc", "1"]


def read_lines(tmp_path):
    (file,) = (tmp_path / "cache" / "transcripts").iterdir()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_clips_are_transcribed_into_the_cache_and_their_word_error_rates_printed(
    arguments, tmp_path, capsys, fake_listener
):
    assert main(["transcribe", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "transcribed 66 clips"
    assert "tess: word error rate 100.0 % over 12 clips" in lines  # "base en" for "Say the word …"
    assert lines[-1] == "emptied: 0 of 66"
    assert len(read_lines(tmp_path)) == sum(fake_listener.heard) == 66


def test_a_build_after_it_transcribes_nothing(arguments, root, tmp_path, fake_listener):
    main(["transcribe", *arguments, "--corpora", "ravdess,savee", "--language", "de"])
    del fake_listener.heard[:]
    mmser.build_corpus(
        root,
        tmp_path / "out",
        corpora=("ravdess", "savee"),
        language="de",
        cache_dir=tmp_path / "cache",
        folds=3,
        num_proc=1,
    )
    assert fake_listener.heard == []


def test_a_checkpoint_that_is_not_there_is_found_before_clips_are_cleaned(arguments, tmp_path, capsys):
    assert main(["transcribe", *arguments, "--whisper", "no.pt"]) == 2
    assert "no.pt: no such file" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_damaged_files_make_the_exit_code_1(arguments, root, tmp_path, fake_listener):
    damaged = tmp_path / "root"
    shutil.copytree(root, damaged)
    next(damaged.rglob("*.wav")).write_bytes(b"no audio")
    arguments[1] = str(damaged)
    assert main(["transcribe", *arguments]) == 1
    assert len(read_lines(tmp_path)) == 65


def test_a_cache_that_cannot_be_written_is_found_before_the_work(arguments, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["transcribe", *arguments, "--cache-dir", str(tmp_path / "file" / "cache")]) == 2
    assert re.search(
        r"--cache-dir \S+cache: cannot be written to \(Not a directory\)", capsys.readouterr().err
    )


@pytest.mark.slow
def test_two_processes_share_the_clips(arguments, tmp_path):
    checkpoint = save_whisper_checkpoint(tmp_path / "tiny.pt")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "mmser"]
    done = subprocess.run(
        [*command, "transcribe", *arguments, "--corpora", "savee", "--whisper", str(checkpoint)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("transcribed 12 clips") == 1  # by the main process alone
    assert len(read_lines(tmp_path)) == 12  # none twice
