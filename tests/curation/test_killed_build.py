"""A build that is killed at any moment, and begun again, ends as if nothing had happened."""

import os
from pathlib import Path

import pytest

from killing import KilledBuild, iter_kills


@pytest.mark.slow
def test_a_killed_build_goes_on_and_gives_the_same_corpus(small_root, tmp_path):
    options = ("--folds", "3", "--transcripts", "reference", "--num-proc", "2", "--balance-to", "30")
    kills = iter_kills(KilledBuild(small_root, options), tmp_path, num_moments=3, seed=1)
    assert [is_same for _, is_same in kills] == [True] * 3


@pytest.mark.slow
@pytest.mark.weights
def test_a_killed_transcription_goes_on_and_gives_the_same_corpus(small_root, tmp_path):
    checkpoint = Path(os.environ["MMSER_MODELS"], "whisper-base.pt")
    options = ("--folds", "3", "--whisper", str(checkpoint), "--num-proc", "2", "--balance-to", "none")
    kills = iter_kills(KilledBuild(small_root, options), tmp_path, num_moments=2, seed=1)
    assert [is_same for _, is_same in kills] == [True] * 2
