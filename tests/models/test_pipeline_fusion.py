import logging

import pytest
import torch

from mmser.models.fusion import SpeechEmotionPipeline, build_speech


@pytest.fixture
def recognizer(fusion):
    model, processor = fusion()
    model.config.preprocessing = {"cleaning": "thirty decibels"}
    return SpeechEmotionPipeline(model=model, processor=processor, device="cpu")


@pytest.fixture
def deaf_to_words(checkpoints):
    """The pipeline of a model of sound alone, and the features of its clips."""
    model, features = build_speech(
        str(checkpoints / "whisper"), ["a", "b"], window_s=4, audio_pooling="attention"
    )
    extractor = features.feature_extractor
    return SpeechEmotionPipeline(model=model, feature_extractor=extractor, device="cpu"), features


def test_all_classes_come_back_the_most_probable_first(recognizer, clips):
    rows = recognizer({"array": clips[0], "sampling_rate": 16_000, "text": "kids"})
    assert {row["label"] for row in rows} == {"angry", "happy", "sad"}
    assert sum(row["score"] for row in rows) == pytest.approx(1)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    with torch.no_grad():
        batch = recognizer.processor(clips[:1], ["kids"], sampling_rate=16_000)
        best = int(recognizer.model(**batch).logits.argmax())
    assert rows[0]["label"] == recognizer.model.config.id2label[best]


def test_probabilities_are_calibrated_where_the_model_is(recognizer, clips):
    clip = {"array": clips[0], "sampling_rate": 16_000, "text": "kids"}
    plain = torch.tensor([row["score"] for row in recognizer(clip)], dtype=torch.float64)
    recognizer.model.config.calibration_temperature = 2.0
    flattened = [row["score"] for row in recognizer(clip)]
    assert flattened == pytest.approx((plain.sqrt() / plain.sqrt().sum()).tolist())  # p ** (1 / 2)


def test_several_clips_are_answered_one_by_one(recognizer, clips):
    inputs = [{"array": clip, "sampling_rate": 16_000, "text": "kids"} for clip in clips]
    assert recognizer(inputs) == [recognizer(clip) for clip in inputs]


def test_an_empty_text_is_an_answer(recognizer, clips):
    assert len(recognizer({"array": clips[0], "sampling_rate": 16_000, "text": ""})) == 3


@pytest.mark.parametrize("without", ["text", "array", "sampling_rate"])
def test_an_incomplete_clip_is_refused(recognizer, clips, without):
    clip = {"array": clips[0], "sampling_rate": 16_000, "text": "kids"}
    for incomplete in ({**clip, without: None}, {name: clip[name] for name in clip if name != without}):
        with pytest.raises(ValueError, match=rf"lacks \['{without}'\].*transcribe the clip first"):
            recognizer(incomplete)


def test_a_bare_waveform_is_refused(recognizer, clips):
    with pytest.raises(ValueError, match="expected a dictionary of"):
        recognizer(clips[0])


def test_another_rate_is_refused(recognizer, clips):
    with pytest.raises(ValueError, match="sampling_rate is 8000, expected 16000"):
        recognizer({"array": clips[0], "sampling_rate": 8_000, "text": ""})


def test_a_parameter_that_nothing_reads_is_refused(recognizer, clips):
    with pytest.raises(ValueError, match=r"takes no parameters, got \['top_k'\]"):
        recognizer({"array": clips[0], "sampling_rate": 16_000, "text": ""}, top_k=2)


def test_it_says_once_how_clips_must_be_prepared(fusion, clips, caplog):
    model, processor = fusion()
    model.config.preprocessing = {"cleaning": "thirty decibels"}
    with caplog.at_level(logging.WARNING):
        recognizer = SpeechEmotionPipeline(model=model, processor=processor, device="cpu")
        for _ in range(2):
            recognizer({"array": clips[0], "sampling_rate": 16_000, "text": ""})
    assert caplog.text.count("thirty decibels") == 1


def test_a_model_of_sound_alone_takes_a_clip_without_text(deaf_to_words, clips):
    recognizer, features = deaf_to_words
    rows = recognizer({"array": clips[1], "sampling_rate": 16_000})
    with torch.no_grad():
        logits = recognizer.model(**features.pad([features.features(clips[1])])).logits[0]
    expected = dict(zip("ab", logits.double().softmax(-1).tolist(), strict=True))
    assert {row["label"]: row["score"] for row in rows} == pytest.approx(expected)
    assert recognizer({"array": clips[1], "sampling_rate": 16_000, "text": "kids"}) == rows


def test_a_model_of_sound_alone_asks_for_no_text(deaf_to_words, clips):
    recognizer, _ = deaf_to_words
    with pytest.raises(ValueError, match=r"lacks \['sampling_rate'\].* of \['array', 'sampling_rate'\]\.$"):
        recognizer({"array": clips[0]})
    with pytest.raises(ValueError, match="sampling_rate is 8000, expected 16000"):
        recognizer({"array": clips[0], "sampling_rate": 8_000})


def test_what_makes_the_features_is_asked_for_by_its_files(deaf_to_words, fusion):
    with pytest.raises(ValueError, match=r"Expected preprocessor_config\.json beside the model"):
        SpeechEmotionPipeline(model=deaf_to_words[0].model, device="cpu")
    with pytest.raises(ValueError, match=r"Expected processor_config\.json, tokenizer\.json and tok"):
        SpeechEmotionPipeline(model=fusion()[0], device="cpu")
