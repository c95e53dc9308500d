import builtins
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.curation.schema import load_corpus
from mmser.errors import SettingsError, UnknownNameError
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.models.fusion.pretrained import load_audio_tower, load_text_tower
from mmser.models.loading import load_model
from mmser.training.arguments import AudioSettings
from mmser.training.lora import add_lora, merge_lora
from mmser.training.scoring import predict_logits
from mmser.training.trainer import EmotionTrainer

SHORT = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 0.02}
LORA = {"freeze": "entire", "lora_rank": 2}
TEXTS = ("bert", "distilbert", "gpt2", "roberta")


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def _load(kind):
        folder = tmp_path_factory.mktemp(kind)
        if kind in TEXTS:
            return load_text_tower(str(save_text_checkpoint(kind, folder)))
        return load_audio_tower(str(save_audio_checkpoint(kind, folder)), window_s=4)

    return _load


def run_tower(tower, kind):
    torch.manual_seed(0)
    if kind in TEXTS:
        return tower.eval()(torch.arange(4, 12)[None]).last_hidden_state
    return tower.eval()(torch.randn((1, 80, 400) if kind == "whisper" else (1, 16000))).last_hidden_state


@pytest.mark.parametrize("kind", ["hubert", "hubert-large", "wav2vec2", "whisper", *TEXTS])
def test_updates_begin_at_nothing_are_all_that_is_trained_and_are_merged_without_a_trace(load, kind):
    tower = load(kind)
    names, before = set(tower.state_dict()), run_tower(tower, kind)
    add_lora(tower, rank=2, alpha=4)
    trained = {name: each for name, each in tower.named_parameters() if each.requires_grad}
    assert trained
    assert all(".lora_" in name for name in trained)
    assert torch.equal(run_tower(tower, kind), before)
    with torch.no_grad():
        for each in trained.values():
            each.copy_(torch.randn_like(each) * 0.3)
    updated = run_tower(tower, kind)
    assert not torch.allclose(updated, before, atol=1e-3)
    run_tower(tower, kind).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in trained.values())
    merge_lora(tower)
    assert set(tower.state_dict()) == names
    torch.testing.assert_close(run_tower(tower, kind), updated, atol=1e-5, rtol=1e-4)


def test_a_merged_projection_is_the_old_one_and_its_scaled_update(load):
    tower = load("hubert")
    query = tower.encoder.layers[0].attention.q_proj
    old = query.weight.detach().clone()
    add_lora(tower, rank=2, alpha=6, targets=["q_proj"])
    updates = tower.encoder.layers[0].attention.q_proj
    first, second = updates.lora_A["default"].weight, updates.lora_B["default"].weight
    torch.nn.init.normal_(second)
    expected = old + 6 / 2 * (second @ first).detach()
    merge_lora(tower)
    assert tower.encoder.layers[0].attention.q_proj is query
    torch.testing.assert_close(query.weight.detach(), expected)


def test_what_is_frozen_under_updates_stays_in_eval_mode(load):
    tower = load("hubert")
    add_lora(tower, rank=2, alpha=4)
    torch.nn.Sequential(tower).train()
    assert not any(module.training for module in tower.feature_extractor.modules())
    assert not any(module.training for module in tower.encoder.layers[0].feed_forward.modules())
    assert tower.encoder.layers[0].attention.training


def test_attention_that_updates_would_pass_by_is_refused(load):
    message = (
        r"updates do not reach the attention of WavLMModel\. Name other projections .*'intermediate_dense'"
    )
    for targets in ([], ["q_proj"]):
        with pytest.raises(SettingsError, match=message):
            add_lora(load("wavlm"), rank=2, alpha=4, targets=targets)
    add_lora(load("wavlm"), rank=2, alpha=4, targets=["intermediate_dense"])


def test_a_projection_that_a_tower_has_not_is_refused(load):
    with pytest.raises(UnknownNameError, match=r"projection of HubertModel 'query'.*'q_proj'"):
        add_lora(load("hubert"), rank=2, alpha=4, targets=["query"])


