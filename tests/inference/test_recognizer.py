import threading

import numpy as np
import pytest
import soundfile
import soxr

from factories_audio import write_clip
from factories_corpus import CLASSES, make_tone
from factories_runs import save_speech_model
from mmser import EmotionRecognizer
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import to_pcm16
from mmser.errors import AudioError, CheckpointError, SettingsError, UnknownNameError
from mmser.evaluation.calibration import apply_temperature


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


@pytest.mark.parametrize("kind", ["hubert", "fusion"])
def test_in_bfloat16_probabilities_move_a_little_and_no_batch_changes_them_much(save_run, waveforms, kind):
    run, texts = save_run(kind), ["kids", "dogs are sitting", ""]
    clips = [(waveform, 16_000) for waveform in waveforms]
    exact = probabilities(EmotionRecognizer.from_pretrained(run).predict(clips, texts=texts))
    recognizer = EmotionRecognizer.from_pretrained(run, dtype="bfloat16")
    together = probabilities(recognizer.predict(clips, texts=texts))
    alone = probabilities(
        [recognizer.predict([clip], texts=[text])[0] for clip, text in zip(clips, texts, strict=True)]
    )
    assert 0 < np.abs(together - exact).max() < 0.02
    np.testing.assert_allclose(together, alone, atol=0.02)


def test_an_unknown_precision_is_refused(save_run):
    with pytest.raises(UnknownNameError, match=r"Unknown dtype 'float16'.*bfloat16"):
        EmotionRecognizer.from_pretrained(save_run("hubert"), dtype="float16")


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


def kinds(prediction):
    return [warning.kind for warning in prediction.warnings]


