"""Each YAML of recipes/configs names real checkpoints; here tiny ones of the same kind stand in for them."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from factories_models import save_audio_checkpoint, save_text_checkpoint

CONFIGS = Path(__file__).parents[2] / "recipes" / "configs"
HUBERT = "facebook/hubert-base-ls960"
CONVOLUTION = "feature_extractor.conv_layers.{}.conv.weight".format
QUERY = "encoder.layers.1.attention.q_proj.weight"
SPEECH = {  # config: checkpoint on the Hub, kind that stands in, a weight that is trained, one that is not
    "hubert": (HUBERT, "hubert", None, QUERY),
    "hubert_top_cnn": (HUBERT, "hubert", CONVOLUTION(6), CONVOLUTION(4)),
    "hubert_partial": (HUBERT, "hubert", QUERY, CONVOLUTION(6)),
    "hubert_entire": (HUBERT, "hubert", CONVOLUTION(0), None),
    "hubert_large": ("facebook/hubert-large-ll60k", "hubert-large", None, QUERY),
    "hubert_xlarge": ("facebook/hubert-xlarge-ll60k", "hubert-large", None, QUERY),
    "wavlm": ("microsoft/wavlm-base-plus", "wavlm", None, QUERY),
}  # fmt: skip
FUSION = {  # config: text checkpoint on the Hub, kind that stands in
    "fusion": ("google-bert/bert-base-uncased", "bert"),
    "fusion_xlmr": ("FacebookAI/xlm-roberta-base", "xlm-roberta"),
    "fusion_gpt2": ("openai-community/gpt2", "gpt2"),
}
FAST = {"num_train_epochs": 1, "warmup_steps": 1, "learning_rate": 1e-2}


def read(config):
    return yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())


@pytest.mark.parametrize("config", SPEECH)
def test_a_way_of_fine_tuning_trains_what_it_says(run_recipe, towers, tmp_path, monkeypatch, config):
    name, kind, trained, kept = SPEECH[config]
    assert read(config)["audio_encoder"] == name
    source = save_audio_checkpoint(kind, tmp_path / kind)
    monkeypatch.setitem(towers, kind, str(source))
    run = run_recipe("train_hubert", "--config", str(CONFIGS / f"{config}.yaml"), audio=kind, **FAST)
    before, after = load_file(source / "model.safetensors"), load_file(run / "model.safetensors")
    prefix = "wavlm." if kind == "wavlm" else "hubert."
    assert trained is None or not torch.equal(before[trained], after[prefix + trained])
    assert kept is None or torch.equal(before[kept], after[prefix + kept])
    assert json.loads((run / "metrics.json").read_text())["settings"]["freeze"] == read(config)["freeze"]


@pytest.mark.parametrize("config", FUSION)
def test_a_text_tower_is_loaded_by_name_and_trained_with_the_head(
    run_recipe, towers, tmp_path, monkeypatch, config
):
    name, kind = FUSION[config]
    assert read(config)["text_encoder"] == name
    assert read(config)["audio_encoder"] == HUBERT
    monkeypatch.setitem(towers, "bert", str(save_text_checkpoint(kind, tmp_path / kind)))
    run = run_recipe("train_fusion", "--config", str(CONFIGS / f"{config}.yaml"), **FAST)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["system"] == f"hubert+{kind}"
    before, after = load_file(tmp_path / kind / "model.safetensors"), load_file(run / "model.safetensors")
    weight = {"gpt2": "h.0.attn.c_attn.weight"}.get(kind, "encoder.layer.0.attention.self.query.weight")
    assert not torch.equal(before[weight], after[f"text_encoder.{weight}"])


def test_every_config_of_a_speech_encoder_is_tried_here_or_in_the_demo():
    written = {path.stem for path in CONFIGS.glob("*.yaml") if "audio_encoder" in read(path.stem)}
    assert written - SPEECH.keys() - FUSION.keys() == {
        "demo_hubert", "demo_fusion", "frozen_whisper", "frozen_whisper_fusion",
        "ravdess8_speaker",  # tests/test_ravdess8_recipe.py
    }  # fmt: skip
