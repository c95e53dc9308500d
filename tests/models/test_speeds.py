import numpy as np
import pytest

from mmser.models.fusion.speeds import change_speed, parse_speeds


@pytest.mark.parametrize(("text", "expected"), [("1", (1.0,)), ("0.5", (0.5,)), ("1+1.1+2", (1.0, 1.1, 2.0))])
def test_speeds_are_read_as_settings_have_them(text, expected):
    assert parse_speeds(text) == expected


@pytest.mark.parametrize("text", ["", "fast", "1+", "0.4", "2.5", "1+1.0", "nan", "1,1.2"])
def test_other_speeds_are_refused(text):
    with pytest.raises(ValueError, match=r"speeds is '.*', expected numbers from 0.5 to 2, each once"):
        parse_speeds(text)


def test_a_tone_played_twice_as_fast_is_half_as_long_and_an_octave_higher():
    time = np.arange(1600) / 16_000
    tone = np.sin(2 * np.pi * 100 * time).astype(np.float32)
    octave = np.sin(2 * np.pi * 200 * time[:800])
    fast = change_speed(tone, 2.0)
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, octave, atol=1e-5)
    np.testing.assert_allclose(change_speed(fast, 0.5), tone, atol=1e-5)


def test_what_would_be_too_high_is_left_out_and_does_not_come_back_lower():
    """7 kHz at 1.2 times the speed would be 8.4 kHz, which 16,000 samples a second do not hold."""
    hiss = np.sin(2 * np.pi * 7000 * np.arange(1600) / 16_000).astype(np.float32)
    assert np.abs(change_speed(hiss, 1.2)).max() < 1e-5


def test_a_length_is_rounded_and_one_sample_is_left_at_least():
    assert len(change_speed(np.ones(1000, np.float32), 1.1)) == 909
    assert change_speed(np.ones(1, np.float32), 2.0).tolist() == [1.0]


def test_a_clip_at_its_own_speed_is_left_as_it_is():
    clip = np.ones(10, np.float32)
    assert change_speed(clip, 1.0) is clip
