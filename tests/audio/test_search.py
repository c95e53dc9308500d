import numpy as np
import pytest

from factories_audio import make_speech
from factories_audit import add_noise, cut
from mmser.audio import search
from mmser.audio.fingerprint import fingerprint_waveform
from mmser.audio.search import find_copies


@pytest.fixture(scope="module")
def clips():
    """Eight clips; 8 is 1 with noise, 9 is 2 trimmed."""
    speech = [make_speech(seed=seed) for seed in range(8)]
    return [
        fingerprint_waveform(each) for each in (*speech, add_noise(speech[1], 15), cut(speech[2], 150, 90))
    ]


PARTS = [0, 0, 1, 1, 2, 2, 0, 1, 1, 2]


def _pairs(matches):
    return [(match.first, match.second) for match in matches]


def test_copies_in_other_parts_are_found_and_nothing_else(clips):
    matches = find_copies(clips, PARTS, range(10))
    assert _pairs(matches) == [(1, 8), (2, 9)]
    assert all(0.65 <= match.similarity < 1 for match in matches)


def test_clips_of_one_part_are_not_compared(clips):
    assert _pairs(find_copies(clips, [0, 1, 2, 0, 1, 2, 0, 1, 1, 2], range(10))) == []


def test_clips_of_one_source_are_left_out(clips):
    assert _pairs(find_copies(clips, PARTS, [*range(8), 1, 9])) == [(2, 9)]


def test_the_work_may_be_cut_into_any_slices(clips, monkeypatch):
    whole = find_copies(clips, PARTS, range(10))
    monkeypatch.setattr(search, "_HITS_AT_ONCE", 1)
    assert find_copies(clips, PARTS, range(10)) == whole


def test_every_copy_in_another_part_is_a_pair_of_its_own(clips):
    assert _pairs(find_copies([clips[0], clips[1], clips[1], clips[8]], [0, 0, 1, 1], range(4))) == [
        (1, 2),
        (1, 3),
    ]


def test_landmarks_that_are_everywhere_are_not_looked_up(clips, monkeypatch):
    # ten times the same clip in each part: a hundred pairs, unless its landmarks are taken for common ones
    same = [clips[0]] * 20
    parts = [0] * 10 + [1] * 10
    assert len(find_copies(same, parts, range(20))) == 100
    monkeypatch.setattr(search, "_MAX_POSTINGS", 9)
    assert find_copies(same, parts, range(20)) == []


def test_silent_clips_and_a_single_part_have_no_copies(clips):
    silence = fingerprint_waveform(np.zeros(16_000, np.float32))
    assert find_copies([silence, silence, clips[0]], [0, 1, 1], range(3)) == []
    assert find_copies(clips, [0] * 10, range(10)) == []
    assert find_copies([], [], []) == []
