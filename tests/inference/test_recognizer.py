import numpy as np
import pytest
import soundfile
import soxr

from factories_corpus import CLASSES, make_tone
from factories_runs import WHISPER
from factories_whisper import save_whisper_checkpoint
from mmser import EmotionRecognizer
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import to_pcm16
from mmser.errors import AudioError, CheckpointError, SettingsError


@pytest.fixture
def waveforms():
    return [make_tone(label, duration_s=1.0 + index, seed=index) for index, label in enumerate(CLASSES)]


def probabilities(predictions):
    return np.array([list(each.probabilities.values()) for each in predictions])


def test_all_classes_come_back_and_their_probabilities_sum_to_one(save_run, waveforms):
    (prediction,) = EmotionRecognizer.from_pretrained(save_run("hubert")).predict([(waveforms[0], 16_000)])
    assert list(prediction.probabilities) == list(CLASSES)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.label == max(prediction.probabilities, key=prediction.probabilities.get)
    assert prediction.transcript is None


@pytest.mark.parametrize("kind", ["hubert", "fusion"])
def test_a_clip_is_answered_alone_as_in_any_batch(save_run, waveforms, kind):
    recognizer = EmotionRecognizer.from_pretrained(save_run(kind))
    clips, texts = [(waveform, 16_000) for waveform in waveforms], ["kids", "dogs are sitting", ""]
    together = recognizer.predict(clips, texts=texts)
    alone = [recognizer.predict([clip], texts=[text])[0] for clip, text in zip(clips, texts, strict=True)]
    np.testing.assert_allclose(probabilities(together), probabilities(alone), atol=1e-5)
    assert [each.duration_s for each in together] == [each.duration_s for each in alone]


def test_a_recording_is_cleaned_as_the_models_corpus_was(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    padded = np.concatenate([np.zeros(16_000, "f4"), waveforms[1], np.zeros(16_000, "f4")])
    (prediction,) = recognizer.predict([(padded, 16_000)])
    assert prediction.duration_s == len(clean_waveform(padded, 16_000, CleaningSettings())) / 16_000
    assert prediction.duration_s < 3


def test_a_file_of_another_rate_and_two_channels_is_read(save_run, waveforms, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    high = soxr.resample(waveforms[1], 16_000, 44_100)
    soundfile.write(tmp_path / "a.wav", np.stack([high, high], axis=1), 44_100, subtype="FLOAT")
    from_file = recognizer.predict([tmp_path / "a.wav"])
    from_array = recognizer.predict([(high, 44_100)])
    np.testing.assert_allclose(probabilities(from_file), probabilities(from_array), atol=1e-5)


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


def test_one_file_in_place_of_a_list_is_refused(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    with pytest.raises(SettingsError, match=r"Got one file, 'a\.wav', expected a list .*: \['a\.wav'\]"):
        recognizer.predict("a.wav")


def test_integers_are_answered_as_the_floats_they_stand_for(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    integers = to_pcm16(waveforms[1])
    floats = integers.astype(np.float32) / 32768
    first, second = recognizer.predict([(integers, 16_000), (floats, 16_000)])
    assert first == second


def test_a_waveform_without_its_rate_is_refused(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    with pytest.raises(SettingsError, match="Got ndarray, expected a file or a pair"):
        recognizer.predict([waveforms[0]])


def test_as_many_texts_as_clips_are_needed(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    with pytest.raises(SettingsError, match="2 texts for 1 clips"):
        recognizer.predict([(waveforms[0], 16_000)], texts=["a", "b"])


def test_a_model_trained_on_reference_texts_says_that_it_needs_them(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("fusion"))
    with pytest.raises(SettingsError, match=r"trained on reference transcripts.*--text"):
        recognizer.predict([(waveforms[0], 16_000)])


def test_silence_is_refused_by_name(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    with pytest.raises(AudioError) as refused:
        recognizer.predict([(np.zeros(16_000, "f4"), 16_000)])
    assert refused.value.reason == "silent"


def test_a_model_that_does_not_say_how_its_clips_were_cleaned_is_refused(save_run):
    with pytest.raises(SettingsError, match=r"config\.preprocessing is empty"):
        EmotionRecognizer.from_pretrained(save_run("hubert", preprocessing=False))


def test_a_bare_encoder_is_refused_for_its_random_head(save_run, tmp_path):
    save_run("hubert")
    with pytest.raises(CheckpointError, match=r"would start at random: .*classifier\.weight"):
        EmotionRecognizer.from_pretrained(tmp_path / "hubert")
