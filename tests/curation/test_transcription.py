import json
import os
from pathlib import Path

import numpy as np
import pytest

from factories_whisper import FakeListener, save_whisper_checkpoint
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import read_waveform
from mmser.corpora import read_clips
from mmser.curation import transcription
from mmser.curation.listeners import OpenAIWhisper, TranscriptionSettings
from mmser.curation.transcription import EVERYTHING, Share, transcribe_waveforms
from mmser.curation.word_errors import make_normalizer, word_error_rate


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


def transcribe(clips, source, cache_dir=None, language="en", share=EVERYTHING):
    durations_s = {key: len(waveform) / 16_000 for key, waveform in clips.items()}
    settings = TranscriptionSettings(source, language)
    return transcribe_waveforms(
        clips.__getitem__, durations_s, settings, cache_dir, share=share, progress=False
    )


@pytest.fixture(autouse=True)
def no_second_try(monkeypatch):
    """Random weights fail at every temperature; these tests are about what is kept, not what is heard."""
    monkeypatch.setattr("mmser.curation.whisper_decoding.TEMPERATURES", ())


def test_a_second_run_finds_every_transcript_without_loading_a_model(
    clips, checkpoint, tmp_path, monkeypatch
):
    first = transcribe(clips, checkpoint, tmp_path)
    assert first.keys() == clips.keys()
    monkeypatch.setattr("mmser.curation.listeners.load_whisper", lambda _: pytest.fail("a model was loaded"))
    assert transcribe(clips, checkpoint, tmp_path) == first


def test_a_line_cut_short_by_a_kill_is_transcribed_again_and_costs_no_other(
    clips, checkpoint, tmp_path, monkeypatch
):
    first = transcribe(clips, checkpoint, tmp_path)
    (file,) = tmp_path.glob("transcripts/*.jsonl")
    file.write_bytes(file.read_bytes()[:-10])
    decoded = []
    original = OpenAIWhisper.decode
    monkeypatch.setattr(
        OpenAIWhisper, "decode", lambda self, *clips: decoded.extend(clips[1]) or original(self, *clips)
    )
    assert transcribe(clips, checkpoint, tmp_path) == first
    assert len(decoded) == 1
    decoded.clear()
    assert transcribe(clips, checkpoint, tmp_path) == first  # the new line did not join the torn one
    assert decoded == []


def test_what_was_transcribed_before_an_interrupt_is_kept(clips, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(transcription, "BATCH_SIZE", 2)
    original, batches = OpenAIWhisper.decode, []

    def interrupt_the_second(listener, waveforms, seeds):
        batches.append([f"{seed:08x}" for seed in seeds])
        if len(batches) == 2:
            raise KeyboardInterrupt
        return original(listener, waveforms, seeds)

    with monkeypatch.context() as patch:
        patch.setattr(OpenAIWhisper, "decode", interrupt_the_second)
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


def test_the_longest_clips_are_heard_first_in_batches_of_one_bucket(monkeypatch, fake_listener):
    monkeypatch.setattr(transcription, "BATCH_SIZE", 2)
    monkeypatch.setattr(FakeListener, "bucket_s", lambda self, duration_s: round(duration_s))
    loaded = []
    durations_s = {"0a": 1.1, "0b": 3.0, "0c": 0.9, "0d": 3.2, "0e": 2.9}
    transcribe_waveforms(
        lambda key: loaded.append(key) or np.zeros(1),
        durations_s,
        TranscriptionSettings(),
        None,
        progress=False,
    )
    assert loaded == ["0b", "0d", "0e", "0a", "0c"]
    assert fake_listener.heard == [2, 1, 2]


def test_processes_share_the_clips_whatever_is_in_the_cache_already(clips, tmp_path, fake_listener):
    shares = [Share(process, 3) for process in range(3)]
    parts = [transcribe(clips, "base", tmp_path, share=share) for share in shares]
    assert [sorted(part) for part in parts] == [
        ["00000000", "00000003"],
        ["00000001", "00000004"],
        ["00000002"],
    ]
    assert sum(fake_listener.heard) == 5
    assert transcribe(clips, "base", tmp_path).keys() == clips.keys()
    assert sum(fake_listener.heard) == 5


@pytest.mark.corpus
@pytest.mark.weights
def test_whisper_base_understands_real_clips():
    # looping whisper.transcribe over clips of these two corpora errs in 3 and 9 words of a hundred
    checkpoint = str(Path(os.environ["MMSER_MODELS"]) / "whisper-base.pt")
    clips, _ = read_clips(Path(os.environ["MMSER_CORPORA"]), ("ravdess", "tess"))
    chosen = [clip for clip in clips if clip.reference][::40]
    sounds = {
        f"{number:08x}": clean_waveform(*read_waveform(clip.path), CleaningSettings())
        for number, clip in enumerate(chosen)
    }
    heard = transcribe(sounds, checkpoint)
    normalize = make_normalizer("en")
    pairs = [
        (normalize(clip.reference), normalize(transcript.text))
        for clip, transcript in zip(chosen, heard.values(), strict=True)
    ]
    assert len(pairs) > 30
    assert word_error_rate(pairs) < 0.1
    first = dict(list(sounds.items())[:1])
    assert transcribe(first, checkpoint)["00000000"].text == heard["00000000"].text
