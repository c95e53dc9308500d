"""What makes training faster or smaller: attention, bfloat16, compilation, shards."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from accelerate import FullyShardedDataParallelPlugin
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env
from safetensors.torch import load_file

from factories_models import save_audio_checkpoint
from mmser.curation.schema import load_corpus
from mmser.errors import CheckpointError, UnknownNameError
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.loading import load_model
from mmser.training.arguments import AudioSettings
from mmser.training.scoring import predict_logits
from mmser.training.trainer import EmotionTrainer

ACCELERATE = Path(__file__).parents[2] / "recipes" / "accelerate"
SHORT = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 0.01}


@pytest.fixture
def attentions(monkeypatch):
    """How the towers of a run compute attention, by the name of their kind."""
    found = {}
    original = EmotionTrainer.training_step

    def watch(self, model, *args):
        configs = [getattr(each, "config", None) for each in model.modules()]
        found.update({each.model_type: each._attn_implementation for each in configs if each is not None})
        return original(self, model, *args)

    monkeypatch.setattr(EmotionTrainer, "training_step", watch)
    return found


@pytest.mark.parametrize(("options", "expected"), [({}, "sdpa"), ({"attn_implementation": "eager"}, "eager")])
@pytest.mark.parametrize("recipe", ["train_hubert", "train_fusion"])
def test_towers_use_scaled_dot_product_attention_unless_told_otherwise(
    run_recipe, attentions, recipe, options, expected
):
    run_recipe(recipe, freeze="partial", **options, **SHORT)
    assert attentions["hubert"] == expected
    assert attentions.get("bert", expected) == expected


def test_a_saved_run_answers_by_scaled_dot_product_attention(run_recipe):
    model, _ = load_model(run_recipe("train_fusion", **SHORT))
    assert model.audio_encoder.config._attn_implementation == "sdpa"
    assert model.text_encoder.config._attn_implementation == "sdpa"


def test_attention_that_is_not_there_is_refused(run_recipe):
    with pytest.raises(UnknownNameError, match=r"Unknown attention 'flash', expected one of"):
        AudioSettings(attn_implementation="flash")
    with pytest.raises(CheckpointError, match=r"[Ff]lash"):
        run_recipe("train_hubert", freeze="entire", attn_implementation="flash_attention_2", **SHORT)


def test_a_whole_model_trains_in_bfloat16_on_a_processor(run_recipe, towers):
    run = run_recipe("train_fusion", freeze="entire", bf16=True, dropout=0.0, **SHORT)
    plain = run_recipe("train_fusion", out="plain", freeze="entire", dropout=0.0, **SHORT)
    before = load_file(f"{towers['hubert']}/model.safetensors")
    after, exact = (load_file(each / "model.safetensors") for each in (run, plain))
    query = "encoder.layers.0.attention.q_proj.weight"
    change, expected = (each[f"audio_encoder.{query}"] - before[query] for each in (after, exact))
    assert torch.isfinite(change).all()
    assert torch.cosine_similarity(change.flatten(), expected.flatten(), dim=0) > 0.9
    assert not torch.equal(change, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "freeze"),
    [("train_hubert", "entire"), ("train_fusion", "classifier"), ("train_hubert", "classifier")],
)
def test_a_compiled_run_saves_plain_weights_that_answer_as_it_reported(run_recipe, corpus, recipe, freeze):
    run = run_recipe(
        recipe, "--torch_compile", "True", "--torch_compile_backend", "aot_eager", freeze=freeze, **SHORT
    )
    for path in [run / "model.safetensors", *run.glob("checkpoints/*/model.safetensors")]:
        assert not any("_orig_mod" in name for name in load_file(path)), path
    logits = predict_logits(*load_model(run), load_corpus(corpus)["test"])
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    assert np.allclose(reported, softmax(logits), atol=1e-4)


def test_the_shards_of_fsdp_are_the_layers_of_the_model_that_its_config_names(tmp_path, monkeypatch):
    """X-large has layer norms, as the stand-in does."""
    arguments = launch_command_parser().parse_args(
        ["--config_file", str(ACCELERATE / "fsdp.yaml"), "train.py"]
    )
    arguments, *_ = _validate_launch_command(arguments)
    for name, value in prepare_multi_gpu_env(arguments).items():
        if name.startswith("FSDP_"):
            monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"
    model, _ = build_audio_classifier(str(save_audio_checkpoint("hubert-large", tmp_path)), ("angry", "sad"))
    plugin.set_auto_wrap_policy(model)
    (wrapped,) = plugin.auto_wrap_policy.keywords["transformer_layer_cls"]
    assert [type(layer) for layer in model.hubert.encoder.layers] == [wrapped, wrapped]
    assert not any(isinstance(each, wrapped) for each in model.hubert.feature_extractor.modules())


def test_the_config_for_shards_is_of_the_largest_hubert():
    text = (ACCELERATE / "fsdp.yaml").read_text()
    assert "recipes/configs/hubert_xlarge.yaml" in text
    assert yaml.safe_load(text)["distributed_type"] == "FSDP"


def test_a_model_in_shards_is_saved_with_the_weights_that_all_processes_gathered(run_recipe, monkeypatch):
    """Shards need GPUs: here they are the model's own weights, and what is gathered is told by its value."""

    def gather(self):
        weights = {name: each.detach().clone() for name, each in self.model.state_dict().items()}
        weights["classifier.bias"].fill_(7.0)
        return weights

    monkeypatch.setattr(EmotionTrainer, "gather_weights", gather)
    run = run_recipe("train_hubert", freeze="entire", **SHORT)
    assert load_file(run / "model.safetensors")["classifier.bias"].tolist() == [7.0, 7.0, 7.0]
