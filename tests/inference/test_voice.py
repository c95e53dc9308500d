import numpy as np
import pytest
import torch

from factories_audio import make_speech
from mmser.errors import UnknownNameError
from mmser.inference.voice import EnergyDetector, SpeechShape, hear, iter_spans

PLAIN = SpeechShape(min_pause_s=0.0, min_speech_s=0.0, pad_s=0.0)


def hiss(duration_s, level=0.002, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(round(duration_s * 16_000))).astype(
        np.float32
    )


@pytest.fixture
def recording():
    """Two seconds of hiss, three of speech, two of hiss, one of speech, two of hiss."""
    parts = (hiss(2), make_speech(3), hiss(2, seed=1), make_speech(1, seed=1), hiss(2, seed=2))
    return np.concatenate(parts)


def cut(waveform, size):
    return [waveform[start : start + size] for start in range(0, len(waveform), size)]


def spans_of(marked, shape, duration_s=10.0):
    frames = np.array([mark == "#" for mark in marked])
    return [(round(start, 3), round(end, 3)) for start, end in iter_spans(frames, 1.0, duration_s, shape)]


def test_spans_are_the_runs_of_marked_frames():
    assert spans_of(".##.#...##", PLAIN) == [(1, 3), (4, 5), (8, 10)]
    assert spans_of("..........", PLAIN) == []


def test_pauses_that_are_short_enough_are_bridged():
    assert spans_of(".##.#...##", SpeechShape(2.0, 0.0, 0.0)) == [(1, 5), (8, 10)]


def test_speech_that_is_too_short_is_none():
    assert spans_of(".##.#...##", SpeechShape(0.0, 1.5, 0.0)) == [(1, 3), (8, 10)]


def test_padding_stays_within_the_recording_and_joins_what_it_makes_touch():
    assert spans_of("##..#...##", SpeechShape(0.0, 0.0, 0.75)) == [(0, 2.75), (3.25, 5.75), (7.25, 10)]
    assert spans_of("##.#......", SpeechShape(0.0, 0.0, 0.75)) == [(0, 4.75)]


def test_energy_marks_what_stands_out_from_the_hiss(recording):
    hearing = hear([recording], "energy")
    np.testing.assert_allclose(hearing.speech, [(1.9, 5.1), (6.9, 8.1)], atol=0.1)
    assert hearing.duration_s == 10.0


def test_steady_noise_of_any_level_is_no_speech_by_energy():
    for level in (0.001, 0.01, 0.1):
        assert hear([hiss(20, level)], "energy").speech == ()


def test_energy_follows_a_floor_that_rises():
    loud_room = np.concatenate([hiss(60, 0.001), hiss(60, 0.02, seed=1)])
    loud_room[90 * 16_000 : 92 * 16_000] += 3 * make_speech(2)
    ((start_s, end_s),) = hear([loud_room], "energy").speech
    assert (start_s, end_s) == pytest.approx((90, 92), abs=0.3)


def test_levels_are_in_decibels_of_full_scale_every_10_ms():
    waveform = np.concatenate([np.full(160, 1.0), np.full(160, 0.1), np.zeros(80)]).astype(np.float32)
    np.testing.assert_allclose(hear([waveform], "energy").levels_db, [0, -20, -100], atol=1e-4)


@pytest.mark.parametrize("voice", ["silero", "energy"])
@pytest.mark.parametrize("size", [100, 7_777])  # less than a frame, and no multiple of one
def test_what_is_heard_does_not_depend_on_the_size_of_blocks(recording, voice, size):
    whole, parts = hear([recording], voice), hear(cut(recording, size), voice)
    assert whole.speech == parts.speech
    np.testing.assert_array_equal(whole.levels_db, parts.levels_db)


def test_silero_hears_nobody_in_hiss_and_in_silence():
    assert hear([hiss(5, 0.05)]).speech == ()
    assert hear([np.zeros(32_000, np.float32)]).speech == ()


def test_one_recording_leaves_nothing_behind_for_the_next(recording):
    assert hear([recording]).speech == hear([recording]).speech


def test_silero_leaves_torch_its_threads(recording):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        hear([recording[:16_000]])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_recording_of_nothing_has_no_speech():
    hearing = hear([], "energy")
    assert (hearing.duration_s, hearing.speech, len(hearing.levels_db)) == (0, (), 0)


def test_a_detector_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match=r"Unknown voice detector 'silro'.*Did you mean 'silero'"):
        hear([], "silro")


def test_energy_marks_nothing_before_levels_are_known():
    assert EnergyDetector().finish(np.full(300, -100.0)).sum() == 0
