import html
import os
import re
import sys
from unittest.mock import Mock

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from factories_app import M4A, SILENCE, make_recording, make_talk
from factories_audio import make_speech
from factories_corpus import CLASSES
from factories_runs import WHISPER, save_model, save_scores
from factories_timeline import make_timeline
from mmser.app.answering import UploadLimits
from mmser.app.equipment import AppSettings, load_equipment
from mmser.app.markup import LIMITS
from mmser.errors import SettingsError


def script(settings):
    from mmser.app.equipment import AppSettings
    from mmser.app.page import show_page

    show_page(AppSettings.from_json(settings))


def open_page(run, **settings):
    settings = AppSettings(str(run), **settings).to_json()
    page = AppTest.from_function(script, args=(settings,), default_timeout=60).run()
    assert not page.exception
    return page


def upload(page, content, name="a.wav"):
    page.file_uploader[0].set_value((name, content, "audio/wav")).run()
    assert not page.exception
    return page


def shown(page):
    """All that is shown as HTML but the style sheet, without its tags."""
    bodies = [each.proto.body for each in page.get("html")]
    text = " ".join(body for body in bodies if "<style>" not in body)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def pictures(page):
    return [each for each in page.get("html") if "<img" in each.proto.body]


def test_an_empty_page_says_what_the_model_is_and_what_it_is_not_for(tmp_path):
    run = save_model(tmp_path / "runs" / "hubert", "hubert")
    save_scores(run, ("ravdess/01 angry angry", "ravdess/02 sad sad"), system="hubert")
    text = shown(open_page(run))
    assert "A model hears how something is said, and names the emotion. Nothing is kept." in text
    assert "Model HuBERT" in text
    assert "UA 100.0 %" in text
    assert LIMITS in text


def test_an_uploaded_clip_is_answered_with_a_bar_a_class_and_a_picture(speech_run):
    page = upload(open_page(speech_run), make_recording(), "talk/hello.wav")
    text = shown(page)
    assert "hello.wav · 2.0 s" in text
    for name in CLASSES:
        assert re.search(rf" {name} \d+ %", text)
    assert "What Whisper heard" not in text
    assert len(pictures(page)) == 1
    assert len(page.get("audio")) == 1
    assert not page.error


def test_a_fusion_model_shows_what_whisper_heard(tmp_path, fake_listener):
    run = save_model(tmp_path / "runs" / "fusion", "fusion", transcripts=WHISPER)
    page = upload(open_page(run), make_recording())
    assert "What Whisper heard “base en”" in shown(page)
    assert "how something is said, and what is said" in shown(page)


def test_where_nobody_listens_the_page_does_not_say_that_words_are_heard(tmp_path):
    run = save_model(tmp_path / "runs" / "fusion", "fusion", transcripts=WHISPER, modality_dropout=0.2)
    page = upload(open_page(run, whisper="none"), make_recording())
    assert "A model hears how something is said, and names the emotion." in shown(page)
    assert "What Whisper heard" not in shown(page)
    assert "heard after cleaning" in shown(page)


def test_words_are_asked_for_where_no_whisper_listens(tmp_path):
    page = open_page(save_model(tmp_path / "runs" / "fusion", "fusion"))
    assert not page.text_input
    assert "up to 100 MB and 2 minutes" in page.file_uploader[0].label
    upload(page, make_recording())
    assert "No words were heard" in shown(page)
    page.text_input[0].set_value("kids are talking").run()
    assert "What you typed “kids are talking”" in shown(page)


def test_a_longer_recording_is_followed_over_time(speech_run, monkeypatch):
    timeline = make_timeline(duration_s=20.0, source="talk.flac")
    monkeypatch.setattr("mmser.app.answering.build_timeline", lambda *_, **__: timeline)
    page = upload(open_page(speech_run), make_recording(make_talk(), kind="FLAC"), "talk.flac")
    text = shown(page)
    assert "talk.flac · 0:20, 0:08 of it speech Mostly angry 62 % of the speech" in text
    assert "0:06 uncertain by the door" in text
    (picture,) = pictures(page)
    assert picture.proto.body.count("<img") == 2  # one is for phones
    assert [each.label for each in page.expander] == ["What is heard when", "About the model"]


@pytest.mark.parametrize(
    ("name", "content", "max_minutes", "message"),
    [
        ("memo.m4a", M4A, 1, r"memo\.m4a: not audio .* M4A \(AAC\)"),
        ("a.wav", b"", 1, r"a\.wav: holds no bytes"),
        ("a.wav", make_recording(SILENCE), 1, r"a\.wav: Nothing to be heard"),
        ("../../../etc/passwd", b"root", 1, r"^passwd: not audio"),
        ("a.wav", make_recording(SILENCE[:16_000]), 0.005, r"a\.wav: lasts 0:01, expected 0:00 at most"),
        ("a.wav", bytes(2 * 2**20), 1, r"a\.wav: is a file of 2 MB, expected 1 at most"),
    ],
)
def test_what_cannot_be_answered_is_told_and_the_page_goes_on(
    speech_run, name, content, max_minutes, message
):
    page = open_page(speech_run, limits=UploadLimits(max_minutes, max_upload_mb=1))
    upload(page, content, name)
    assert re.search(message, page.error[0].value.replace("\\", ""))
    assert "heard after cleaning" not in shown(page)
    page.file_uploader[0].set_value(None).run()
    assert not page.error


