import hashlib
import urllib.error

import pytest
import torch
import whisper

from factories_whisper import save_whisper_checkpoint
from mmser.curation.whisper_checkpoints import (
    check_checkpoint,
    fetch_checkpoint,
    identify_checkpoint,
    load_whisper,
)
from mmser.errors import CheckpointError, SettingsError, UnknownNameError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt"))


def test_a_path_and_a_name_of_one_checkpoint_are_the_same(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setitem(whisper._MODELS, "mine", f"https://example.org/{digest}/mine.pt")
    assert identify_checkpoint("mine") == identify_checkpoint(str(path)) == digest[:16]


def test_an_unknown_checkpoint_is_refused_and_the_nearest_named():
    with pytest.raises(UnknownNameError, match=r"Unknown Whisper checkpoint 'bse'.*Did you mean 'base'"):
        check_checkpoint("bse", "en")


def test_a_path_without_a_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"no\.pt: no such file\. Give a name of openai-whisper"):
        check_checkpoint(str(tmp_path / "no.pt"), "en")


def test_a_folder_of_transformers_is_refused_with_what_it_serves_for(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        SettingsError, match=r"is a folder, expected a name of openai-whisper.*--audio-encoder"
    ):
        check_checkpoint(str(tmp_path), "en")


def test_a_folder_that_happens_to_be_named_like_a_checkpoint_is_not_meant(tmp_path, monkeypatch):
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    check_checkpoint("base", "en")


def test_an_unknown_language_is_refused(checkpoint):
    with pytest.raises(UnknownNameError, match="Unknown language 'xx'"):
        check_checkpoint(checkpoint, "xx")


def test_english_checkpoints_are_refused_for_another_language(tmp_path):
    english = str(save_whisper_checkpoint(tmp_path / "english.pt", multilingual=False))
    for source in ("tiny.en", english):
        check_checkpoint(source, "en")
        with pytest.raises(SettingsError, match="knows English alone, got language 'de'"):
            check_checkpoint(source, "de")


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bad\.pt: holds no openai-whisper checkpoint"):
        check_checkpoint(str(tmp_path / "bad.pt"), "en")


def test_weights_of_something_else_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other\.pt: holds no openai-whisper checkpoint.*dims"):
        check_checkpoint(str(tmp_path / "other.pt"), "en")


def test_a_name_that_cannot_be_downloaded_says_how_to_go_on(monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(whisper, "load_model", fail)
    with pytest.raises(
        CheckpointError, match=r"'large' cannot be loaded.*no route.*without network give the path"
    ):
        load_whisper("large")


def test_a_name_is_fetched_to_where_whisper_keeps_it_and_no_second_time(tmp_path, monkeypatch):
    weights = tmp_path / "published" / hashlib.sha256(b"weights").hexdigest() / "mine.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    monkeypatch.setitem(whisper._MODELS, "mine", weights.as_uri())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fetch_checkpoint("mine")
    assert (tmp_path / "whisper" / "mine.pt").read_bytes() == b"weights"
    weights.unlink()
    fetch_checkpoint("mine")


def test_a_name_that_cannot_be_fetched_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setitem(whisper._MODELS, "mine", (tmp_path / "0f" / "mine.pt").as_uri())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"'mine' cannot be loaded \(.*without network give the path"):
        fetch_checkpoint("mine")


def test_a_file_needs_no_fetching(checkpoint, monkeypatch):
    fetched = []
    monkeypatch.setattr(whisper, "_download", lambda *about: fetched.append(about))
    fetch_checkpoint(checkpoint)
    assert not fetched


def test_a_checkpoint_is_loaded_once_a_process(checkpoint):
    assert load_whisper(checkpoint) is load_whisper(checkpoint)
    assert not load_whisper(checkpoint).training
