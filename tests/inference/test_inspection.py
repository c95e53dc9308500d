import re

import numpy as np
import pytest

from factories_audio import make_speech
from mmser.inference.inspection import (
    Limits,
    clipped_share,
    inspect_cleaned,
    inspect_recording,
    inspect_transcript,
)

LIMITS = Limits(min_duration_s=1.0, trained_s=(1.2, 6.0), window_s=10.0)


def kinds(warnings):
    return [warning.kind for warning in warnings]


def test_a_good_recording_has_no_warnings():
    assert kinds(inspect_recording(make_speech(2), 16_000, 2)) == []
    assert kinds(inspect_cleaned(2.0, LIMITS)) == []
    assert kinds(inspect_transcript("kids")) == []


def test_samples_at_full_scale_count_from_three_in_a_row():
    waveform = np.zeros(20)
    waveform[[1, 2, 5, 6, 7, 10, 11, 12, 13]] = [1, 1, 1, 1, 1, -1, -1, -1, -1]
    assert clipped_share(waveform) == 7 / 20
    assert clipped_share(np.empty(0)) == 0


@pytest.mark.parametrize(
    ("waveform", "rate_hz", "num_channels", "kind", "message"),
    [
        (np.clip(20 * make_speech(2), -1, 1), 16_000, 1, "clipped", r"Overdriven: \d\d\.\d % of its samples"),
        (0.003 * make_speech(2), 16_000, 1, "quiet", r"peaks at \d\.\de-03 of full scale"),
        (make_speech(2), 8_000, 1, "narrow-band", r"at 8,000 Hz, .* above 4,000 Hz is missing"),
        (make_speech(2), 16_000, 8, "many-channels", "8 channels were averaged"),
    ],
)
def test_what_is_wrong_with_a_recording_is_said(waveform, rate_hz, num_channels, kind, message):
    (warning,) = inspect_recording(waveform, rate_hz, num_channels)
    assert warning.kind == kind
    assert re.search(message, warning.message)


@pytest.mark.parametrize(
    ("duration_s", "kind", "message"),
    [
        (0.4, "too-short", "0.40 s are left after cleaning: the model was trained on clips of 1 s and more"),
        (
            1.1,
            "out-of-range",
            "1.1 s are left after cleaning: the model was trained on clips of 1.2 to 6.0",
        ),
        (7.0, "out-of-range", "7.0 s are left"),
    ],
)
def test_a_clip_outside_what_the_model_was_trained_on_is_told(duration_s, kind, message):
    (warning,) = inspect_cleaned(duration_s, LIMITS)
    assert warning.kind == kind
    assert message in warning.message


def test_a_clip_beyond_the_models_window_is_told_what_is_heard_of_it():
    *_, warning = inspect_cleaned(12.0, LIMITS)
    assert warning.kind == "longer-than-window"
    assert "hears the first 10 s of 12.0 s" in warning.message


def test_a_model_that_does_not_say_what_it_knows_warns_of_little():
    limits = Limits(min_duration_s=1.0, trained_s=None, window_s=None)
    assert kinds(inspect_cleaned(60.0, limits)) == []
    assert kinds(inspect_cleaned(0.5, limits)) == ["too-short"]


def test_an_empty_transcript_is_told():
    assert kinds(inspect_transcript(" ")) == ["no-words"]
