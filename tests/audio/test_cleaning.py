import noisereduce
import numpy as np
import pytest

from factories_audio import make_speech
from mmser.audio.cleaning import CleaningSettings, clean_waveform, cut_silence, mark_kept
from mmser.errors import AudioError, UnknownNameError

RATE_HZ = 16_000
PLAIN = CleaningSettings(denoise=False)


def _bursts(*parts: tuple[float, float]) -> np.ndarray:
    """(seconds, amplitude) parts of a 1 kHz tone: ten periods in each cell of 10 ms."""
    return np.concatenate(
        [amplitude * np.sin(np.pi / 8 * np.arange(round(RATE_HZ * seconds))) for seconds, amplitude in parts]
    ).astype(np.float32)


def test_thirty_milliseconds_of_quiet_stay_at_each_cut():
    # The 25 ms window around the 10 ms cell on either side of a tone reaches 7.5 ms into the tone:
    # 10 * log10(7.5 / 25) = -5 dB, so that cell is loud too, and 30 ms stay beside it.
    waveform = _bursts((0.5, 0), (0.2, 0.5), (0.3, 0), (0.1, 0.5), (0.4, 0))
    cut = cut_silence(waveform, PLAIN)
    assert len(cut) == RATE_HZ * ((200 + 2 * 40) + (100 + 2 * 40)) // 1000
    np.testing.assert_array_equal(cut[:4480], waveform[7360:11840])  # 460 ms to 740 ms


def test_parts_nearer_than_their_margins_are_one_part():
    # 60 ms between two tones: 40 ms stay at each side of it, so nothing of it is cut
    waveform = _bursts((0.2, 0), (0.2, 0.5), (0.06, 0), (0.2, 0.5), (0.2, 0))
    assert len(cut_silence(waveform, PLAIN)) == RATE_HZ * (460 + 2 * 40) // 1000


@pytest.mark.parametrize(("below_db", "is_kept"), [(29, True), (31, False)])
def test_a_part_is_cut_when_it_lies_thirty_decibels_below_the_loudest(below_db, is_kept):
    waveform = _bursts((0.5, 0.5), (0.5, 0.5 * 10 ** (-below_db / 20)))
    expected_ms = 1000 if is_kept else 500 + 40
    assert len(cut_silence(waveform, PLAIN)) == RATE_HZ * expected_ms // 1000


def test_a_clip_without_silence_is_untouched():
    waveform = _bursts((1.003, 0.3))
    np.testing.assert_array_equal(cut_silence(waveform, PLAIN), waveform)


def test_the_level_counts_and_not_the_loudness_of_the_recording():
    waveform = _bursts((0.5, 0), (0.5, 0.5), (0.5, 0.01))
    assert len(cut_silence(waveform, PLAIN)) == len(cut_silence(waveform * 0.01, PLAIN))


def test_speech_loses_its_silent_ends():
    speech = make_speech(1.5)
    padded = np.concatenate([np.zeros(RATE_HZ), speech, np.zeros(RATE_HZ)]).astype(np.float32)
    cleaned = clean_waveform(padded, RATE_HZ, CleaningSettings())
    assert 1.2 < len(cleaned) / RATE_HZ < 1.62


def test_what_is_kept_is_marked_in_the_whole_recording():
    # a tone from 500 to 700 ms is kept with 40 ms at both sides of it, as above
    waveform = _bursts((0.5, 0), (0.2, 0.5), (0.3, 0))
    whole, kept = mark_kept(waveform, RATE_HZ, PLAIN)
    np.testing.assert_array_equal(whole, waveform)
    np.testing.assert_array_equal(np.flatnonzero(kept), np.arange(7360, 11840))


def test_any_rate_becomes_16_khz():
    cleaned = clean_waveform(make_speech(1.5, rate_hz=48_000), 48_000, PLAIN)
    assert 1.4 < len(cleaned) / RATE_HZ <= 1.5


def test_denoising_is_noisereduce_with_its_own_defaults():
    rng = np.random.default_rng(0)
    waveform = (make_speech(2.0) + rng.normal(0, 0.01, 32_000)).astype(np.float32)
    settings = CleaningSettings(silence_db=1000)  # nothing is cut
    expected = noisereduce.reduce_noise(y=waveform, sr=RATE_HZ, stationary=False)
    np.testing.assert_allclose(clean_waveform(waveform, RATE_HZ, settings), expected, atol=2e-6)
    assert np.abs(expected - waveform).max() > 0.005


def test_the_same_clip_is_cleaned_alike_and_left_as_it_was():
    waveform = make_speech(1.5)
    before = waveform.copy()
    first = clean_waveform(waveform, RATE_HZ, CleaningSettings())
    np.testing.assert_array_equal(first, clean_waveform(waveform, RATE_HZ, CleaningSettings()))
    np.testing.assert_array_equal(waveform, before)


@pytest.mark.parametrize("num_samples", [1, 7, 300, 1023, 1025])
def test_clips_shorter_than_a_window_come_out_finite(num_samples):
    cleaned = clean_waveform(make_speech(0.2)[1000 : 1000 + num_samples], RATE_HZ, CleaningSettings())
    assert 0 < len(cleaned) <= num_samples
    assert np.isfinite(cleaned).all()


def test_digital_silence_around_a_click_gives_numbers():
    waveform = np.zeros(40 * RATE_HZ, np.float32)  # longer than a chunk of noisereduce: whole chunks are zero
    waveform[100] = 0.5
    cleaned = clean_waveform(waveform, RATE_HZ, CleaningSettings())
    assert np.isfinite(cleaned).all()
    assert len(cleaned) < RATE_HZ


@pytest.mark.parametrize("waveform", [np.zeros(RATE_HZ), np.full(RATE_HZ, 9e-5), np.zeros(0)])
def test_a_clip_below_the_silent_peak_is_silent(waveform):
    with pytest.raises(AudioError, match=r"Nothing to be heard: peak \d.*, expected 1e-04 or more") as error:
        clean_waveform(waveform.astype(np.float32), RATE_HZ, CleaningSettings())
    assert error.value.reason == "silent"


def test_a_quiet_clip_is_not_silent():
    quiet = make_speech(1.5) / np.abs(make_speech(1.5)).max() * 0.006  # as the quietest real clip
    assert len(clean_waveform(quiet, RATE_HZ, CleaningSettings())) > RATE_HZ


def test_settings_survive_json_and_unknown_ones_are_named():
    settings = CleaningSettings(silence_db=40)
    assert CleaningSettings.from_dict(settings.to_dict()) == settings
    with pytest.raises(UnknownNameError, match="Did you mean 'silence_db'"):
        CleaningSettings.from_dict({"silence_dbs": 30})
