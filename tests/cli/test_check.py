import json

import pytest

from factories_doctor import make_wav, write_whole_corpus
from mmser.cli import main
from mmser.corpora import CORPORA


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with SAVEE and EMO-DB, whole; read only."""
    root = tmp_path_factory.mktemp("whole")
    write_whole_corpus(root, "savee")
    return write_whole_corpus(root, "emodb")


def check(root, *options):
    return main(["check", "--root", str(root), "--num-proc", "1", *options])


def test_whole_corpora_are_code_0_and_the_others_are_said_to_be_absent(whole, capsys):
    assert check(whole) == 0
    out = capsys.readouterr().out
    assert "SAVEE (savee): 480 of 480 clips, complete\n" in out
    assert "EMO-DB (emodb): 535 of 535 clips, complete\n" in out
    assert "IEMOCAP (iemocap): not there\n" in out
    num_absent = len(CORPORA) - 2
    assert out.endswith(f"0 errors, 0 warnings, {num_absent} notes: nothing here would spoil a build.\n")


def test_words_of_a_table_are_explained_as_for_a_build(tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(make_wav())
    (tmp_path / "mine.csv").write_text("path,emotion,speaker\na.wav,wild,x\n")
    options = ("--corpora", f"csv:{tmp_path / 'mine.csv'}")
    assert check(tmp_path, *options) == 1
    assert "--emotion-map" in capsys.readouterr().err
    check(tmp_path, *options, "--emotion-map", "wild=angry")
    captured = capsys.readouterr()
    assert "error:" not in captured.err
    assert "mine" in captured.out


@pytest.mark.parametrize("names", [["savee,emodb"], ["savee", "emodb"]])
def test_only_the_corpora_named_are_examined_and_json_is_all_that_is_printed(whole, names, capsys):
    assert check(whole, "--json", "--corpora", *names) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert [(corpus["name"], corpus["complete"]) for corpus in report["corpora"]] == [
        ("savee", True),
        ("emodb", True),
    ]


def test_missing_clips_are_code_0_and_json_names_each(whole, tmp_path, capsys):
    clip = tmp_path / "SAVEE/DC_a01.wav"
    clip.parent.mkdir()
    clip.write_bytes(make_wav(44_100))
    assert check(tmp_path, "--json", "--corpora", "savee") == 0
    (savee,) = json.loads(capsys.readouterr().out)["corpora"]
    assert (savee["found"], savee["missing"], len(savee["missing_names"])) == (1, 479, 479)


def test_what_would_spoil_a_build_is_code_1(tmp_path, capsys):
    (tmp_path / "DC_a01.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (tmp_path / "DC_a02.wav").write_bytes(make_wav(44_100))
    assert check(tmp_path) == 1
    out = capsys.readouterr().out
    assert "  error    Git LFS pointers in place of audio: 1.\n             DC_a01.wav\n" in out
    assert "1 error, 1 warning, " in out


def test_a_folder_with_nothing_in_it_is_code_1(tmp_path, capsys):
    assert check(tmp_path) == 1
    assert "None of the corpora asked for is there." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--corpora", "savve"], 2, "Did you mean 'savee'"),
        (["--num-proc", "0"], 2, "--num-proc 0: expected 1 or more"),
        (["--root", "gone"], 1, "gone: does not exist"),
        (["--corpora", "csv:gone.csv"], 1, "gone.csv: no such file"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_a_message(whole, options, code, message, capsys):
    assert check(whole, *options) == code
    assert message in capsys.readouterr().err
