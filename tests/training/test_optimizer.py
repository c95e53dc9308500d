import re

import pytest
import torch
from safetensors.torch import load_file
from transformers import AlbertConfig, AlbertModel, AutoModel

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.errors import SettingsError
from mmser.models.fusion.pretrained import load_audio_tower
from mmser.training.optimizer import LayerRates, is_decayed, set_rates
from mmser.training.trainer import EmotionTrainer
from mmser.training.tuning import TuningSettings

SHORT = {"num_train_epochs": 1, "per_device_train_batch_size": 16}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def _load(kind):
        folder = tmp_path_factory.mktemp(kind)
        if kind in ("bert", "distilbert", "gpt2", "roberta"):
            return AutoModel.from_pretrained(save_text_checkpoint(kind, folder))
        return load_audio_tower(str(save_audio_checkpoint(kind, folder)), window_s=4)

    return _load


def rates_of(tower, rates, head=()):
    """Name of each parameter -> the rate that it learns at."""
    optimizer = torch.optim.AdamW([{"params": [*tower.parameters(), *head], "weight_decay": 0.1}], lr=1.0)
    set_rates(optimizer, {"audio": tower}, rates)
    found = {id(each): group["lr"] for group in optimizer.param_groups for each in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in optimizer.param_groups)
    return {name: found[id(each)] for name, each in tower.named_parameters()}


@pytest.mark.parametrize(
    ("kind", "top", "below", "bottom"),
    [
        (
            "hubert",
            ("encoder.layers.1.",),
            ("encoder.layers.0.",),
            ("feature_extractor.", "feature_projection.", "encoder.pos_conv_embed.", "encoder.layer_norm."),
        ),
        (
            "hubert-large",  # its norm is the last that a state passes
            ("encoder.layers.1.", "encoder.layer_norm."),
            ("encoder.layers.0.",),
            ("feature_extractor.", "feature_projection.", "encoder.pos_conv_embed."),
        ),
        ("wavlm", ("encoder.layers.1.",), ("encoder.layers.0.",), ("encoder.layer_norm.",)),
        ("data2vec", ("encoder.layers.1.",), ("encoder.layers.0.",), ("encoder.layer_norm.",)),
        ("whisper", ("layers.1.", "layer_norm."), ("layers.0.",), ("conv1.", "conv2.", "embed_positions.")),
        ("bert", ("encoder.layer.1.",), ("encoder.layer.0.",), ("embeddings.",)),
        ("distilbert", ("transformer.layer.1.",), ("transformer.layer.0.",), ("embeddings.",)),
        ("gpt2", ("h.1.", "ln_f."), ("h.0.",), ("wte.", "wpe.")),
    ],
)  # fmt: skip
def test_each_layer_learns_at_a_share_of_the_rate_of_the_one_above(load, kind, top, below, bottom):
    rates = rates_of(load(kind), LayerRates(top=0.8, decay=0.5))
    for places, expected in ((top, 0.8), (below, 0.4), (bottom, 0.2)):
        for place in places:
            found = {round(rate, 6) for name, rate in rates.items() if name.startswith(place)}
            assert found == {expected}, place
    assert {round(rate, 6) for rate in rates.values()} == {0.8, 0.4, 0.2}


def test_the_head_learns_at_the_top_rate_or_its_own():
    assert LayerRates(top=0.8, decay=0.5).rate(None) == 0.8
    assert LayerRates(top=0.8, decay=0.5, head=3.0).rate(None) == 3.0
    assert LayerRates(top=0.8, decay=0.5, head=3.0).rate(2) == pytest.approx(0.2)