@pytest.mark.parametrize(
    ("waveform", "rate_hz", "warning"),
    [
        (make_speech(2, rate_hz=8000), 8000, "Recorded at 8,000 Hz"),
        (np.tile(make_speech(2)[:, None], (1, 8)), 16_000, "8 channels were averaged"),
    ],
)
def test_warnings_are_shown_beside_the_answer(speech_run, waveform, rate_hz, warning):
    assert warning in shown(upload(open_page(speech_run), make_recording(waveform, rate_hz)))


def test_a_name_that_is_markdown_is_shown_as_it_is(speech_run):
    page = upload(open_page(speech_run), b"text", "![x](https:example.org).wav")
    assert page.error[0].value.startswith(r"\!\[x\]\(https\:example\.org\)\.wav\: not audio")


def test_a_recording_of_the_microphone_is_answered(speech_run):
    page = open_page(speech_run)
    page.segmented_control[0].set_value("Record").run()
    page.audio_input[0].set_value(("audio.wav", make_recording(), "audio/wav")).run()
    assert "recording.wav · 2.0 s" in shown(page)
    assert not page.get("audio")  # the recorder has a player already


def test_a_sample_is_answered_by_a_click(speech_run, tmp_path):
    (tmp_path / "hello.wav").write_bytes(make_recording())
    page = open_page(speech_run, samples=str(tmp_path))
    page.segmented_control[0].set_value("Samples").run()
    page.button_group[1].set_value("hello.wav").run()
    assert "hello.wav · 2.0 s" in shown(page)


def test_without_samples_there_is_nothing_to_choose(speech_run, monkeypatch):
    monkeypatch.setattr("mmser.app.equipment.speak_samples", dict)
    page = open_page(speech_run, limits=UploadLimits(max_minutes=3))
    assert page.segmented_control[0].options == ["Upload", "Record"]


def test_a_clip_is_answered_once_however_often_the_page_is_drawn(speech_run, monkeypatch):
    page = open_page(speech_run)
    recognizer = load_equipment(AppSettings(str(speech_run))).recognizer
    counted = Mock(side_effect=recognizer.predict)
    monkeypatch.setattr(recognizer, "predict", counted)
    upload(page, make_recording())
    page.run()
    assert "heard after cleaning" in shown(page)
    assert counted.call_count == 1


def test_visitors_get_their_own_answers(speech_run):
    first, second = open_page(speech_run), open_page(speech_run)
    upload(first, make_recording(make_speech(2.0)), "first.wav")
    upload(second, make_recording(make_speech(4.0, seed=5)), "second.wav")
    assert "first.wav · 2.0 s" in shown(first.run())
    assert "second.wav · 4.0 s" in shown(second.run())
    assert "second" not in shown(first)


def test_nothing_of_a_clip_stays_when_it_is_taken_away(speech_run):
    page = upload(open_page(speech_run), make_recording())
    page.file_uploader[0].set_value(None).run()
    assert "answer" not in page.session_state
    assert "heard after cleaning" not in shown(page)


def test_nothing_of_a_clip_stays_when_the_next_one_cannot_be_answered(speech_run):
    page = upload(open_page(speech_run), make_recording())
    assert "answer" in page.session_state
    upload(page, b"just text", "notes.wav")
    assert page.error
    assert "answer" not in page.session_state
    assert "key" not in page.session_state


def test_what_is_wrong_with_the_server_is_not_told_to_visitors(speech_run, monkeypatch, caplog):
    page = open_page(speech_run)

    def fail(*_, **__):
        raise SettingsError("/home/ann/whisper-base.pt: no such file.")

    monkeypatch.setattr(load_equipment(AppSettings(str(speech_run))).recognizer, "predict", fail)
    upload(page, make_recording())
    assert (
        page.error[0].value
        == "The model cannot answer now. Whoever runs this page finds the reason in its log."
    )
    assert "/home/ann" in caplog.text


@pytest.fixture
def written():
    """Files that this process opens to write to them."""
    found, watching = [], [True]

    def watch(event, arguments):
        if watching and event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            found.append(arguments[0])

    sys.addaudithook(watch)
    yield found
    watching.clear()  # a hook cannot be taken away


def test_nothing_is_written_to_disk(speech_run, written, tmp_path):
    page = upload(open_page(speech_run), make_recording())
    del written[:]  # what was imported and compiled for the first clip
    (tmp_path / "a").write_text("seen")
    upload(page, make_recording(make_speech(2.0, seed=1)), "b.wav")
    assert "b.wav · 2.0 s" in shown(page)
    assert written == [str(tmp_path / "a")]


def test_an_answer_can_be_saved(speech_run):
    page = upload(open_page(speech_run), make_recording(), "hello.wav")
    (button,) = page.get("download_button")
    assert button.proto.label == "Save as JSON"
