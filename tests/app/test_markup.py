import re
from dataclasses import replace

import pytest

from factories_evaluation import make_run
from factories_timeline import make_timeline
from mmser.app.answering import Answer
from mmser.app.markup import (
    LIMITS,
    format_answer,
    format_bars,
    format_footer,
    format_model,
    format_pictures,
    format_segments,
    format_warnings,
    name_system,
)
from mmser.inference.prediction import ClipWarning, Prediction
from mmser.inference.segments import Segment

EVIL = "<img src=x onerror=alert(1)>"
CALM = Prediction("calm", {"angry": 0.25, "calm": 0.75}, "It's the door.", 1.6)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def of_clip(prediction, name="a.wav", threshold=0.0):
    return format_answer(Answer(name, 3.3, prediction, None, ()), threshold, "What Whisper heard")


def of_talk(timeline):
    return text_of(format_answer(Answer("talk.wav", 12, None, timeline, ()), 0, ""))


def test_a_clip_is_shown_with_label_bars_words_and_warnings():
    found = text_of(of_clip(replace(CALM, warnings=(ClipWarning("quiet", "Very quiet."),))))
    assert found == (
        "a.wav · 3.3 s, 1.6 s of it heard after cleaning Calm 75 % calm 75 % angry 25 % "
        "What Whisper heard “It&#x27;s the door.” Very quiet."
    )


def test_a_model_of_sound_alone_shows_no_words():
    assert "What Whisper heard" not in of_clip(replace(CALM, transcript=None))


def test_an_answer_below_the_threshold_is_uncertain_and_no_bar_is_set_off():
    html = of_clip(replace(CALM, label=None), threshold=0.8)
    assert "Uncertain perhaps calm, 75 %; an emotion is named from 80 % on" in text_of(html)
    assert "best" not in html
    assert html.count('class="mm-mark" style="left:80.0%"') == 2


def test_bars_are_as_long_as_what_they_stand_for():
    html = format_bars({"sad": 0.031, "angry": 0.969}, "angry")
    assert re.findall(r"width:([\d.]+)%", html) == ["96.9", "3.1"]
    assert "mm-mark" not in html


def test_whatever_comes_from_elsewhere_is_escaped():
    prediction = Prediction(EVIL, {EVIL: 1.0}, EVIL, 1.6, (ClipWarning("quiet", EVIL),))
    timeline = replace(make_timeline(), segments=(Segment(0, 12, True, "angry", {"angry": 1.0}, EVIL),))
    html = of_clip(prediction, name=EVIL) + format_segments(timeline) + format_pictures([b""], EVIL)
    html += format_model(None, [EVIL], EVIL) + format_warnings([ClipWarning("quiet", EVIL)])
    assert "<img src=x" not in html
    assert "onerror" in text_of(html)


def test_of_a_longer_recording_shares_of_the_speech_are_shown():
    # angry from 1 to 6 s, uncertain from 6 to 9 s: five eighths of eight seconds
    assert of_talk(make_timeline()) == (
        "talk.wav · 0:12, 0:08 of it speech Mostly angry 62 % of the speech angry 62 % uncertain 38 %"
    )


def test_where_no_label_lasts_for_half_of_the_speech_it_is_mixed():
    names = ("angry", "sad", "calm")
    segments = tuple(Segment(4.0 * i, 4.0 * i + 4, True, name, {name: 1.0}) for i, name in enumerate(names))
    assert "Mixed most often angry, 33 % of the speech" in of_talk(
        replace(make_timeline(), segments=segments)
    )


def test_where_nobody_speaks_that_is_said():
    silent = replace(make_timeline(), segments=(Segment(0.0, 12.0, False),))
    assert of_talk(silent).endswith("0:00 of it speech No speech nobody is heard to speak in it")


def test_segments_are_listed_with_their_words_and_very_many_are_cut():
    assert text_of(format_segments(make_timeline())) == (
        "0:01 angry 90 % Kids, talking 0:06 uncertain by the door"
    )
    many = tuple(Segment(i, i + 1.0, True, "angry", {"angry": 1.0}) for i in range(203))
    assert text_of(format_segments(replace(make_timeline(), segments=many))).endswith(
        "… and 3 more; the file holds all."
    )


@pytest.mark.parametrize(
    ("leaks", "measured"),
    [
        ([], "protocol speaker, fold 0 of 5."),
        (["copies"], "protocol speaker, fold 0 of 5, which leaks: too high."),
    ],
)
def test_the_model_is_shown_with_how_it_was_measured(leaks, measured):
    rows = ("ravdess/01 angry angry", "ravdess/02 sad angry", "tess/OAF sad sad")
    metrics = make_run(rows, leaks=leaks).metrics
    found = text_of(format_model(metrics, ["angry", "sad"], "run"))
    low, high = metrics["test"]["intervals"]["ua"]
    assert f"UA 75.0 % ({low:.1f} to {high:.1f}), WA 66.7 %, on 3 test clips, {measured}" in found
    assert "Model HuBERT + BERT Emotions angry, sad Learnt from RAVDESS, speech; TESS" in found
    assert "sad, of which it hears 50 %" in found


def test_a_model_without_scores_says_so():
    assert "how good it is cannot be said" in format_model(None, ["angry"], "run")


def test_towers_are_called_as_people_call_them():
    assert name_system("whisper+bert") == "Whisper + BERT"
    assert name_system("data2vec") == "data2vec"


def test_limits_are_always_there():
    assert text_of(format_footer()) == LIMITS
    assert "Not for decisions about people" in LIMITS