def test_groups_keep_their_weight_decay_and_say_what_they_hold(load):
    tower, head = load("hubert"), torch.nn.Linear(16, 3)
    norms = [each for name, each in tower.named_parameters() if "norm" in name]
    others = [each for name, each in tower.named_parameters() if "norm" not in name]
    optimizer = torch.optim.AdamW(
        [
            {"params": [*others, *head.parameters()], "weight_decay": 0.1},
            {"params": norms, "weight_decay": 0.0},
        ],
        lr=1.0,
        betas=(0.5, 0.6),
    )
    set_rates(optimizer, {"audio": tower}, LayerRates(top=0.8, decay=0.5, head=2.0))
    seen = [(group["name"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert seen == [
        ("audio, 0 below the top", 0.8, 0.1),
        ("audio, 0 below the top", 0.8, 0.0),
        ("audio, 1 below the top", 0.4, 0.1),
        ("audio, 1 below the top", 0.4, 0.0),
        ("audio, 2 below the top", 0.2, 0.1),
        ("audio, 2 below the top", 0.2, 0.0),
        ("head", 2.0, 0.1),
    ]
    assert {group["betas"] for group in optimizer.param_groups} == {(0.5, 0.6)}
    assert {id(each) for group in optimizer.param_groups[1::2] for each in group["params"]} == {
        id(each) for each in norms
    }
    assert optimizer.param_groups[-1]["params"] == list(head.parameters())


def test_weight_decay_is_for_matrices_alone(load):
    tower = load("hubert")
    vectors = {name for name, each in tower.named_parameters() if not is_decayed(name, each)}
    assert {name for name, each in tower.named_parameters() if each.ndim < 2} < vectors
    position = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
    assert position + "0" in vectors  # (1, 1, K): the length of the matrix beside it
    assert position + "1" not in vectors
    assert "encoder.layers.0.attention.q_proj.weight" not in vectors


def test_a_decay_without_a_tower_that_is_trained_is_refused():
    head = torch.nn.Linear(4, 3)
    with pytest.raises(SettingsError, match=r"layer_lr_decay is 0\.5, but no layer of a tower is trained"):
        set_rates(torch.optim.AdamW(head.parameters()), {}, LayerRates(1.0, decay=0.5))


def test_a_tower_whose_layers_are_one_and_the_same_is_refused():
    tower = AlbertModel(
        AlbertConfig(
            vocab_size=8, embedding_size=4, hidden_size=8, num_attention_heads=2, num_hidden_layers=3,
            intermediate_size=8,
        )
    )  # fmt: skip
    with pytest.raises(SettingsError, match=r"layer_lr_decay: AlbertModel has no list of 3 layers"):
        rates_of(tower, LayerRates(1.0, decay=0.5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_lr_decay": 0.0}, r"layer_lr_decay is 0\.0, expected above 0, to 1 at most"),
        ({"layer_lr_decay": 1.5}, r"layer_lr_decay is 1\.5, expected above 0"),
        ({"head_learning_rate": -1.0}, r"head_learning_rate is -1\.0, expected a number from 0"),
    ],
)
def test_a_rate_that_cannot_be_used_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        TuningSettings(**settings).check_tuning()


@pytest.fixture
def optimizers(monkeypatch):
    """Name of each trained parameter -> its rate and weight decay at the first step, for each run."""
    seen = []
    original = EmotionTrainer.training_step

    def watch(self, *args):
        if self.state.global_step == 0:
            names = {id(each): name for name, each in self.model.named_parameters()}
            seen.append(
                {
                    names[id(each)]: (group["initial_lr"], group["weight_decay"])
                    for group in self.optimizer.param_groups
                    for each in group["params"]
                }
            )
        return original(self, *args)

    monkeypatch.setattr(EmotionTrainer, "training_step", watch)
    return seen


@pytest.mark.parametrize("freeze", ["entire", "classifier"], ids=["both towers", "the text tower"])
def test_a_run_of_fusion_goes_down_every_tower_that_is_trained(run_recipe, optimizers, freeze):
    rates = {"learning_rate": 0.8e-3, "layer_lr_decay": 0.5, "head_learning_rate": 0.1, "weight_decay": 0.3}
    run_recipe("train_fusion", freeze=freeze, **SHORT, **rates)
    found = {re.sub(r"^parts\.", "", name): each for name, each in optimizers[0].items()}
    query = "text_encoder.encoder.layer.{}.attention.self.query.{}".format
    assert found[query(1, "weight")] == (0.8e-3, 0.3)
    assert found[query(0, "weight")] == (0.4e-3, 0.3)
    assert found[query(0, "bias")] == (0.4e-3, 0.0)
    assert found["text_encoder.embeddings.word_embeddings.weight"] == (0.2e-3, 0.3)
    assert found["classifier.weight"] == (0.1, 0.3)
    assert found["classifier.bias"] == (0.1, 0.0)
    audio = {name: each for name, each in found.items() if name.startswith("audio_encoder.")}
    assert bool(audio) == (freeze == "entire")
    if audio:
        assert audio["audio_encoder.encoder.layers.1.attention.q_proj.weight"] == (0.8e-3, 0.3)
        assert audio["audio_encoder.feature_extractor.conv_layers.0.conv.weight"] == (0.2e-3, 0.3)


def test_a_head_with_a_rate_of_its_own_learns_while_the_tower_stands_still(run_recipe):
    settings = {"freeze": "partial", "learning_rate": 0, **SHORT}
    still = load_file(run_recipe("train_hubert", out="still", **settings) / "model.safetensors")
    run = run_recipe("train_hubert", head_learning_rate=0.1, **settings)
    moved = {
        name
        for name, each in load_file(run / "model.safetensors").items()
        if not torch.equal(each, still[name])
    }
    assert moved == {"projector.weight", "projector.bias", "classifier.weight", "classifier.bias"}


def test_a_run_with_rates_by_layer_that_was_killed_ends_as_an_uninterrupted_one(run_recipe, monkeypatch):
    settings = {
        "freeze": "entire",
        "num_train_epochs": 2,
        "per_device_train_batch_size": 16,
        "learning_rate": 1e-3,
        "layer_lr_decay": 0.5,
        "head_learning_rate": 0.01,
    }
    whole = load_file(run_recipe("train_hubert", out="whole", **settings) / "model.safetensors")
    original = EmotionTrainer.training_step

    def die_in_the_second_epoch(self, *args):
        if self.state.global_step == 3:
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", die_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **settings)
    run = run_recipe("train_hubert", "--resume", "True", out="killed", **settings)
    for name, weights in load_file(run / "model.safetensors").items():
        torch.testing.assert_close(whole[name], weights, atol=1e-6, rtol=0, msg=name)