def test_answers_of_many_clips_come_in_the_order_of_the_clips(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    lengths = [1.0 + (7 * index % 10) / 10 for index in range(20)]  # several groups of several batches
    clips = [(make_tone("sad", duration_s=length, seed=i), 16_000) for i, length in enumerate(lengths)]
    together = recognizer.predict(clips, batch_size=2)
    assert np.ptp(probabilities(together), axis=0).min() > 1e-4  # else any order would do
    alone = [recognizer.predict([clip])[0] for clip in clips]
    np.testing.assert_allclose(probabilities(together), probabilities(alone), atol=1e-5)
    assert [each.duration_s for each in together] == [each.duration_s for each in alone]


def test_probabilities_are_those_of_the_logits_over_the_models_temperature(save_run, waveforms):
    clips = [(waveform, 16_000) for waveform in waveforms]
    plain = EmotionRecognizer.from_pretrained(save_run("hubert")).predict(clips)
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert", calibration_temperature=2.5))
    assert recognizer.temperature == 2.5
    expected = apply_temperature(probabilities(plain), 2.5)
    np.testing.assert_allclose(probabilities(recognizer.predict(clips)), expected, atol=1e-6)


def test_below_the_threshold_of_the_model_no_label_is_given(save_run, waveforms):
    clip = (waveforms[0], 16_000)
    run = save_run("hubert", abstain_threshold=0.99)
    (unsure,) = EmotionRecognizer.from_pretrained(run).predict([clip])
    (forced,) = EmotionRecognizer.from_pretrained(run, abstain_threshold=0).predict([clip])
    assert unsure.label is None
    assert unsure.probabilities == forced.probabilities
    assert unsure.best == forced.label


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(save_run, threshold):
    with pytest.raises(SettingsError, match=r"abstain_threshold is .*, expected a probability from 0"):
        EmotionRecognizer.from_pretrained(save_run("hubert"), abstain_threshold=threshold)


def test_a_bad_clip_is_answered_by_its_error_beside_the_answers_of_the_others(save_run, waveforms, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    (tmp_path / "bad.wav").write_text("not audio")
    good = (waveforms[0], 16_000)
    clips = [good, tmp_path / "bad.wav", (np.zeros(16_000), 16_000), waveforms[0], good]
    first, unreadable, silent, no_rate, last = recognizer.iter_predictions(clips)
    assert first == last
    assert first.label == recognizer.predict([good])[0].label
    assert (unreadable.reason, silent.reason) == ("unreadable", "silent")
    assert str(silent).startswith("clip 2: Nothing to be heard")
    assert isinstance(no_rate, SettingsError)


def test_predict_raises_the_first_error(save_run, waveforms, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read"):
        recognizer.predict([(waveforms[0], 16_000), tmp_path / "gone.wav", waveforms[0]])


def test_a_silent_file_is_refused_by_its_name(save_run, tmp_path):
    path = write_clip(tmp_path / "still.wav", np.zeros(16_000, np.float32))
    with pytest.raises(AudioError, match=r"still\.wav: Nothing to be heard: peak 0\.0e\+00"):
        EmotionRecognizer.from_pretrained(save_run("hubert")).predict([path])


def test_clips_are_taken_as_they_are_needed(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    taken = []
    clips = (taken.append(number) or (waveforms[0], 16_000) for number in range(40))
    next(recognizer.iter_predictions(clips, batch_size=2))
    assert len(taken) == 16  # two groups of four batches: the one that is answered, the one being cleaned


def test_bytes_of_a_file_are_answered_as_the_file(save_run, waveforms, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    path = write_clip(tmp_path / "a.wav", waveforms[0])
    first, second = recognizer.predict([path, path.read_bytes()])
    assert first == second


def test_what_speaks_against_an_answer_is_told(save_run, tmp_path):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert", trained_duration_s=[1.0, 2.0]))
    loud = np.clip(20 * make_tone("sad", duration_s=3), -1, 1)
    six = np.stack([soxr.resample(make_tone("sad", duration_s=0.5), 16_000, 8_000)] * 6, axis=1)
    soundfile.write(tmp_path / "a.wav", six, 8_000)
    overdriven, small = recognizer.predict([(loud, 16_000), tmp_path / "a.wav"])
    assert kinds(overdriven) == ["clipped", "out-of-range"]
    assert kinds(small) == ["many-channels", "narrow-band", "too-short"]


def test_all_hearings_of_a_clip_count_in_what_is_heard_at_a_time(tmp_path):
    """At 0.5 and 1 a clip of 1.5 s takes two times 3 s of the 7.5 that a processor hears at a time."""
    folder = save_speech_model(tmp_path / "runs" / "a", speeds=(0.5, 1.0))
    recognizer = EmotionRecognizer.from_pretrained(folder, device="cpu")
    sizes = []
    recognizer.model.register_forward_pre_hook(
        lambda model, args, inputs: sizes.append(len(inputs["input_values"])), with_kwargs=True
    )
    recognizer.predict([(make_tone("sad", duration_s=1.5, seed=seed), 16_000) for seed in range(3)])
    assert sizes == [1, 1, 1]


def test_a_whisper_tower_says_what_it_hears_of_a_long_clip(save_run):
    recognizer = EmotionRecognizer.from_pretrained(save_run("whisper"))
    assert recognizer.limits.window_s == 2
    long, short = recognizer.predict([(make_tone("sad", duration_s=s), 16_000) for s in (3, 1.5)])
    assert kinds(long) == ["longer-than-window"]
    assert kinds(short) == []


def test_a_clip_of_more_than_two_minutes_is_refused_before_it_is_read(save_run, tmp_path, monkeypatch):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    path = write_clip(tmp_path / "long.wav", np.zeros(121 * 1000, np.float32), 1000)
    monkeypatch.setattr("mmser.inference.waveforms.read_waveform", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(
        AudioError, match=r"long\.wav: lasts 121\.0 seconds, expected a clip of 120 at .*`mmser timeline`"
    ):
        recognizer.predict([path])
    with pytest.raises(AudioError, match=r"clip 0: lasts 120\.1 seconds, expected a clip of 120 at"):
        recognizer.predict([(np.zeros(120 * 1000 + 1), 1000)])


def test_a_batch_of_no_clips_is_refused(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    with pytest.raises(SettingsError, match="batch_size is 0, expected clips in a batch, from 1"):
        recognizer.predict([(waveforms[0], 16_000)], batch_size=0)


def test_several_threads_may_ask_at_once(save_run, waveforms):
    recognizer = EmotionRecognizer.from_pretrained(save_run("hubert"))
    expected = [recognizer.predict([(waveform, 16_000)]) for waveform in waveforms]
    found = {}

    def ask(index):
        found[index] = recognizer.predict([(waveforms[index], 16_000)])

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [found[index] for index in range(3)] == expected
