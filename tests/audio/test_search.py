import numpy as np
import pytest

from factories_audio import make_speech
from factories_audit import add_noise, cut
from mmser.audio import search
from mmser.audio.fingerprint import SAME_RECORDING, fingerprint_waveform
from mmser.audio.search import find_copies


@pytest.fixture(scope="module")
def parts():
    """Three parts of three or four clips; (1, 3) is (0, 1) with noise, (2, 2) is (1, 0) trimmed."""
    speech = [make_speech(seed=seed) for seed in range(8)]
    sounds = [
        speech[0:3],
        [*speech[3:6], add_noise(speech[1], 15)],
        [*speech[6:8], cut(speech[3], 150, 90)],
    ]
    return [[fingerprint_waveform(sound) for sound in of_part] for of_part in sounds]


SOURCES = [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]


def _pairs(matches):
    return [(match.first, match.second) for match in matches]


def test_copies_in_other_parts_are_found_and_nothing_else(parts):
    matches = find_copies(parts, SOURCES)
    assert _pairs(matches) == [((0, 1), (1, 3)), ((1, 0), (2, 2))]
    assert all(SAME_RECORDING <= match.similarity < 1 for match in matches)


def test_clips_of_one_part_are_not_compared(parts):
    together = [clip for part in parts for clip in part]
    assert find_copies([together], [range(10)]) == []


def test_clips_of_one_source_are_left_out(parts):
    assert _pairs(find_copies(parts, [[0, 6, 2], *SOURCES[1:]])) == [((1, 0), (2, 2))]


@pytest.mark.parametrize(
    ("name", "value"), [("_HITS_AT_ONCE", 1), ("_CLIPS_AT_ONCE", 1), ("_CLIPS_AT_ONCE", 2)]
)
def test_the_work_may_be_cut_anywhere(parts, monkeypatch, name, value):
    whole = find_copies(parts, SOURCES)
    monkeypatch.setattr(search, name, value)
    assert find_copies(parts, SOURCES) == whole


def test_every_copy_in_another_part_is_a_pair_of_its_own(parts):
    original, copy = parts[0][1], parts[1][3]
    pairs = _pairs(find_copies([[parts[0][0], original], [original, copy]], [[0, 1], [2, 3]]))
    assert pairs == [((0, 1), (1, 0)), ((0, 1), (1, 1))]


def test_landmarks_that_are_everywhere_are_not_looked_up(parts, monkeypatch):
    # ten times the same clip in each part: a hundred pairs, unless its landmarks are taken for common ones
    same, sources = [parts[0][0]] * 10, [range(10), range(10, 20)]
    assert len(find_copies([same, same], sources)) == 100
    monkeypatch.setattr(search, "_MAX_POSTINGS", 9)
    assert find_copies([same, same], sources) == []


def test_silent_clips_and_empty_parts_have_no_copies(parts):
    silence = fingerprint_waveform(np.zeros(16_000, np.float32))
    assert find_copies([[silence], [silence, parts[0][0]]], [[0], [1, 2]]) == []
    assert find_copies([[parts[0][0]], [silence]], [[0], [1]]) == []
    assert find_copies([parts[0], []], [SOURCES[0], []]) == []
    assert find_copies([], []) == []
