"""What a run learns by: its loss, on tiny encoders and tones."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from factories_corpus import CLASSES, write_corpus
from mmser.curation.schema import load_corpus
from mmser.errors import DivergedError, SettingsError
from mmser.models.loading import load_model
from mmser.training.scoring import predict_logits
from mmser.training.trainer import EmotionTrainer

SHORT = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 0.01}


def logged(run, key):
    *_, state = sorted(run.glob("checkpoints/*/trainer_state.json"))
    return [entry[key] for entry in json.loads(state.read_text())["log_history"] if key in entry]


@pytest.fixture
def uneven(tmp_path):
    """A corpus of whose 32 training clips 22 are of one class."""
    folder = write_corpus(tmp_path / "uneven", num_train=32)
    corpus = load_corpus(folder)
    labels = [0 if index % 3 or index < 3 else 1 for index in range(32)]
    rows = corpus["train"].map(lambda row, index: {"label": labels[index]}, with_indices=True)
    rows.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    return folder, torch.tensor(labels)


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("train_hubert", {"freeze": "classifier"}),
        ("train_hubert", {"freeze": "entire"}),
        ("train_fusion", {"freeze": "entire", "dropout": 0.0}),
        ("train_fusion", {"freeze": "classifier", "dropout": 0.0}),
    ],
    ids=["states", "clips", "fusion of clips", "fusion of states and texts"],
)
def test_every_kind_of_run_learns_by_the_loss_that_is_asked_for(run_recipe, uneven, recipe, options):
    """With no learning rate the loss that is logged is that of the model as it was built and saved."""
    corpus, labels = uneven
    settings = {**SHORT, **options, "learning_rate": 0, "logging_steps": 1, "per_device_train_batch_size": 32}
    plain = run_recipe(recipe, out="plain", corpus=corpus, **settings)
    run = run_recipe(recipe, corpus=corpus, class_weights=True, loss="focal", focal_gamma=1.5, **settings)
    logits = torch.tensor(predict_logits(*load_model(run), load_corpus(corpus)["train"]))
    chance = logits.softmax(-1)[torch.arange(32), labels]
    weights = 32 / (len(CLASSES) * torch.bincount(labels)[labels])
    expected = (weights * (1 - chance) ** 1.5 * -chance.log()).mean()
    assert logged(run, "loss") == pytest.approx([expected.item()], rel=1e-4)
    assert logged(plain, "loss") == pytest.approx([-chance.log().mean().item()], rel=1e-4)


def test_labels_are_smoothed_by_transformers_own_setting(run_recipe, corpus):
    settings = {**SHORT, "learning_rate": 0, "logging_steps": 1, "per_device_train_batch_size": 32}
    run = run_recipe("train_hubert", label_smoothing_factor=0.3, **settings)
    rows = load_corpus(corpus)["train"]
    logits = torch.tensor(predict_logits(*load_model(run), rows))
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(rows["label"]), label_smoothing=0.3)
    assert logged(run, "loss") == pytest.approx([expected.item()], rel=1e-4)


def test_weighted_batches_accumulated_are_one_step_of_all_their_clips(run_recipe, uneven):
    corpus, _ = uneven
    settings = {**SHORT, "freeze": "entire", "corpus": corpus, "class_weights": True, "loss": "focal"}
    whole = run_recipe("train_hubert", out="whole", **{**settings, "per_device_train_batch_size": 16})
    parts = run_recipe(
        "train_hubert",
        out="parts",
        **{**settings, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
    )
    first, second = (load_file(run / "model.safetensors") for run in (whole, parts))
    for name, weights in first.items():
        torch.testing.assert_close(second[name], weights, atol=1e-4, rtol=0, msg=name)


def test_a_network_refuses_to_smooth_labels(run_network, corpus):
    message = r"label_smoothing_factor is 0\.1, but a network over features computes its own loss"
    with pytest.raises(SettingsError, match=message):
        run_network("khan_cnn", corpus=corpus, num_train_epochs=1, label_smoothing_factor=0.1)


@pytest.mark.parametrize(
    ("recipe", "freeze"),
    [
        ("train_hubert", "entire"),
        ("train_hubert", "partial"),
        ("train_hubert", "classifier"),
        ("train_fusion", "classifier"),
    ],
)
def test_a_loss_that_is_no_number_stops_with_the_clips_of_its_batch_and_the_checkpoint_before(
    run_recipe, corpus, tmp_path, monkeypatch, recipe, freeze
):
    original, batches = EmotionTrainer.training_step, []

    def poison(self, model, inputs, *args):
        batches.append(inputs["row"].tolist())
        if self.state.global_step == 5:  # the second step of the second epoch
            with torch.no_grad():
                next(each for each in model.parameters() if each.requires_grad).fill_(math.nan)
        return original(self, model, inputs, *args)

    monkeypatch.setattr(EmotionTrainer, "training_step", poison)
    with pytest.raises(DivergedError) as error:
        run_recipe(recipe, freeze=freeze, **{**SHORT, "num_train_epochs": 2})
    ids = load_corpus(corpus)["train"]["id"]
    named = ", ".join(ids[row] for row in batches[-1])
    kept = tmp_path / "run/checkpoints/checkpoint-4"
    assert str(error.value).startswith(
        f"Step 6, in epoch 2: the loss is nan over the 8 clips {named}. The last checkpoint is {kept}. "
        "Lower --learning_rate (now 0.01)"
    )
    assert len(batches) == 6
    assert (kept / "model.safetensors").exists()
    monkeypatch.undo()
    resumed = run_recipe(recipe, "--resume", "True", freeze=freeze, **{**SHORT, "num_train_epochs": 2})
    assert (resumed / "metrics.json").exists()


def test_a_loss_that_is_no_number_at_once_says_that_nothing_is_kept(run_recipe):
    message = r"Step 2, in epoch 1: the loss is (nan|inf) over .* No checkpoint was written yet\. Lower"
    with pytest.raises(DivergedError, match=message):
        run_recipe("train_hubert", **{**SHORT, "learning_rate": 1e30, "max_grad_norm": 0})
