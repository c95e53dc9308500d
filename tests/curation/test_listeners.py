import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mmser.curation.listeners import FasterWhisper, TranscriptionSettings, make_listener
from mmser.errors import CheckpointError, SettingsError, UnknownNameError


def segment(text, avg_logprob=-0.2, no_speech_prob=0.1, compression_ratio=1.0):
    return SimpleNamespace(
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=compression_ratio,
    )


@pytest.fixture
def faster_whisper(monkeypatch):
    """A stand-in of the package: what it was asked, and the segments that it hears in each clip."""
    package = ModuleType("faster_whisper")
    package.asked, package.segments = [], [[segment(" Dogs.")]]
    package.available_models = lambda: ["base", "tiny.en"]

    class WhisperModel:
        def __init__(self, source):
            if source == "tiny.en":
                raise ValueError("no snapshot")
            package.asked.append(source)

        def transcribe(self, waveform, **options):
            package.asked.append((waveform.dtype, options["language"]))
            return iter(package.segments.pop(0)), SimpleNamespace(language="de")

    def download_model(source):
        if source == "tiny.en":
            raise ValueError("no snapshot")
        package.asked.append(f"fetch {source}")

    package.WhisperModel, package.download_model = WhisperModel, download_model
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    return package


def listen(**settings):
    return make_listener(TranscriptionSettings(**{"backend": "faster-whisper", "whisper": "base"} | settings))


def test_an_unknown_backend_is_refused():
    with pytest.raises(UnknownNameError, match=r"Unknown transcription backend 'fast'"):
        listen(backend="fast")


def test_a_backend_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(SettingsError, match=r"not installed: pip install 'mmser\[faster-whisper\]'"):
        listen()


def test_a_checkpoint_that_faster_whisper_does_not_know_is_refused(faster_whisper):
    with pytest.raises(UnknownNameError, match=r"Unknown faster-whisper checkpoint 'bas'.*'base'"):
        listen(whisper="bas")


def test_a_language_that_whisper_does_not_know_is_refused(faster_whisper):
    with pytest.raises(UnknownNameError, match="Unknown language 'xx'"):
        listen(language="xx")


def test_faster_whisper_hears_each_clip_and_what_it_made_up_is_emptied(faster_whisper):
    faster_whisper.segments = [
        [segment(" Die Hunde"), segment(" schlafen.", avg_logprob=-0.4)],
        [segment(" la la la", compression_ratio=3.0)],
        [],  # it leaves out what it holds for silence
    ]
    heard = listen(language="de").decode([np.zeros(16_000)] * 3, [1, 2, 3])
    assert [(each.text, each.flag) for each in heard] == [
        ("Die Hunde schlafen.", ""),
        ("", "loop"),
        ("", "silence"),
    ]
    assert heard[0].avg_logprob == pytest.approx(-0.3)
    assert faster_whisper.asked == ["base"] + [(np.float32, "de")] * 3  # loaded once


def test_a_checkpoint_that_cannot_be_loaded_says_how_to_go_on(faster_whisper):
    with pytest.raises(CheckpointError, match=r"'tiny\.en' cannot be loaded \(no snapshot\).*converted"):
        listen(whisper="tiny.en").decode([np.zeros(16_000)], [1])


def test_the_checkpoint_of_a_name_is_fetched_and_that_of_a_folder_is_there(faster_whisper, tmp_path):
    listen().fetch()
    (tmp_path / "model.bin").write_bytes(b"weights")
    listen(whisper=str(tmp_path)).fetch()
    assert faster_whisper.asked == ["fetch base"]
    with pytest.raises(CheckpointError, match=r"'tiny\.en' cannot be loaded \(no snapshot\).*converted"):
        listen(whisper="tiny.en").fetch()


def test_what_changes_transcripts_is_in_the_identity(faster_whisper, tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    identities = {
        listen().identity,
        listen(language="de").identity,
        listen(whisper=str(tmp_path)).identity,
        listen(backend="openai-whisper").identity,
    }
    assert len(identities) == 4
    (tmp_path / "model.bin").write_bytes(b"other weights")
    assert listen(whisper=str(tmp_path)).identity not in identities


def test_clips_of_faster_whisper_are_ordered_by_their_durations(faster_whisper):
    assert isinstance(listen(), FasterWhisper)
    assert listen().bucket_s(1.25) == 1.25