def test_without_peft_it_says_what_to_install(load, monkeypatch):
    original = builtins.__import__

    def without_peft(name, *args, **kwargs):
        if name.partition(".")[0] == "peft":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_peft)
    with pytest.raises(SettingsError, match=r"peft is not installed: pip install 'mmser\[lora\]'"):
        add_lora(load("hubert"), rank=2, alpha=4)


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("train_hubert", {}),
        ("train_hubert", {"audio": "whisper"}),
        ("train_fusion", {"dropout": 0.0}),
        ("train_fusion", {"dropout": 0.0, "freeze_text": True}),
        ("train_fusion", {"dropout": 0.0, "freeze": "classifier"}),
    ],
    ids=["hubert", "whisper", "fusion", "text tower frozen", "audio tower frozen"],
)
def test_a_run_with_updates_saves_a_whole_model_that_answers_as_it_reported(
    run_recipe, corpus, towers, recipe, options
):
    run = run_recipe(recipe, **LORA | options, **SHORT)
    model, processor = load_model(run)
    assert not any("lora" in name or "base_layer" in name for name in load_file(run / "model.safetensors"))
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    logits = predict_logits(model, processor, load_corpus(corpus)["test"])
    assert np.allclose(reported, softmax(logits), atol=1e-5)
    kind = options.get("audio", "hubert")
    before = load_file(f"{towers[kind]}/model.safetensors")
    prefix = (
        "audio_encoder." if recipe == "train_fusion" else {"whisper": "encoder.", "hubert": "hubert."}[kind]
    )
    source = "encoder." if kind == "whisper" else ""
    layer = "layers.0.{}.{}.weight" if kind == "whisper" else "encoder.layers.0.{}.{}.weight"
    attention = "self_attn" if kind == "whisper" else "attention"
    after = load_file(run / "model.safetensors")
    query = layer.format(attention, "q_proj")
    moved = not torch.equal(after[prefix + query], before[source + query])
    assert moved == (options.get("freeze") != "classifier")
    if recipe == "train_fusion":
        text = load_file(f"{towers['bert']}/model.safetensors")
        name = "encoder.layer.0.attention.self.query.weight"
        assert torch.equal(after[f"text_encoder.{name}"], text[name]) == bool(options.get("freeze_text"))
        name = "embeddings.word_embeddings.weight"
        assert torch.equal(after[f"text_encoder.{name}"], text[name])


def test_a_saved_model_is_loaded_where_there_is_no_peft(run_recipe):
    run = run_recipe("train_fusion", **LORA, **SHORT)
    code = (
        "import sys; sys.modules['peft'] = None; from mmser.models.loading import load_model; "
        "print(type(load_model(sys.argv[1])[0]).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run)],
        capture_output=True, text=True, check=True, timeout=120, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout.split() == ["FusionForEmotionClassification"]


def test_a_run_with_updates_that_was_killed_ends_as_an_uninterrupted_one(run_recipe, monkeypatch):
    settings = {**LORA, **SHORT}
    whole = load_file(run_recipe("train_hubert", out="whole", **settings) / "model.safetensors")
    original = EmotionTrainer.training_step

    def die_in_the_second_epoch(self, *args):
        if self.state.global_step == 6:
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", die_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **settings)
    run = run_recipe("train_hubert", "--resume", "True", out="killed", **settings)
    for name, weights in load_file(run / "model.safetensors").items():
        torch.testing.assert_close(whole[name], weights, atol=1e-6, rtol=0, msg=name)
    assert json.loads((run / "metrics.json").read_text())["settings"]["lora_rank"] == 2


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (
            "train_hubert",
            {"freeze": "partial"},
            r"lora_rank is 2 with --freeze partial.*choose --freeze entire",
        ),
        ("train_hubert", {"freeze": "classifier"}, r"lora_rank is 2, but every tower is frozen"),
        ("train_fusion", {"freeze": "classifier", "freeze_text": True}, r"but every tower is frozen"),
        (
            "train_hubert",
            {"mask_time_prob": 0.1},
            r"weights of the audio tower's transformer are frozen.*lora_rank",
        ),
    ],
)
def test_updates_of_nothing_or_beside_other_training_are_refused(run_recipe, recipe, options, message):
    with pytest.raises(SettingsError, match=message):
        run_recipe(recipe, **LORA | options, **SHORT)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora_rank": -1}, r"lora_rank is -1, expected 1 or more, or 0"),
        ({"lora_rank": 2, "lora_alpha": 0}, r"lora_alpha is 0, expected 1 or more"),
        ({"lora_targets": ["q_proj"]}, r"given without a rank\. Give --lora_rank 8 too"),
    ],
)
def test_updates_that_cannot_be_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        AudioSettings(**settings)
