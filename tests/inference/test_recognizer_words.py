import numpy as np
import pytest

from factories_runs import REFERENCE, WHISPER
from factories_whisper import save_whisper_checkpoint
from mmser import EmotionRecognizer
from mmser.errors import AudioError, SettingsError


def test_the_text_changes_the_answer_of_a_model_that_reads(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    first, second = (
        recognizer.predict([(waveforms[0], 16_000)], texts=[text])[0] for text in ("kids", "dogs")
    )
    assert first.probabilities != second.probabilities
    assert first.transcript == "kids"


def test_whisper_listens_where_the_model_was_trained_on_its_transcripts(save_run, waveforms, tmp_path):
    whisper = str(save_whisper_checkpoint(tmp_path / "tiny.pt"))
    run = save_run("fusion", WHISPER | {"whisper": whisper})
    (prediction,) = EmotionRecognizer.from_pretrained(run).predict([(waveforms[0], 16_000)])
    assert isinstance(prediction.transcript, str)


def test_another_whisper_listens_where_one_is_given(save_run, waveforms, fake_listener):
    run = save_run("fusion", WHISPER | {"whisper": "tiny"})
    for given, expected in ((None, "tiny en"), ("base", "base en")):
        recognizer = EmotionRecognizer.from_pretrained(run, whisper=given)
        (prediction,) = recognizer.predict([(waveforms[0], 16_000)])
        assert prediction.transcript == expected


@pytest.mark.parametrize("stored", ["whisper-base.pt", "/another/machine/whisper-base.pt", "my-whisper"])
def test_a_whisper_that_is_not_here_is_named_with_the_option_that_says_where(save_run, waveforms, stored):
    run = save_run("fusion", WHISPER | {"whisper": stored})
    recognizer = EmotionRecognizer.from_pretrained(run)
    message = rf"transcribed with '{stored}'\. Say where that checkpoint is .*`mmser predict --whisper`"
    with pytest.raises(SettingsError, match=message):
        recognizer.predict([(waveforms[0], 16_000)])
    assert recognizer.predict([(waveforms[0], 16_000)], texts=["kids"])[0].transcript == "kids"


def test_as_many_texts_as_clips_are_needed(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    with pytest.raises(SettingsError, match="2 texts for 1 clips"):
        recognizer.predict([(waveforms[0], 16_000)], texts=["a", "b"])


def test_a_model_trained_on_reference_texts_says_that_it_needs_them(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    with pytest.raises(SettingsError, match=r"trained on reference transcripts.*--text"):
        recognizer.predict([(waveforms[0], 16_000)])


def kinds(prediction):
    return [warning.kind for warning in prediction.warnings]


def test_clips_that_are_given_without_text_are_heard_and_the_others_are_not(
    save_run, waveforms, fake_listener
):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", WHISPER | {"whisper": "tiny"}))
    clips = [(waveform, 16_000) for waveform in waveforms]
    found = recognizer.predict(clips, texts=["kids", None, "dogs"])
    assert [each.transcript for each in found] == ["kids", "tiny en", "dogs"]
    assert fake_listener.heard == [1]


def test_a_model_trained_without_transcripts_gets_none(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", REFERENCE | {"source": "none"}))
    (prediction,) = recognizer.predict([(waveforms[0], 16_000)])
    assert prediction.transcript == ""
    assert kinds(prediction) == []


def test_where_whisper_is_missing_nothing_is_read_first(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", WHISPER | {"whisper": "gone.pt"}))
    with pytest.raises(SettingsError, match=r"gone\.pt: no such file"):
        next(recognizer.iter_predictions(pytest.fail("a clip was taken") for _ in range(1)))


def test_a_clip_in_which_no_words_are_heard_is_answered_with_a_warning(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", WHISPER))
    (prediction,) = recognizer.predict([(waveforms[0], 16_000)], texts=[""])
    assert kinds(prediction) == ["no-words"]


def test_a_model_trained_to_go_without_text_goes_by_sound_where_nobody_listens(save_run, waveforms):
    run = save_run("fusion", transcripts=WHISPER | {"whisper": "gone.pt"}, modality_dropout=0.2)
    recognizer = EmotionRecognizer.from_pretrained(run, whisper="none")
    sound = [(waveforms[0], 16_000), (waveforms[1], 16_000)]
    alone, with_text = recognizer.predict(sound), recognizer.predict(sound, texts=[None, "dogs are sitting"])
    assert [each.transcript for each in alone] == [None, None]
    assert alone[0].warnings == ()
    assert with_text[0].probabilities == pytest.approx(alone[0].probabilities, abs=1e-6)
    assert with_text[1].probabilities != pytest.approx(alone[1].probabilities, abs=1e-3)
    empty = recognizer.predict(sound[:1], texts=[""])[0]  # nothing is said, which is not the same
    assert empty.probabilities != pytest.approx(alone[0].probabilities, abs=1e-3)


def test_a_model_that_needs_its_text_has_to_be_told_or_listen(save_run):
    with pytest.raises(SettingsError, match="whisper is 'none', but this model reads what is said and was"):
        EmotionRecognizer.from_pretrained(save_run("fusion"), whisper="none")


def test_a_silent_recording_is_judged_by_its_text_where_the_model_was_trained_so(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion", modality_dropout=0.2))
    silence, texts = (np.zeros(32_000, np.float32), 16_000), ["kids are talking", "dogs are sitting"]
    beside = recognizer.predict([silence, (waveforms[1], 16_000)], texts=texts)
    (alone,) = recognizer.predict([silence], texts=texts[:1])
    assert alone.warnings[0].kind == "silent"
    assert alone.duration_s == 0
    assert beside[0].probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    (other,) = recognizer.predict([silence], texts=texts[1:])
    assert other.probabilities != pytest.approx(alone.probabilities, abs=1e-3)
    for nothing in (None, "", "  "):
        with pytest.raises(AudioError, match="Nothing to be heard"):
            recognizer.predict([silence], texts=[nothing])


def test_a_silent_recording_is_an_error_for_a_model_that_needs_sound(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    with pytest.raises(AudioError, match="Nothing to be heard"):
        recognizer.predict([(np.zeros(32_000, np.float32), 16_000)], texts=["kids are talking"])
