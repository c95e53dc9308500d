import numpy as np
import pytest

from factories_audio import make_speech
from factories_audit import ALTERATIONS
from mmser.audio.fingerprint import SAME_RECORDING, compare_fingerprints, fingerprint_waveform


def _likeness(first, second):
    return compare_fingerprints(fingerprint_waveform(first), fingerprint_waveform(second))


def _burst(hz, frame):
    """64 ms of a tone under a bell, in the middle of a frame of 8 ms."""
    waveform = np.zeros(16_000, np.float32)
    begin = frame * 128 - 512
    waveform[begin : begin + 1024] = np.hanning(1024) * np.sin(2 * np.pi * hz * np.arange(1024) / 16_000)
    return waveform


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_an_altered_copy_is_the_same_recording(alteration, seed):
    speech = make_speech(1.8, seed=seed)
    assert _likeness(speech, ALTERATIONS[alteration](speech)) >= SAME_RECORDING


def test_other_recordings_are_far_from_the_same():
    prints = [fingerprint_waveform(make_speech(seed=seed)) for seed in range(12)]
    likeness = [compare_fingerprints(prints[i], prints[j]) for i in range(12) for j in range(i)]
    assert max(likeness) < SAME_RECORDING - 0.2


def test_a_sound_is_wholly_like_itself_at_any_gain():
    speech = make_speech()
    assert _likeness(speech, speech) == pytest.approx(1.0, abs=1e-6)
    assert _likeness(speech, speech / 8) == pytest.approx(1.0, abs=1e-6)


def test_likeness_does_not_depend_on_which_clip_comes_first():
    longer, shorter = make_speech(2.0), make_speech(2.0)[:24_000]
    assert _likeness(longer, shorter) == _likeness(shorter, longer) >= SAME_RECORDING


def test_a_copy_cut_inside_is_still_found():
    # what silence removal does to a copy with other noise: the second half stands 80 ms earlier
    speech = make_speech(2.4)
    cut = np.concatenate([speech[:19_200], speech[20_480:]])
    assert _likeness(speech, cut) >= SAME_RECORDING


def test_an_excerpt_of_less_than_half_is_not_a_copy():
    speech = make_speech(3.0)
    assert _likeness(speech, speech[:27_000]) > SAME_RECORDING
    assert _likeness(speech, speech[:22_000]) == 0


def test_a_copy_at_another_speed_is_another_sound():
    speech = make_speech(2.0)
    faster = np.interp(np.arange(0, len(speech), 1.2), np.arange(len(speech)), speech).astype(np.float32)
    assert _likeness(speech, faster) < SAME_RECORDING


@pytest.mark.parametrize("length", [0, 1, 400, 16_000])
def test_silence_is_like_nothing(length):
    silence = np.zeros(length, np.float32)
    fingerprint = fingerprint_waveform(silence)
    assert (len(fingerprint.landmarks), int(fingerprint.strong.sum())) == (0, 0)
    assert _likeness(silence, silence) == 0
    assert _likeness(silence, make_speech()) == 0


def test_a_landmark_is_the_pitch_of_a_peak_and_the_way_to_the_next():
    # 1000 Hz is bin 64, 1500 Hz bin 96, bins count from 6; the second peak is 20 frames later
    fingerprint = fingerprint_waveform(_burst(1000, 40) + 0.9 * _burst(1500, 60))
    assert fingerprint.landmarks.tolist() == [(58 << 13) + ((32 + 64) << 6) + 20]
    assert fingerprint.times.tolist() == [40]


def test_of_a_long_clip_the_first_minute_counts():
    fingerprint = fingerprint_waveform(np.tile(make_speech(1.0), 70))
    assert len(fingerprint.rising) == 60_000 // 8 - 4


def test_a_second_of_sound_has_a_frame_each_8_ms():
    # 16,000 samples and half a window at each end: 126 windows, each compared with the fourth before it
    fingerprint = fingerprint_waveform(make_speech(1.0))
    assert len(fingerprint.rising) == len(fingerprint.strong) == 122
    share = np.bitwise_count(fingerprint.strong).sum() / (122 * 32)
    assert share == pytest.approx(0.25, abs=0.001)
