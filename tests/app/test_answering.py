import io

import numpy as np
import pytest
import soundfile

from factories_app import M4A, SILENCE, make_recording, make_talk
from factories_audio import make_speech
from factories_runs import WHISPER, save_model
from mmser.app.answering import UploadLimits, answer, needs_words, show_name
from mmser.app.equipment import speak_samples
from mmser.errors import AudioError
from mmser.inference.recognizer import EmotionRecognizer


@pytest.fixture(scope="module")
def recognizer(speech_run):
    return EmotionRecognizer.from_pretrained(speech_run, device="cpu")


def test_a_clip_is_answered_as_by_the_recognizer_itself(recognizer):
    content = make_recording()
    given = answer(recognizer, "a.wav", content, UploadLimits())
    assert given.prediction == recognizer.predict([content])[0]
    assert (given.name, given.duration_s, given.timeline) == ("a.wav", 2.0, None)
    (picture,) = given.pictures
    assert picture.startswith(b"\x89PNG")
    assert given.to_dict()["file"] == "a.wav"
    assert given.to_dict()["probabilities"] == given.prediction.probabilities


@pytest.mark.parametrize("kind", ["FLAC", "MP3", "OGG"])
def test_common_formats_are_answered(recognizer, kind):
    assert answer(recognizer, "a", make_recording(kind=kind), UploadLimits()).prediction is not None


def test_a_recording_of_more_than_fifteen_seconds_is_followed_over_time(recognizer):
    pytest.importorskip("espeakng_loader", reason="who speaks here: pip install mmser[demo]")
    spoken = [soundfile.read(io.BytesIO(clip)) for clip in speak_samples().values()]
    pause = np.zeros(3 * spoken[0][1])
    talk = np.concatenate([part for waveform, _ in spoken for part in (pause, waveform)])
    content = make_recording(talk, spoken[0][1], kind="FLAC")
    given = answer(recognizer, "folder/talk.flac", content, UploadLimits())
    assert given.prediction is None
    assert given.timeline.source == "talk.flac"
    assert given.duration_s == pytest.approx(len(talk) / spoken[0][1], abs=0.01)
    assert len(given.timeline.speech) == 4
    assert [picture[:4] for picture in given.pictures] == [b"\x89PNG"] * 2
    assert given.to_dict()["segments"]


@pytest.mark.parametrize(
    ("waveform", "rate_hz", "kind"),
    [
        (make_speech(2, rate_hz=8000), 8000, "narrow-band"),
        (np.tile(make_speech(2)[:, None], (1, 8)), 16_000, "many-channels"),
        (np.clip(20 * make_speech(2), -1, 1), 16_000, "clipped"),
    ],
)
def test_odd_recordings_are_answered_with_a_warning(recognizer, waveform, rate_hz, kind):
    given = answer(recognizer, "a.wav", make_recording(waveform, rate_hz), UploadLimits())
    assert kind in [warning.kind for warning in given.prediction.warnings]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "memo.m4a",
            M4A,
            r"^memo\.m4a: not audio .* M4A \(AAC\), WMA and video cannot: save .* as WAV or MP3\.$",
        ),
        ("notes.wav", b"just text", r"^notes\.wav: not audio .* WAV, FLAC, MP3 and OGG can be read"),
        ("a.wav", b"", r"^a\.wav: holds no bytes\. Record it again\.$"),
        ("a.wav", make_recording(np.zeros(0, np.float32)), r"^a\.wav: holds no samples\. Record it again\.$"),
        ("a.wav", make_recording(SILENCE), r"^a\.wav: Nothing to be heard: .* that the microphone is on"),
        ("../../etc/passwd", b"root", r"^passwd: not audio"),
        (r"..\..\boot.ini", b"root", r"^boot\.ini: not audio"),
        (
            "a.wav",
            make_recording(np.zeros((100, 33))),
            r"^a\.wav: has 33 channels, expected 32 at most",
        ),
    ],
)
def test_what_cannot_be_answered_is_told_with_what_to_do(recognizer, name, content, message):
    with pytest.raises(AudioError, match=message):
        answer(recognizer, name, content, UploadLimits())


def test_a_long_silence_holds_no_speech(recognizer):
    given = answer(recognizer, "a.wav", make_recording(np.zeros(20 * 16_000)), UploadLimits())
    assert given.timeline.speech == ()


