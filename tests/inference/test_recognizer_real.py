import os
from pathlib import Path

import numpy as np
import pytest

from factories_corpus import CLASSES
from factories_runs import WHISPER
from mmser import EmotionRecognizer
from mmser.audio.cleaning import CleaningSettings
from mmser.corpora import read_clips
from mmser.models.fusion import build_fusion


@pytest.fixture(scope="module")
def recognizer():
    """Real encoders under a random classifier, and a real Whisper."""
    models = Path(os.environ["MMSER_MODELS"])
    model, processor = build_fusion(str(models / "whisper-tiny.en"), str(models / "minilm-l6"), CLASSES)
    model.config.preprocessing = {"cleaning": CleaningSettings().to_dict(), "transcripts": WHISPER}
    return EmotionRecognizer(model, processor, whisper=str(models / "whisper-base.pt"))


@pytest.mark.corpus
@pytest.mark.weights
def test_real_clips_are_heard_and_answered_alone_as_together(recognizer):
    clips = read_clips(Path(os.environ["MMSER_CORPORA"]), ("ravdess", "tess"))[0]
    paths = [clip.path for clip in clips[:: len(clips) // 12]][:12]
    together = recognizer.predict(paths, batch_size=5)
    alone = [recognizer.predict([path])[0] for path in paths]
    assert [each.transcript for each in together] == [each.transcript for each in alone]
    probabilities = [[list(each.probabilities.values()) for each in some] for some in (together, alone)]
    np.testing.assert_allclose(*probabilities, atol=1e-5)
    assert np.ptp(probabilities[0], axis=0).min() > 1e-3  # else the comparison would say nothing
    words = " ".join(each.transcript or "" for each in together).lower()
    assert "sitting by the door" in words or "talking by the door" in words
    assert "say the word" in words
