"""Real clips that features are compared on."""

import os
from pathlib import Path

import pytest

from mmser.audio.io import read_waveform, resample


@pytest.fixture(scope="session")
def real_waveforms():
    """Twenty clips of RAVDESS at 16 kHz; for tests with the marker ``corpus``."""
    files = sorted(Path(os.environ["MMSER_CORPORA"]).glob("RAVDESS/Actor_0*/*-01.wav"))[:20]
    assert len(files) == 20
    return [resample(*read_waveform(file)) for file in files]
