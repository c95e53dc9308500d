import numpy as np
import pytest

from mmser.audio.pictures import draw_sounds, draw_spectrograms

RATE_HZ = 16_000
ONE_S, HALF_S = np.arange(RATE_HZ) / RATE_HZ, np.arange(RATE_HZ // 2) / RATE_HZ
LOUD, QUIET = 0.5 * np.sin(2 * np.pi * 1000 * ONE_S), 0.05 * np.sin(2 * np.pi * 1000 * HALF_S)


def power_at(axes, hz):
    """Power of a picture in dB, at a frequency in the middle of its time."""
    (image,) = axes.images
    values = np.asarray(image.get_array())[::-1]  # the lowest frequency first
    return values[round(hz / 8000 * (len(values) - 1)), values.shape[1] // 2]


def test_sounds_stand_side_by_side_on_one_scale():
    figure = draw_sounds({"loud": (LOUD, RATE_HZ), "quiet": (QUIET, RATE_HZ)})
    waves, pictures = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title(loc="left") for axes in waves] == [
        "loud: 1.00 s at 16 kHz",
        "quiet: 0.50 s at 16 kHz",
    ]
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 1.0)}
    assert waves[0].get_ylim() == waves[1].get_ylim() == pytest.approx((-0.525, 0.525))
    assert len({axes.images[0].get_clim() for axes in pictures}) == 1


def test_a_tone_stands_at_its_frequency_and_a_tenth_of_the_amplitude_is_20_db_less():
    loud, quiet = draw_spectrograms({"loud": LOUD, "quiet": QUIET}).axes
    assert power_at(loud, 1000) - power_at(loud, 3000) > 60
    assert power_at(loud, 1000) - power_at(quiet, 1000) == pytest.approx(20, abs=0.1)
    assert loud.images[0].get_clim() == quiet.images[0].get_clim()


def test_power_may_have_a_scale_for_each_clip():
    loud, quiet = draw_spectrograms({"loud": LOUD, "quiet": QUIET}, one_power=False).axes
    assert loud.images[0].get_clim()[1] - quiet.images[0].get_clim()[1] == pytest.approx(20, abs=0.1)


def test_another_sample_rate_is_drawn_on_the_same_frequencies():
    time_s = np.arange(44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time_s)
    figure = draw_sounds({"44.1 kHz": (tone, 44_100), "16 kHz": (LOUD, RATE_HZ)})
    powers = [power_at(axes, 1000) for axes in figure.axes[2:]]
    assert powers[0] == pytest.approx(powers[1], abs=0.2)


def test_digital_silence_can_be_drawn():
    (axes,) = draw_spectrograms({"nothing": np.zeros(RATE_HZ, np.float32)}).axes
    assert np.isfinite(np.asarray(axes.images[0].get_array())).all()


def test_places_of_the_grid_without_a_clip_are_empty_and_the_lowest_of_each_column_names_seconds():
    figure = draw_spectrograms(dict.fromkeys("abcde", QUIET), num_columns=3)
    shown = [axes.get_visible() for axes in figure.axes]
    assert shown == [True] * 5 + [False]
    named = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:5]]
    assert named == [False, False, True, True, True]
