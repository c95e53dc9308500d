import numpy as np
import pytest

import mmser
from factories_audio import write_clip
from mmser.curation import builder, preparing
from mmser.curation.audit import AuditResult, Leak, Overlap
from mmser.errors import (
    CheckpointError,
    CorpusNotFoundError,
    EmptySplitError,
    LeakError,
    OutputExistsError,
    SettingsError,
)


def test_a_broken_promise_is_an_error_and_nothing_is_written(build, tmp_path, monkeypatch):
    leak = Leak("speaker", "test and train", (Overlap("savee/DC", {"test": ["a"], "train": ["b"]}),))
    monkeypatch.setattr(builder, "audit", lambda *_, **__: AuditResult((leak,), ()))
    with pytest.raises(
        LeakError,
        match=r"'speaker' is broken: speaker: 1 in test and train .*1 train\), e\.g\. savee/DC",
    ):
        build()
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_no_corpus_has_is_an_error(build, tmp_path):
    with pytest.raises(
        EmptySplitError, match="'calm' has no training clip: no clip of it is left from savee"
    ):
        build(corpora=("savee",))
    assert list(tmp_path.iterdir()) == []


def test_nothing_left_after_cleaning_is_an_error(build, tmp_path):
    root = tmp_path / "root"
    write_clip(root / "DC_a01.wav", np.zeros(20_000, np.float32))
    with pytest.raises(EmptySplitError, match=r"No clip is left of 1 after cleaning \(.*silent.*1"):
        build(root=root)


def test_a_missing_root_and_an_empty_one_are_errors(build, tmp_path):
    with pytest.raises(CorpusNotFoundError, match="does not exist"):
        build(root=tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusNotFoundError):
        build(root=tmp_path / "empty")


def test_a_checkpoint_that_cannot_be_had_is_found_before_the_clips_are_cleaned(
    build, tmp_path, monkeypatch, fake_listener
):
    def fail(_):
        raise CheckpointError("no network")

    monkeypatch.setattr(fake_listener, "fetch", fail)
    monkeypatch.setattr(preparing, "clean_clips", lambda *_, **__: pytest.fail("clips were cleaned"))
    with pytest.raises(CheckpointError, match="no network"):
        build(transcripts="whisper", cache_dir=tmp_path / "cache")


def test_a_checkpoint_is_not_asked_for_where_its_transcripts_are_kept(
    build, tmp_path, monkeypatch, fake_listener
):
    build("first", transcripts="whisper", cache_dir=tmp_path / "cache")
    monkeypatch.setattr(fake_listener, "fetch", lambda _: pytest.fail("a checkpoint was fetched"))
    heard = len(fake_listener.heard)
    build("second", transcripts="whisper", cache_dir=tmp_path / "cache")
    assert len(fake_listener.heard) == heard > 0


def test_a_corpus_is_not_overwritten_unless_asked(build):
    before = mmser.load_corpus(build(balance_to="3"))
    with pytest.raises(OutputExistsError, match="--overwrite"):
        build()
    after = mmser.load_corpus(build(balance_to="4", overwrite=True))
    assert (len(before["train"]), len(after["train"])) == (21, 28)


def test_settings_are_checked_before_anything_is_read(build, tmp_path):
    with pytest.raises(SettingsError, match="Fold 9 of 3"):
        build(root=tmp_path / "gone", fold=9)
