import json
import os
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import whisper

from factories_whisper import save_whisper_checkpoint
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import read_waveform
from mmser.curation import transcription
from mmser.curation.transcription import TranscriptionSettings, identify_checkpoint, transcribe_waveforms
from mmser.errors import CheckpointError, SettingsError, UnknownNameError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt"))


@pytest.fixture(scope="module")
def clips():
    """Hash -> waveform: noises of 1.0 to 1.4 s."""
    rng = np.random.default_rng(0)
    return {
        f"{index:08x}": (0.1 * rng.standard_normal(16_000 + 1_600 * index)).astype("f4") for index in range(5)
    }


def transcribe(clips, source, cache_dir=None, language="en"):
    durations_s = {key: len(waveform) / 16_000 for key, waveform in clips.items()}
    settings = TranscriptionSettings(source, language)
    return transcribe_waveforms(clips.__getitem__, durations_s, settings, cache_dir, progress=False)


@pytest.fixture(autouse=True)
def no_second_try(monkeypatch):
    """Random weights fail at every temperature; these tests are about what is kept, not what is heard."""
    monkeypatch.setattr("mmser.curation.whisper_decoding.TEMPERATURES", ())


@pytest.fixture
def no_model(monkeypatch):
    def refuse(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(transcription, "_load_model", refuse)


def test_a_second_run_finds_every_transcript_without_loading_a_model(
    clips, checkpoint, tmp_path, monkeypatch
):
    first = transcribe(clips, checkpoint, tmp_path)
    assert first.keys() == clips.keys()
    monkeypatch.setattr(transcription, "_load_model", lambda _: pytest.fail("a model was loaded"))
    assert transcribe(clips, checkpoint, tmp_path) == first


def test_a_line_cut_short_by_a_kill_is_transcribed_again_and_costs_no_other(
    clips, checkpoint, tmp_path, monkeypatch
):
    first = transcribe(clips, checkpoint, tmp_path)
    (file,) = tmp_path.glob("transcripts/*.jsonl")
    file.write_bytes(file.read_bytes()[:-10])
    decoded = []
    original = transcription._decode
    monkeypatch.setattr(
        transcription,
        "_decode",
        lambda model, keys, *rest: decoded.extend(keys) or original(model, keys, *rest),
    )
    assert transcribe(clips, checkpoint, tmp_path) == first
    assert len(decoded) == 1
    decoded.clear()
    assert transcribe(clips, checkpoint, tmp_path) == first  # the new line did not join the torn one
    assert decoded == []


def test_what_was_transcribed_before_an_interrupt_is_kept(clips, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(transcription, "BATCH_SIZE", 2)
    original, batches = transcription._decode, []

    def interrupt_the_second(model, keys, *rest):
        batches.append(keys)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return original(model, keys, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(transcription, "_decode", interrupt_the_second)
        with pytest.raises(KeyboardInterrupt):
            transcribe(clips, checkpoint, tmp_path)
    (file,) = tmp_path.glob("transcripts/*.jsonl")
    assert [json.loads(line)["sha256"] for line in file.read_text().rstrip("\n").split("\n")] == batches[0]
    assert transcribe(clips, checkpoint, tmp_path).keys() == clips.keys()


def test_another_checkpoint_or_language_has_a_cache_of_its_own(clips, checkpoint, tmp_path):
    other = str(save_whisper_checkpoint(tmp_path / "other.pt", seed=1))
    transcribe(clips, checkpoint, tmp_path)
    transcribe(clips, other, tmp_path)
    transcribe(clips, checkpoint, tmp_path, language="de")
    assert len(list(tmp_path.glob("transcripts/*.jsonl"))) == 3


def test_a_path_and_a_name_share_the_cache_of_one_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    path.write_bytes(b"weights")
    digest = "3a9f64b2a09a7f2bb9b8cee1a8f2cbb3f4c9f2b6d0b7a3a4d7d0c2e5f1a6b7c8"
    monkeypatch.setitem(whisper._MODELS, "mine", f"https://example.org/{digest}/mine.pt")
    assert identify_checkpoint("mine") == digest[:16]
    import hashlib

    assert identify_checkpoint(str(path)) == hashlib.sha256(b"weights").hexdigest()[:16]


@pytest.mark.usefixtures("no_model")
def test_an_unknown_checkpoint_is_refused_and_the_nearest_named(clips):
    with pytest.raises(UnknownNameError, match=r"Unknown Whisper checkpoint 'bse'.*Did you mean 'base'"):
        transcribe(clips, "bse")


@pytest.mark.usefixtures("no_model")
def test_a_path_without_a_file_is_refused(clips, tmp_path):
    with pytest.raises(SettingsError, match=r"no\.pt: no such file. Give a name"):
        transcribe(clips, str(tmp_path / "no.pt"))


def test_an_unknown_language_is_refused(clips, checkpoint):
    with pytest.raises(UnknownNameError, match="Unknown language 'xx'"):
        transcribe(clips, checkpoint, language="xx")


def test_an_english_checkpoint_is_refused_for_another_language(clips, tmp_path):
    english = str(save_whisper_checkpoint(tmp_path / "english.pt", multilingual=False))
    with pytest.raises(SettingsError, match="knows English alone, got language 'de'"):
        transcribe(clips, english, language="de")


def test_a_file_that_is_no_checkpoint_is_refused(clips, tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"no weights")
    with pytest.raises(
        CheckpointError, match=r"(?s)bad\.pt' cannot be loaded.*without network give the path"
    ):
        transcribe(clips, str(tmp_path / "bad.pt"))


def test_a_name_that_cannot_be_downloaded_says_how_to_go_on(clips, monkeypatch):
    def fail(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(whisper, "load_model", fail)
    with pytest.raises(
        CheckpointError, match=r"'base' cannot be loaded.*no route.*without network give the path"
    ):
        transcribe(clips, "base")


@pytest.mark.corpus
@pytest.mark.weights
def test_whisper_base_hears_the_sentences_of_real_clips():
    root, models = Path(os.environ["MMSER_CORPORA"]), Path(os.environ["MMSER_MODELS"])
    files = {
        "dogs are sitting by the door": root / "RAVDESS/Actor_01/03-01-03-01-02-01-01.wav",
        "kids are talking by the door": root / "RAVDESS/Actor_02/03-01-05-01-01-01-02.wav",
    }
    clips = {
        f"{index:08x}": clean_waveform(*read_waveform(path), CleaningSettings())
        for index, path in enumerate(files.values())
    }
    heard = transcribe(clips, str(models / "whisper-base.pt"))
    for transcript, sentence in zip(heard.values(), files, strict=True):
        assert transcript.text.lower().rstrip(".") == sentence
