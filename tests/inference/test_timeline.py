import numpy as np
import pytest
import soundfile

from factories_audio import make_speech
from factories_runs import WHISPER
from mmser import EmotionRecognizer
from mmser.errors import AudioError, SettingsError, UnknownNameError
from mmser.inference.timeline import TimelineSettings, build_timeline, iter_windows, list_windows
from mmser.inference.voice import Hearing

BY_ENERGY = TimelineSettings(voice="energy")


@pytest.fixture
def recording(tmp_path):
    """Three seconds of quiet, nine of speech, five of quiet, four of speech; 44.1 kHz, two channels."""
    rate_hz = 44_100
    parts = [np.zeros(3 * rate_hz), make_speech(9, rate_hz=rate_hz), np.zeros(5 * rate_hz)]
    waveform = np.concatenate([*parts, make_speech(4, seed=1, rate_hz=rate_hz)])
    waveform += 0.001 * np.random.default_rng(0).standard_normal(len(waveform))
    soundfile.write(tmp_path / "talk.wav", np.stack([waveform, waveform], axis=1), rate_hz)
    return tmp_path / "talk.wav"


@pytest.fixture
def hearer(save_run):
    return EmotionRecognizer.from_pretrained(save_run("hubert"))


def hearing(duration_s, *speech):
    return Hearing(duration_s, np.empty(0), speech)


def test_windows_start_a_hop_apart_until_one_reaches_the_end():
    assert list_windows(hearing(10.0, (0, 10)), TimelineSettings()) == [0, 2, 4, 6]
    assert list_windows(hearing(10.1, (0, 10.1)), TimelineSettings()) == [0, 2, 4, 6, 8]
    assert list_windows(hearing(2.5, (0, 2.5)), TimelineSettings()) == [0]


def test_windows_with_too_little_speech_are_left_out():
    # 4 to 8 holds 0.6 s of (7.4, 9), 6 to 10 all of it, 0 to 4 and 2 to 6 hold 0.4 s of (3.6, 4).
    found = list_windows(hearing(12, (3.6, 4.0), (7.4, 9.0)), TimelineSettings())
    assert found == [4, 6, 8]


def test_windows_are_cut_where_they_lie_whatever_the_blocks_are():
    waveform = np.arange(10 * 16_000, dtype=np.float32)
    starts, settings = [0.0, 2.0, 8.0], TimelineSettings()
    for size in (700, 40_000, 10**6):
        blocks = (waveform[start : start + size] for start in range(0, len(waveform), size))
        first, second, last = iter_windows(blocks, starts, settings)
        assert (first[0], first[-1]) == (0, 4 * 16_000 - 1)
        assert (second[0], second[-1]) == (2 * 16_000, 6 * 16_000 - 1)
        assert (last[0], last[-1]) == (8 * 16_000, 10 * 16_000 - 1)  # cut short by the end


def test_a_timeline_covers_its_recording_and_marks_who_is_silent(hearer, recording):
    timeline = build_timeline(hearer, recording, BY_ENERGY)
    assert timeline.duration_s == pytest.approx(21, abs=0.01)
    assert timeline.source == str(recording)
    np.testing.assert_allclose(timeline.speech, [(2.9, 12.1), (16.9, 21)], atol=0.1)
    assert [each.start_s for each in timeline.windows] == [0, 2, 4, 6, 8, 10, 14, 16, 18]
    assert timeline.segments[0].start_s == 0
    assert timeline.segments[-1].end_s == timeline.duration_s
    silent = [(each.start_s, each.end_s) for each in timeline.segments if not each.speech]
    np.testing.assert_allclose(silent, [(0, 2.9), (12.1, 16.9)], atol=0.1)
    assert all(each.label in timeline.classes for each in timeline.segments if each.speech)
    assert all(each.transcript is None for each in timeline.segments)


