from dataclasses import replace

import pytest

from factories_http import Answer, Publisher, make_zip
from mmser.cli import main
from mmser.corpora import CORPORA, fetching
from mmser.corpora.sources import Archive, RemoteFile

EMODB = {"wav/03a01Fa.wav": b"RIFF one", "wav/03a01Nc.wav": b"RIFF two"}
RAVDESS = {"Actor_01/03-01-01-01-01-01-01.wav": b"RIFF three"}


@pytest.fixture
def publisher(monkeypatch):
    """EMO-DB and RAVDESS in small, published here."""
    monkeypatch.setattr(fetching, "PAUSE_S", 0)
    with Publisher() as publisher:
        for name, folder, members in (("emodb", "EMO-DB", EMODB), ("ravdess", "RAVDESS", RAVDESS)):
            source = Archive(
                folder, RemoteFile(publisher.publish(f"/{name}.zip", make_zip(members)), "a.zip")
            )
            info = replace(CORPORA[name].info, num_clips=len(members), source=source)
            monkeypatch.setitem(CORPORA, name, replace(CORPORA[name], info=info))
        yield publisher


@pytest.fixture
def fetch(publisher, tmp_path):
    return lambda *arguments: main(["download", *arguments, "--root", str(tmp_path / "data")])


def test_corpora_are_fetched_once_their_licences_are_accepted(fetch, tmp_path, capsys):
    assert fetch("emodb", "ravdess", "--accept-licence") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "EMO-DB: licence as its page says, see http://emodb.bilderbar.info"
    assert lines[1] == "RAVDESS, speech: licence CC BY-NC-SA 4.0, see https://zenodo.org/records/1188976"
    assert lines[2].startswith(
        f"emodb: 2 clips, fetched to {tmp_path / 'data' / 'EMO-DB'}. Please cite: Burkhardt"
    )
    assert lines[3].startswith("ravdess: 1 clip, fetched to ")
    assert (tmp_path / "data/EMO-DB/wav/03a01Nc.wav").read_bytes() == b"RIFF two"


def test_the_other_spelling_of_licence_is_taken_too(fetch):
    assert fetch("emodb", "--accept-license") == 0


def test_a_second_run_fetches_nothing(fetch, publisher, tmp_path, capsys):
    fetch("emodb", "--accept-licence")
    num_requests = len(publisher.requests)
    assert fetch("emodb", "--accept-licence") == 0
    assert len(publisher.requests) == num_requests
    assert f"emodb: 2 clips, already in {tmp_path / 'data'}. " in capsys.readouterr().out


def test_without_the_flag_licences_are_shown_and_nothing_is_fetched(fetch, publisher, tmp_path, capsys):
    assert fetch("ravdess", "emodb") == 2
    printed = capsys.readouterr()
    assert "RAVDESS, speech: licence CC BY-NC-SA 4.0" in printed.out
    assert "licences above are accepted" in printed.err
    assert f"`mmser download ravdess emodb --root {tmp_path / 'data'} --accept-licence`" in printed.err
    assert publisher.requests == []
    assert not (tmp_path / "data").exists()


def test_corpora_on_request_are_explained_while_the_others_are_fetched(fetch, tmp_path, capsys):
    assert fetch("savee", "emodb", "iemocap", "--accept-licence") == 1
    printed = capsys.readouterr()
    assert (
        "error: savee: SAVEE cannot be downloaded freely. Register at the University of Surrey" in printed.err
    )
    assert "error: iemocap: IEMOCAP cannot be downloaded freely. Ask USC SAIL" in printed.err
    assert "emodb: 2 clips, fetched to" in printed.out


def test_where_to_ask_needs_no_flag(fetch, capsys):
    assert fetch("savee") == 1
    assert "Register at the University of Surrey" in capsys.readouterr().err


def test_a_corpus_that_fails_does_not_keep_the_others_from_being_fetched(fetch, publisher, capsys):
    publisher.always["/emodb.zip"] = Answer(status=404)
    assert fetch("emodb", "ravdess", "--accept-licence") == 1
    printed = capsys.readouterr()
    assert f"error: emodb: {publisher.url('/emodb.zip')} (for a.zip): the server answers 404" in printed.err
    assert "ravdess: 1 clip, fetched to" in printed.out


def test_a_corpus_named_twice_is_fetched_once(fetch, capsys):
    assert fetch("emodb", "emodb", "--accept-licence") == 0
    assert capsys.readouterr().out.count("emodb: 2 clips") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ravdes"], "Did you mean 'ravdess'?"),
        (["emodb", "--jobs", "0"], "--jobs 0: expected 1 or more."),
    ],
)
def test_wrong_usage_exits_2(fetch, capsys, arguments, message):
    assert fetch(*arguments, "--accept-licence") == 2
    assert message in capsys.readouterr().err


def test_a_root_that_is_a_file_is_wrong_usage(publisher, tmp_path, capsys):
    (tmp_path / "data").touch()
    assert main(["download", "emodb", "--root", str(tmp_path / "data"), "--accept-licence"]) == 2
    assert "is a file, expected a folder" in capsys.readouterr().err
