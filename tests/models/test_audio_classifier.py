import sys

import pytest
import torch
from transformers import WhisperForAudioClassification, pipeline

from mmser.models.audio_classifier import (
    build_audio_classifier,
    get_audio_tower,
    load_audio_classifier,
    project_rows,
    reduce_audio,
)

AUDIO = ["hubert", "wav2vec2", "wavlm", "whisper"]


@pytest.mark.parametrize("audio", AUDIO)
def test_classifying_pooled_states_is_the_stock_forward(audio_classifier, clips, audio):
    model, features = audio_classifier(audio)
    batch = features.pad([features.features(clip) for clip in clips])
    with torch.no_grad():
        rows, mask = reduce_audio(model, **batch)
        expected = model(**batch).logits
    assert rows.shape == (2, 2, 3, 16)  # mean and deviation of two blocks and of what enters the first
    assert expected.abs().max() > 1
    torch.testing.assert_close(
        model.classifier(project_rows(model, rows, mask)), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("audio", ["hubert", "wavlm"])
def test_pooling_without_a_mask_is_the_stock_forward_too(audio_classifier, clips, audio):
    model, features = audio_classifier(audio)
    values = features.pad([features.features(clips[0])])["input_values"]
    with torch.no_grad():
        expected = model(values).logits
        rows = reduce_audio(model, values)
        torch.testing.assert_close(
            model.classifier(project_rows(model, *rows)), expected, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("audio", AUDIO)
def test_a_clip_gets_the_same_logits_alone_and_beside_a_longer_one(audio_classifier, clips, audio):
    model, features = audio_classifier(audio)
    short, long = (features.features(clip) for clip in clips)
    with torch.no_grad():
        alone = model(**features.pad([short])).logits[0]
        beside, neighbour = model(**features.pad([short, long])).logits
    assert (alone - neighbour).abs().max() > 0.1
    assert (alone - beside).abs().max() < 1e-4


def test_a_mixture_of_layers_cannot_be_pooled_ahead(audio_classifier, clips):
    model, features = audio_classifier()
    model.config.use_weighted_layer_sum = True
    with pytest.raises(ValueError, match="use_weighted_layer_sum"):
        reduce_audio(model, **features.pad([features.features(clips[0])]))


@pytest.mark.parametrize("audio", AUDIO)
def test_gradient_reaches_every_trained_weight(audio_classifier, clips, audio):
    model, features = audio_classifier(audio)
    batch = features.pad([features.features(clip) for clip in clips])
    model.train()(**batch, labels=torch.tensor([0, 2])).loss.backward()
    trained = ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)
    assert [name for name, weight in trained if weight.grad is None] == []


def test_the_stock_model_has_the_classes_and_lets_trainer_scale_the_loss(audio_classifier):
    model, _ = audio_classifier()
    assert model.config.id2label == {0: "angry", 1: "happy", 2: "sad"}
    assert model.config.label2id == {"angry": 0, "happy": 1, "sad": 2}
    assert model.classifier.out_features == 3
    assert model.accepts_loss_kwargs is False
    assert not model.training


@pytest.mark.parametrize("audio", AUDIO)
def test_the_encoder_is_the_checkpoints(audio_classifier, checkpoints, audio):
    from mmser.models.fusion.pretrained import load_audio_tower

    model, _ = audio_classifier(audio)
    expected = load_audio_tower(str(checkpoints / audio), window_s=4).state_dict()
    tower = get_audio_tower(model).state_dict()
    assert tower.keys() == expected.keys()
    assert all(torch.equal(tower[name], expected[name]) for name in expected)


def test_whisper_hears_its_window(checkpoints, clips):
    model, features = build_audio_classifier(str(checkpoints / "whisper"), ["sad", "happy"], window_s=2)
    assert isinstance(model, WhisperForAudioClassification)
    assert model.config.max_source_positions == 100  # 2 s of 50 frames
    assert features.feature_extractor.chunk_length == 2
    assert features.features(clips[1])["input_features"].shape == (80, 200)


def test_a_text_encoder_is_refused(checkpoints):
    with pytest.raises(ValueError, match="type 'bert' cannot be the audio tower"):
        build_audio_classifier(str(checkpoints / "bert"), ["sad"])


@pytest.mark.parametrize("audio", ["hubert", "whisper"])
def test_a_saved_run_is_a_stock_pipeline_with_our_probabilities(
    audio_classifier, clips, tmp_path, monkeypatch, audio
):
    model, features = audio_classifier(audio)
    model.save_pretrained(tmp_path)
    features.save_pretrained(tmp_path)
    monkeypatch.setenv("PATH", "")
    for name in ("torchcodec", "torchaudio"):
        monkeypatch.setitem(sys.modules, name, None)
    stock = pipeline("audio-classification", model=str(tmp_path), top_k=None, device="cpu")
    for clip in clips:
        with torch.no_grad():
            ours = model(**features.pad([features.features(clip)])).logits[0].softmax(-1).tolist()
        rows = stock({"array": clip, "sampling_rate": 16_000})
        theirs = {row["label"]: row["score"] for row in rows}
        assert theirs == pytest.approx(dict(zip(["angry", "happy", "sad"], ours, strict=True)), abs=1e-5)


@pytest.mark.parametrize("audio", AUDIO)
def test_a_loaded_run_answers_as_the_saved_one_in_any_batch(audio_classifier, clips, tmp_path, audio):
    model, features = audio_classifier(audio)
    model.save_pretrained(tmp_path)
    features.save_pretrained(tmp_path)
    loaded, loaded_features = load_audio_classifier(tmp_path)
    assert loaded.accepts_loss_kwargs is False
    with torch.no_grad():
        expected = model(**features.pad([features.features(clip) for clip in clips])).logits
        logits = loaded(**loaded_features.pad([loaded_features.features(clip) for clip in clips])).logits
    assert torch.equal(logits, expected)
