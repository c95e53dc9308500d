import logging

import numpy as np
import pytest
import torch

from mmser.models.fusion import FusionProcessor


def test_a_batch_holds_what_the_model_takes(fusion, clips):
    _, processor = fusion("hubert")
    batch = processor(clips, ["kids", "dogs are by the door"], sampling_rate=16_000)
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "input_values": (2, 48_000),
        "attention_mask": (2, 48_000),
        "input_ids": (2, 7),  # [CLS] dogs are by the door [SEP]
        "text_attention_mask": (2, 7),
    }
    assert batch["text_attention_mask"].sum(-1).tolist() == [3, 7]
    assert batch["attention_mask"].sum(-1).tolist() == [16_000, 48_000]


def test_a_call_is_the_padding_of_each_clip(fusion, clips):
    _, processor = fusion("wav2vec2")
    texts = ["kids", ""]
    called = processor(clips, texts, sampling_rate=16_000)
    padded = processor.pad([processor.features(*clip) for clip in zip(clips, texts, strict=True)])
    assert called.keys() == padded.keys()
    assert all(torch.equal(called[name], padded[name]) for name in padded)


def test_an_empty_transcript_is_a_text_of_its_own(fusion, clips):
    _, processor = fusion("hubert")
    assert processor.features(clips[0], "")["input_ids"].tolist() == [2, 3]  # [CLS] [SEP]


def test_an_empty_transcript_without_special_tokens_is_one_token(fusion, clips):
    _, processor = fusion("whisper")  # its text tower is GPT-2
    batch = processor(clips[:1], [""], sampling_rate=16_000)
    assert batch["text_attention_mask"].tolist() == [[1]]


def test_a_tokenizer_without_padding_pads_with_its_end(fusion, clips):
    _, processor = fusion("whisper")
    assert processor.tokenizer.pad_token == processor.tokenizer.eos_token
    batch = processor(clips, ["kids", "kids are"], sampling_rate=16_000)
    assert batch["input_ids"][0, 1].item() == processor.tokenizer.eos_token_id
    assert batch["text_attention_mask"].tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("rate_hz", [None, 44_100])
def test_a_rate_that_is_not_the_models_is_refused(fusion, clips, rate_hz):
    _, processor = fusion("hubert")
    with pytest.raises(ValueError, match=f"sampling_rate is {rate_hz}, expected 16000: resample"):
        processor(clips, ["", ""], sampling_rate=rate_hz)


@pytest.mark.parametrize("text", ["kids", ["kids"]])
def test_texts_that_do_not_match_the_clips_are_refused(fusion, clips, text):
    _, processor = fusion("hubert")
    with pytest.raises(ValueError, match="one text a clip"):
        processor(clips, text, sampling_rate=16_000)


@pytest.mark.parametrize(("audio", "limit"), [("hubert", 64), ("wav2vec2", 65)])
def test_a_text_is_cut_to_the_positions_that_the_encoder_has(fusion, clips, caplog, audio, limit):
    # BERT has 64 positions; RoBERTa has 66 and counts from its padding index, 0, plus one: 65
    model, processor = fusion(audio)
    with caplog.at_level(logging.WARNING):
        batch = processor(clips[:1], ["door " * 100], sampling_rate=16_000)
    assert batch["input_ids"].shape == (1, limit)
    assert f"cut to the {limit} tokens" in caplog.text
    assert model(**batch).logits.isfinite().all()


@pytest.mark.parametrize("audio", ["hubert", "whisper"])
def test_a_saved_processor_makes_the_same_features(fusion, clips, tmp_path, audio):
    _, processor = fusion(audio)
    expected = processor.features(clips[1], "dogs")
    processor.save_pretrained(tmp_path)
    features = FusionProcessor.from_pretrained(tmp_path).features(clips[1], "dogs")
    assert features.keys() == expected.keys()
    assert all(np.array_equal(features[name], expected[name]) for name in expected)
