import json

import pytest
from datasets import DatasetDict

from factories_audio import make_speech
from factories_audit import add_noise, make_row, make_split
from factories_corpus import write_corpus
from mmser.cli import main


@pytest.fixture
def audit(tmp_path, capsys):
    """Save splits, audit them, and return exit code and output."""

    def _audit(*options, **rows):
        folder = tmp_path / "dataset"
        DatasetDict({split: make_split(of_split) for split, of_split in rows.items()}).save_to_disk(folder)
        code = main(["audit", str(folder), "--num-proc", "1", *options])
        return code, capsys.readouterr().out

    return _audit


def _noisy_copies(count):
    """The same recordings in train, and with noise in test."""
    sounds = [make_speech(seed=seed) for seed in range(count)]
    train = [make_row(f"a{number}", sound) for number, sound in enumerate(sounds)]
    return {
        "train": train,
        "test": [make_row(f"b{number}", add_noise(sound, 20)) for number, sound in enumerate(sounds)],
    }


def test_a_dataset_that_keeps_its_promises_is_code_0(audit, tmp_path):
    code, out = audit(train=[make_row("a")], test=[make_row("b")])
    assert code == 0
    assert out.startswith(f"{tmp_path / 'dataset'}: 2 clips, protocol speaker\n")
    assert "kept: speaker, source, audio, copy\nleaking clips: none\n" in out


def test_a_broken_promise_is_code_1_and_the_first_pairs_are_named(audit):
    code, out = audit("--first", "2", **_noisy_copies(3))
    assert code == 1
    assert "BROKEN audio: 3 in test and train (clips: 3 test, 3 train)" in out
    assert "mine/a0 ~ mine/b0 (0." in out
    assert "mine/a2 ~ mine/b2" not in out
    assert "and 1 more" in out


def test_all_names_all_pairs(audit):
    _, out = audit("--all", **_noisy_copies(6))
    assert all(f"mine/a{number} ~ mine/b{number}" in out for number in range(6))


def test_json_holds_all_pairs_and_nothing_else_is_printed(audit):
    code, out = audit("--json", **_noisy_copies(6))
    found = json.loads(out)
    assert (code, found["protocol"], found["kept"]) == (1, "speaker", False)
    assert len(found["broken"][0]["found"]) == 6


def test_the_protocol_says_which_promises_count(audit):
    rows = {"train": [make_row("a", speaker="mine/1")], "test": [make_row("b", speaker="mine/1")]}
    assert audit(**rows)[0] == 1
    code, out = audit("--protocol", "stratified", **rows)
    assert code == 0
    assert "note speaker: 1 in test and train (clips: 1 test, 1 train), e.g. mine/1" in out


def test_a_corpus_is_audited_under_its_own_protocol(tmp_path, capsys):
    folder = write_corpus(tmp_path / "corpus", num_train=6, num_test=3)
    record = json.loads((folder / "corpus.json").read_text())
    record["settings"]["protocol"] = "stratified"
    (folder / "corpus.json").write_text(json.dumps(record))
    assert main(["audit", str(folder), "--num-proc", "1"]) == 0
    assert "12 clips, protocol stratified" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--protocol", "speakr"], 2, "error: Unknown protocol 'speakr'"),
        (["--first", "0"], 2, "error: --first 0: expected 1 or more"),
        (["--num-proc", "0"], 2, "error: --num-proc 0: expected 1 or more"),
        ([], 1, "no such folder, expected a dataset"),
    ],
)
def test_wrong_usage_is_code_2_and_a_missing_dataset_code_1(tmp_path, capsys, options, code, message):
    folder = tmp_path / "dataset"
    if options:
        DatasetDict(train=make_split([make_row("a")])).save_to_disk(folder)
    assert main(["audit", str(folder), *options]) == code
    assert message in capsys.readouterr().err
