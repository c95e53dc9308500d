import numpy as np
import pytest

from factories_runs import REFERENCE, WHISPER
from factories_whisper import save_whisper_checkpoint
from mmser.audio.io import quantize
from mmser.errors import SettingsError
from mmser.inference.listening import Transcriber


def noise(seed):
    return quantize(0.1 * np.random.default_rng(seed).standard_normal(16_000).astype(np.float32))


def test_clips_that_sound_the_same_are_heard_once(fake_listener):
    transcriber = Transcriber(WHISPER | {"whisper": "tiny"})
    assert transcriber.transcribe([noise(0), noise(1), noise(0)]) == ["tiny en"] * 3
    assert fake_listener.heard == [2]


def test_a_transcript_does_not_depend_on_the_clips_beside_it(tmp_path):
    whisper = str(save_whisper_checkpoint(tmp_path / "tiny.pt"))
    transcriber = Transcriber(WHISPER, whisper)
    together = transcriber.transcribe([noise(0), noise(1)])
    assert together == [transcriber.transcribe([noise(seed)])[0] for seed in (0, 1)]


def test_language_and_backend_are_those_of_the_corpus(fake_listener):
    transcriber = Transcriber(WHISPER | {"whisper": "base", "language": "de"})
    assert transcriber.transcribe([noise(0)]) == ["base de"]


def test_reference_sentences_cannot_be_heard():
    with pytest.raises(SettingsError, match="trained on reference transcripts, not on Whisper's"):
        Transcriber(REFERENCE).check()


def test_a_model_that_was_trained_on_empty_texts_is_given_these():
    transcriber = Transcriber(REFERENCE | {"source": "none"})
    assert not transcriber.listens
    assert transcriber.transcribe([noise(0)]) == [""]
