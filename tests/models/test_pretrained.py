import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertForSequenceClassification,
    HubertModel,
    WhisperForConditionalGeneration,
    WhisperModel,
)

from mmser.models.fusion.pretrained import (
    build_fusion,
    build_speech,
    load_audio_features,
    load_audio_tower,
    load_text_tower,
)


def drop_weights(source, folder, *fragments):
    """Copy a checkpoint without the weights whose names contain any of ``fragments``."""
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(source / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not any(part in name for part in fragments)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_fusion_takes_over_the_weights_of_both_checkpoints(fusion, checkpoints):
    model, _ = fusion("hubert", "bert")
    weights = load_file(checkpoints / "hubert" / "model.safetensors")
    name = "encoder.layers.1.attention.q_proj.weight"
    assert torch.equal(model.audio_encoder.state_dict()[name], weights[name])
    weights = load_file(checkpoints / "bert" / "model.safetensors")
    name = "encoder.layer.1.attention.self.query.weight"
    assert torch.equal(model.text_encoder.state_dict()[name], weights[name])
    assert model.config.id2label == {0: "angry", 1: "happy", 2: "sad"}
    assert not model.training


def test_an_audio_tower_that_would_start_at_random_is_refused(checkpoints, tmp_path):
    broken = drop_weights(checkpoints / "hubert", tmp_path / "broken", "layers.1.attention.q_proj.weight")
    with pytest.raises(ValueError, match=r"lacks 1 weights .* encoder\.layers\.1\.attention\.q_proj\.weight"):
        load_audio_tower(str(broken))


def test_a_whisper_tower_that_would_start_at_random_is_refused(checkpoints, tmp_path):
    broken = drop_weights(checkpoints / "whisper", tmp_path / "broken", "encoder.conv1")
    with pytest.raises(ValueError, match=r"lacks 2 weights .* conv1\.bias, conv1\.weight"):
        load_audio_tower(str(broken), window_s=4)


def test_a_text_tower_that_would_start_at_random_is_refused(checkpoints, tmp_path):
    broken = drop_weights(checkpoints / "bert", tmp_path / "broken", "word_embeddings")
    with pytest.raises(ValueError, match="word_embeddings"):
        load_text_tower(str(broken))


def test_weights_that_nothing_reads_may_be_absent(checkpoints, tmp_path):
    text = load_text_tower(str(drop_weights(checkpoints / "bert", tmp_path / "bert", "pooler")))
    assert not any(name.startswith("pooler") for name in text.state_dict())
    audio = load_audio_tower(
        str(drop_weights(checkpoints / "hubert", tmp_path / "hubert", "masked_spec_embed"))
    )
    whole = load_audio_tower(str(checkpoints / "hubert")).state_dict()
    kept = {name: tensor for name, tensor in audio.state_dict().items() if name != "masked_spec_embed"}
    assert all(torch.equal(tensor, whole[name]) for name, tensor in kept.items())


def test_a_task_model_gives_its_encoder(checkpoints, tmp_path):
    expected = load_text_tower(str(checkpoints / "bert")).state_dict()
    BertForSequenceClassification.from_pretrained(checkpoints / "bert").save_pretrained(tmp_path)
    tower = load_text_tower(str(tmp_path)).state_dict()
    assert all(torch.equal(tower[name], expected[name]) for name in expected)


def test_a_trained_audio_classifier_gives_its_encoder(audio_classifier, checkpoints, tmp_path):
    for audio in ("hubert", "whisper"):
        model, features = audio_classifier(audio)
        with torch.no_grad():
            model.get_parameter(_LAST_NORM[audio]).fill_(7.0)  # stands for training
        model.save_pretrained(tmp_path / audio)
        features.save_pretrained(tmp_path / audio)
        fused, _ = build_fusion(str(tmp_path / audio), str(checkpoints / "bert"), ["sad"], window_s=4)
        name = _LAST_NORM[audio].partition(".")[2]
        assert (fused.audio_encoder.get_parameter(name) == 7.0).all()


_LAST_NORM = {"hubert": "hubert.encoder.layer_norm.weight", "whisper": "encoder.layer_norm.weight"}


@pytest.mark.parametrize("whole", [WhisperModel, WhisperForConditionalGeneration])
def test_a_whisper_tower_is_the_encoder_with_its_first_positions(checkpoints, tmp_path, whole):
    source = WhisperModel.from_pretrained(checkpoints / "whisper")
    if whole is not WhisperModel:
        outer = whole(source.config)
        outer.model.load_state_dict(source.state_dict())
        outer.save_pretrained(tmp_path)
    tower = load_audio_tower(str(checkpoints / "whisper" if whole is WhisperModel else tmp_path), window_s=3)
    assert tower.config.max_source_positions == tower.max_source_positions == 150  # 3 s of 50 frames
    assert torch.equal(tower.embed_positions.weight, source.encoder.embed_positions.weight[:150])
    assert torch.equal(tower.conv2.weight, source.encoder.conv2.weight)
    assert not tower.embed_positions.weight.requires_grad


def test_speeds_are_those_that_are_asked_for_and_not_those_of_the_run_that_the_tower_is_from(
    checkpoints, tmp_path
):
    model, features = build_speech(str(checkpoints / "hubert"), ["angry", "sad"], speeds=(1.0, 1.2))
    model.save_pretrained(tmp_path)
    features.save_pretrained(tmp_path)
    assert load_audio_features(str(tmp_path), model.config.audio_config, (0.9,)).speeds == [0.9]
    assert load_audio_features(str(tmp_path), model.config.audio_config).speeds == (1.0,)
    assert "speeds" not in load_audio_features(str(tmp_path), model.config.audio_config).to_dict()


@pytest.mark.parametrize("window_s", [0, 2.5])
def test_a_window_that_is_not_whole_seconds_is_refused(checkpoints, window_s):
    with pytest.raises(ValueError, match="expected a whole number of seconds from 1"):
        load_audio_tower(str(checkpoints / "whisper"), window_s=window_s)


def test_a_window_longer_than_the_checkpoints_is_refused(checkpoints):
    with pytest.raises(ValueError, match="window_s is 5, but the checkpoint hears at most 4 s"):
        load_audio_tower(str(checkpoints / "whisper"), window_s=5)


def test_overrides_reach_the_configuration_and_unknown_ones_are_refused(checkpoints):
    tower = load_audio_tower(str(checkpoints / "hubert"), hidden_dropout=0.3)
    assert tower.config.hidden_dropout == 0.3
    with pytest.raises(ValueError, match=r"no field named \['hiden_dropout'\]"):
        load_audio_tower(str(checkpoints / "hubert"), hiden_dropout=0.3)


def test_layers_are_not_dropped_unless_asked_for(checkpoints):
    assert HubertModel.from_pretrained(checkpoints / "hubert").config.layerdrop == 0.1
    assert load_audio_tower(str(checkpoints / "hubert")).config.layerdrop == 0.0
    assert load_audio_tower(str(checkpoints / "hubert"), layerdrop=0.2).config.layerdrop == 0.2


def test_an_encoder_that_never_masks_has_no_mask_vector(checkpoints):
    assert hasattr(load_audio_tower(str(checkpoints / "hubert")), "masked_spec_embed")
    assert not hasattr(
        load_audio_tower(str(checkpoints / "hubert"), apply_spec_augment=False), "masked_spec_embed"
    )


def test_towers_are_float32_whatever_the_checkpoint(checkpoints, tmp_path):
    HubertModel.from_pretrained(checkpoints / "hubert", dtype=torch.float16).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "float16"
    assert load_audio_tower(str(tmp_path)).dtype == torch.float32


def copy_without(source, folder, name):
    folder.mkdir()
    for path in source.iterdir():
        if path.name != name:
            (folder / path.name).write_bytes(path.read_bytes())
    return str(folder)


def test_a_tower_that_is_nowhere_is_named_and_the_remedy_too():
    message = r"^/no/tower: its configuration cannot be read \(no such folder here.*Expected the name of a"
    with pytest.raises(ValueError, match=message):
        load_audio_tower("/no/tower")
    with pytest.raises(ValueError, match=message):
        load_text_tower("/no/tower")


def test_a_tower_without_weights_is_named_in_one_line(checkpoints, tmp_path):
    folder = copy_without(checkpoints / "hubert", tmp_path / "bare", "model.safetensors")
    with pytest.raises(ValueError, match=r"bare: its weights cannot be read \(Error no file named") as error:
        load_audio_tower(folder)
    assert "\n" not in str(error.value)


def test_damaged_weights_are_named(checkpoints, tmp_path):
    folder = copy_without(checkpoints / "hubert", tmp_path / "damaged", "model.safetensors")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(ValueError, match="damaged: its weights cannot be read"):
        load_audio_tower(folder)


@pytest.mark.parametrize("text", ["bert", "roberta", "gpt2"])
def test_a_text_tower_without_tokenizer_is_refused_and_not_given_an_empty_one(checkpoints, tmp_path, text):
    folder = copy_without(checkpoints / text, tmp_path / text, "tokenizer.json")
    (tmp_path / text / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match=f"{text}: (holds no tokenizer|its tokenizer cannot be read)"):
        build_fusion(str(checkpoints / "hubert"), folder, ["angry"])


def test_a_speech_tower_without_feature_extractor_is_refused(checkpoints, tmp_path):
    folder = copy_without(checkpoints / "hubert", tmp_path / "deaf", "preprocessor_config.json")
    with pytest.raises(ValueError, match="deaf: its feature extractor cannot be read"):
        build_fusion(folder, str(checkpoints / "bert"), ["angry"])
