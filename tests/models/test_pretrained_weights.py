"""A tower in a model is the checkpoint's tower, weight by weight: initialisation must not touch it again."""

import pytest
import torch
from transformers import AutoModel

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.models.fusion import build_fusion

CLASSES = ("angry", "happy", "sad")
AUDIO = ("hubert", "wav2vec2", "wavlm", "whisper")


def published_weights(kind, folder):
    model = AutoModel.from_pretrained(folder)
    weights = (model.encoder if kind == "whisper" else model).state_dict()
    if kind == "whisper":
        weights["embed_positions.weight"] = weights["embed_positions.weight"][:100]  # two seconds
    return weights


def assert_same(tower, published):
    kept = {name: tensor for name, tensor in published.items() if not name.startswith("pooler.")}
    found = tower.state_dict()
    assert found.keys() == kept.keys()
    for name, tensor in kept.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("audio", AUDIO)
def test_a_fusion_models_towers_are_the_checkpoints(tmp_path, audio):
    speech = save_audio_checkpoint(audio, tmp_path / audio)
    text = save_text_checkpoint("bert", tmp_path / "bert")
    model, _ = build_fusion(str(speech), str(text), CLASSES, window_s=2.0)
    assert_same(model.audio_encoder, published_weights(audio, speech))
    assert_same(model.text_encoder, published_weights("bert", text))


@pytest.mark.parametrize("audio", AUDIO)
def test_an_audio_classifiers_tower_is_the_checkpoints(tmp_path, audio):
    speech = save_audio_checkpoint(audio, tmp_path / audio)
    model, _ = build_audio_classifier(str(speech), CLASSES, window_s=2.0)
    assert_same(get_audio_tower(model), published_weights(audio, speech))