def test_a_window_is_answered_as_the_clip_that_it_is(hearer, recording):
    timeline = build_timeline(hearer, recording, BY_ENERGY)
    samples, rate_hz = soundfile.read(recording, dtype="float32")
    clip = samples[4 * rate_hz : 8 * rate_hz].mean(axis=1)
    (alone,) = hearer.predict([(clip, rate_hz)])
    (there,) = (each.prediction for each in timeline.windows if each.start_s == 4)
    for name, probability in alone.probabilities.items():
        assert there.probabilities[name] == pytest.approx(probability, abs=1e-3)  # resampled with its edges


def test_bytes_make_the_timeline_of_their_file(hearer, recording):
    from_file = build_timeline(hearer, recording, BY_ENERGY)
    from_bytes = build_timeline(hearer, recording.read_bytes(), BY_ENERGY, where="talk.wav")
    assert from_bytes.source == "talk.wav"
    assert from_bytes.segments == from_file.segments


def test_a_model_that_is_never_sure_leaves_speech_without_label(save_run, recording):
    unsure = EmotionRecognizer.from_pretrained(save_run("hubert"), abstain_threshold=1.0)
    timeline = build_timeline(unsure, recording, BY_ENERGY)
    spoken = [each for each in timeline.segments if each.speech]
    assert [each.label for each in spoken] == [None, None]  # nothing to tell neighbours apart
    assert all(sum(each.probabilities.values()) == pytest.approx(1) for each in spoken)


def test_windows_are_heard_by_whisper_for_a_model_that_reads(save_run, recording, fake_listener):
    run = save_run("fusion", WHISPER | {"whisper": "tiny"})
    timeline = build_timeline(EmotionRecognizer.from_pretrained(run), recording, BY_ENERGY)
    assert sum(fake_listener.heard) == len(timeline.windows)
    assert {each.prediction.transcript for each in timeline.windows} == {"tiny en"}
    assert all("tiny en" in each.transcript for each in timeline.segments if each.speech)


def test_a_recording_in_which_nobody_speaks_has_one_segment(hearer, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(5 * 16_000), 16_000)
    timeline = build_timeline(hearer, tmp_path / "a.wav")
    assert [(each.speech, each.duration_s) for each in timeline.segments] == [(False, 5.0)]
    assert timeline.windows == ()


def test_a_recording_shorter_than_a_window_has_one(hearer, tmp_path):
    waveform = np.concatenate([np.zeros(8_000), make_speech(1.5)])
    soundfile.write(tmp_path / "a.wav", waveform, 16_000)
    timeline = build_timeline(hearer, tmp_path / "a.wav", BY_ENERGY)
    assert [(each.start_s, each.end_s) for each in timeline.windows] == [(0, 2.0)]


def test_what_is_no_recording_is_refused_by_name(hearer, tmp_path):
    (tmp_path / "a.wav").write_text("text")
    with pytest.raises(AudioError, match=r"a\.wav: not audio"):
        build_timeline(hearer, tmp_path / "a.wav")
    with pytest.raises(AudioError, match=r"upload: not audio"):
        build_timeline(hearer, b"text", where="upload")


def test_where_whisper_is_missing_nothing_is_read_first(save_run, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", WHISPER | {"whisper": "gone.pt"}))
    with pytest.raises(SettingsError, match=r"gone\.pt: no such file"):
        build_timeline(recognizer, tmp_path / "not-there.wav")


def test_a_voice_detector_that_is_not_known_is_named(hearer, recording):
    with pytest.raises(UnknownNameError, match="Unknown voice detector 'webrtc'"):
        build_timeline(hearer, recording, TimelineSettings(voice="webrtc"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window_s": 0.1}, r"window_s is 0\.1, expected 0\.5 to 60 seconds"),
        ({"window_s": 61}, "window_s is 61, expected"),
        ({"hop_s": 0}, r"hop_s is 0, expected 0\.1 seconds to the window's 4"),
        ({"hop_s": 5}, "hop_s is 5, expected"),
        ({"min_speech_s": 0}, "min_speech_s is 0, expected above 0 to the window's 4"),
        ({"min_pause_s": -1}, "min_pause_s is -1, expected seconds from 0"),
    ],
)
def test_figures_that_cannot_be_used_are_refused(changed, message):
    with pytest.raises(SettingsError, match=message):
        TimelineSettings(**changed)