def test_files_over_the_limit_are_refused_unread(recognizer):
    with pytest.raises(AudioError, match=r"a\.wav: is a file of 2 MB, expected 1 at most\."):
        answer(recognizer, "a.wav", bytes(2 * 2**20), UploadLimits(max_upload_mb=1))


def test_an_hour_is_refused_by_its_header(recognizer):
    hour = make_recording(np.zeros(3600 * 1000, np.int16), 1000, kind="FLAC")
    with pytest.raises(
        AudioError, match=r"a: lasts 1:00:00, expected 20:00 at most\. Cut .* On the .*`mmser timeline`"
    ):
        answer(recognizer, "a", hour, UploadLimits())


def test_a_header_that_does_not_say_how_long_it_is_does_not_help(recognizer):
    content = bytearray(make_recording(np.zeros(200 * 16_000, np.int16), kind="FLAC"))
    assert content[21] & 0x0F == 0
    content[22:26] = bytes(4)  # STREAMINFO: the number of samples, 0 for unknown
    with pytest.raises(AudioError, match=r"a: lasts more than 1:1\d, expected 1:00 at most"):
        answer(recognizer, "a", bytes(content), UploadLimits(max_minutes=1))


def test_words_are_typed_for_a_model_that_was_not_trained_on_whispers(tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_model(tmp_path / "runs" / "fusion", "fusion"))
    assert needs_words(recognizer)
    given = answer(recognizer, "a.wav", make_recording(make_talk()), UploadLimits(), "kids are talking")
    assert given.prediction.transcript == "kids are talking"


def test_a_silent_clip_is_answered_by_its_words_where_the_model_was_trained_so(tmp_path):
    run = save_model(tmp_path / "runs" / "fusion", "fusion", modality_dropout=0.2)
    reader = EmotionRecognizer.from_pretrained(run, device="cpu")
    given = answer(reader, "a.wav", make_recording(SILENCE), UploadLimits(), words="kids are talking")
    assert [warning.kind for warning in given.prediction.warnings] == ["silent"]
    assert given.duration_s > 0


def test_a_clip_whose_words_are_typed_lasts_two_minutes_at_most(recognizer):
    long = make_recording(np.zeros(121 * 1000, np.int16), 1000)
    with pytest.raises(AudioError, match=r"a: lasts 2:01, expected 2:00 at most\. Cut a part out of it\.$"):
        answer(recognizer, "a", long, UploadLimits(), "kids are talking")
    assert UploadLimits(max_minutes=1).of_a_clip() == UploadLimits(max_minutes=1)


def test_a_clip_is_decoded_once(recognizer, monkeypatch):
    lengths, read = [], soundfile.SoundFile.read

    def count(*args, **kwargs):
        lengths.append(len(block := read(*args, **kwargs)))
        return block

    content = make_recording()
    monkeypatch.setattr(soundfile.SoundFile, "read", count)
    answer(recognizer, "a.wav", content, UploadLimits())
    assert sum(lengths) == 32_000


def test_of_a_header_that_says_less_than_there_is_no_more_is_heard(recognizer):
    content = bytearray(make_recording(make_speech(20.0), kind="FLAC"))
    content[22:26] = (16_000).to_bytes(4, "big")  # STREAMINFO: the number of samples
    assert answer(recognizer, "a", bytes(content), UploadLimits()).duration_s == 1


@pytest.mark.parametrize(
    ("kind", "source"), [("hubert", "reference"), ("fusion", "whisper"), ("fusion", "none")]
)
def test_no_words_are_typed_for_others(tmp_path, kind, source):
    transcripts = WHISPER | {"source": source}
    run = save_model(tmp_path / "runs" / kind, kind, transcripts=transcripts)
    assert not needs_words(EmotionRecognizer.from_pretrained(run))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("talk.wav", "talk.wav"),
        ("/home/ann/talk.wav", "talk.wav"),
        ("a\u202eb\n.wav", "ab.wav"),
        ("..", ".."),
        ("", "recording"),
        ("x" * 100 + ".wav", "…" + "x" * 55 + ".wav"),
    ],
)
def test_only_the_end_of_a_name_is_shown(name, shown):
    assert show_name(name) == shown
