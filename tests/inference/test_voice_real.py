import os
from pathlib import Path

import numpy as np
import pytest

from mmser.audio.io import read_waveform, resample
from mmser.corpora import read_clips
from mmser.inference.voice import hear


def load(path):
    return resample(*read_waveform(path))


@pytest.fixture(scope="module")
def root():
    return Path(os.environ["MMSER_CORPORA"])


def share_of_speech(waveform, voice):
    hearing = hear([waveform], voice)
    return sum(end_s - start_s for start_s, end_s in hearing.speech) / hearing.duration_s


@pytest.mark.corpus
@pytest.mark.parametrize("voice", ["silero", "energy"])
def test_somebody_speaks_in_the_clips_of_the_corpora(root, voice):
    clips = read_clips(root, ("ravdess", "tess"))[0]
    shares = [share_of_speech(load(clip.path), voice) for clip in clips[:: len(clips) // 40]]
    assert np.mean(np.array(shares) > 0.2) >= 0.9


@pytest.mark.corpus
def test_silero_takes_no_sound_of_esc_10_for_speech(root):
    files = sorted((root / "ESC-10").rglob("*.ogg"))
    if not files:
        pytest.skip("no ESC-10 below $MMSER_CORPORA")
    shares = [share_of_speech(load(path), "silero") for path in files[::4]]
    assert np.mean(np.array(shares) > 0.1) <= 0.1
