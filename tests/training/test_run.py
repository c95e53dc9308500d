import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mmser.curation.schema import load_corpus
from mmser.errors import OutputExistsError, SettingsError
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.models.loading import load_model
from mmser.training.embedding import FrozenTowers
from mmser.training.freezing import freeze
from mmser.training.run import check_processes
from mmser.training.scoring import predict_logits
from mmser.training.trainer import EmotionTrainer

FAST = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 0.01, "dropout": 0.0}
ALONE = {name: value for name, value in FAST.items() if name != "dropout"}


def weights_of(run):
    return load_file(run / "model.safetensors")


def losses_of(run):
    *_, state = sorted(run.glob("checkpoints/*/trainer_state.json"))
    return [
        (entry["loss"], entry["grad_norm"])
        for entry in json.loads(state.read_text())["log_history"]
        if "loss" in entry
    ]


def assert_close(first, second, tolerance=1e-6):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], atol=tolerance), name


@pytest.mark.parametrize(
    ("recipe", "audio", "freeze", "system"),
    [
        ("train_hubert", "hubert", "classifier", "hubert"),
        ("train_hubert", "whisper", "classifier", "whisper"),
        ("train_hubert", "hubert", "entire", "hubert"),
        ("train_fusion", "hubert", "classifier", "hubert+bert"),
        ("train_fusion", "whisper", "partial", "whisper+bert"),
    ],
)
def test_a_saved_run_predicts_what_it_reported(run_recipe, corpus, recipe, audio, freeze, system):
    settings = FAST if recipe == "train_fusion" else ALONE
    options = ["--freeze_text", "True"] if recipe == "train_fusion" else []
    run = run_recipe(recipe, *options, audio=audio, freeze=freeze, **settings)
    model, processor = load_model(run)
    test = load_corpus(corpus)["test"]
    reported = read_predictions(run / "predictions.parquet")
    assert reported["id"].tolist() == test["id"]
    assert np.allclose(
        probabilities_of(reported), softmax(predict_logits(model, processor, test, batch_size=5)), atol=1e-5
    )
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["system"] == system
    right = probabilities_of(reported).argmax(axis=1) == np.array(test["label"])
    assert metrics["test"]["wa"] == pytest.approx(100 * right.mean())
    assert (run / "report.md").exists()
    assert model.config.preprocessing["transcripts"]["source"] == "reference"


def test_frozen_towers_keep_every_weight_and_the_head_does_not(run_recipe, towers):
    before = load_file(f"{towers['hubert']}/model.safetensors")
    after = weights_of(run_recipe("train_hubert", freeze="classifier", **ALONE))
    tower = {
        name.removeprefix("hubert."): tensor for name, tensor in after.items() if name.startswith("hubert.")
    }
    assert tower.keys() == before.keys() - {"masked_spec_embed"}  # masking is off in these towers
    assert all(torch.equal(tensor, before[name]) for name, tensor in tower.items())
    other = weights_of(run_recipe("train_hubert", out="other", freeze="classifier", **{**ALONE, "seed": 1}))
    assert not torch.equal(after["classifier.weight"], other["classifier.weight"])


def test_entire_fine_tuning_moves_the_first_convolution(run_recipe, towers):
    before = load_file(f"{towers['hubert']}/model.safetensors")
    after = weights_of(run_recipe("train_hubert", freeze="entire", **ALONE))
    name = "feature_extractor.conv_layers.0.conv.weight"
    assert not torch.equal(after[f"hubert.{name}"], before[name])


def test_fusion_starts_from_the_tower_of_a_finished_run(run_recipe, towers, monkeypatch):
    first = run_recipe("train_hubert", freeze="entire", **ALONE)
    monkeypatch.setitem(towers, "tuned", str(first))
    fusion = weights_of(run_recipe("train_fusion", out="fusion", audio="tuned", freeze="classifier", **FAST))
    tuned = weights_of(first)
    name = "feature_extractor.conv_layers.0.conv.weight"
    assert torch.equal(fusion[f"audio_encoder.{name}"], tuned[f"hubert.{name}"])


def test_frozen_towers_are_not_run_again_for_a_second_seed(run_recipe, monkeypatch):
    run_recipe("train_fusion", "--freeze_text", "True", **FAST)

    def refuse(*_):
        raise AssertionError("a frozen tower was computed again")

    monkeypatch.setattr("mmser.models.fusion.FusionForEmotionClassification.reduce_audio", refuse)
    monkeypatch.setattr("mmser.models.fusion.FusionForEmotionClassification.reduce_text", refuse)
    second = run_recipe("train_fusion", "--freeze_text", "True", out="second", **{**FAST, "seed": 1})
    assert (second / "metrics.json").exists()


@pytest.mark.parametrize(("freeze", "freeze_text"), [("classifier", "False"), ("entire", "True")])
def test_one_frozen_tower_is_computed_once_and_changes_no_weight(
    run_recipe, monkeypatch, freeze, freeze_text
):
    settings = {**FAST, "freeze": freeze, "freeze_text": freeze_text, "num_train_epochs": 2}
    cached = weights_of(run_recipe("train_fusion", out="cached", **settings))
    with monkeypatch.context() as patch:
        patch.setattr("mmser.training.inputs.frozen_encoders_of", lambda model: {})
        plain = weights_of(run_recipe("train_fusion", out="plain", **settings))
    assert_close(plain, cached, tolerance=1e-4)
    calls = []
    frozen = "reduce_audio" if freeze == "classifier" else "reduce_text"
    monkeypatch.setattr(f"mmser.models.fusion.FusionForEmotionClassification.{frozen}", calls.append)
    again = weights_of(run_recipe("train_fusion", out="again", **settings))
    assert_close(again, cached)
    assert not calls


def test_a_saved_model_finds_the_states_of_its_own_training(run_recipe, corpus, tmp_path):
    run = run_recipe("train_fusion", "--freeze_text", "True", **FAST)
    model, processor = load_model(run)
    freeze(model)
    towers = FrozenTowers(model, processor, tmp_path / "cache", batch_size=4)
    assert load_corpus(corpus)["test"]["sha256"][0] in towers.stores["audio"]


@pytest.mark.parametrize("freeze", ["classifier", "entire"])
def test_four_accumulated_batches_of_four_are_one_of_sixteen(run_recipe, freeze):
    settings = {"freeze": freeze, "num_train_epochs": 2, "logging_steps": 1, "learning_rate": 0.001}
    settings["save_total_limit"] = 2
    whole = run_recipe("train_hubert", out="whole", per_device_train_batch_size=16, **settings)
    parts = run_recipe(
        "train_hubert", out="parts", per_device_train_batch_size=4, gradient_accumulation_steps=4, **settings
    )
    assert len(losses_of(whole)) == 4  # 32 clips, 16 a step, two epochs
    np.testing.assert_allclose(losses_of(whole), losses_of(parts), rtol=1e-3)
    assert_close(weights_of(whole), weights_of(parts), tolerance=1e-4)


@pytest.mark.parametrize("freeze", ["classifier", "top-layers", "partial", "entire"])
def test_a_run_killed_and_resumed_ends_with_the_weights_of_an_uninterrupted_one(
    run_recipe, monkeypatch, freeze
):
    settings = {**ALONE, "freeze": freeze, "num_trained_layers": 1, "num_train_epochs": 3}
    whole = weights_of(run_recipe("train_hubert", out="whole", **settings))
    original = EmotionTrainer.training_step

    def die_in_the_second_epoch(self, *args, **kwargs):
        if self.state.global_step == 6:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", die_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **settings)
    steps = []

    def note(self, *args, **kwargs):
        steps.append(self.state.global_step)
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", note)
        resumed = run_recipe("train_hubert", "--resume", "True", out="killed", **settings)
    assert min(steps) == 4  # the end of the first epoch, whose checkpoint was kept
    assert_close(whole, weights_of(resumed))


def test_a_run_is_replaced_on_request_alone(run_recipe):
    run = run_recipe("train_hubert", **ALONE)
    (run / "note.txt").write_text("of the first run")
    with pytest.raises(OutputExistsError, match=r"run: is not empty. Pass --resume, --overwrite"):
        run_recipe("train_hubert", **ALONE)
    assert (run / "note.txt").exists()
    run_recipe("train_hubert", "--overwrite", "True", **ALONE)
    assert not (run / "note.txt").exists()


@pytest.mark.parametrize("option", ["--overwrite", "--resume"])
def test_a_folder_of_other_files_is_refused_and_kept_whatever_is_asked(run_recipe, tmp_path, option):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept")
    with pytest.raises(OutputExistsError, match=r"run: holds files that are no run"):
        run_recipe("train_hubert", option, "True", **ALONE)
    assert (tmp_path / "run" / "mine.txt").read_text() == "kept"


def test_processes_that_do_not_know_of_one_another_are_refused(monkeypatch):
    check_processes()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match=r"2 processes were launched.*Without a GPU give --use_cpu True"):
        check_processes()


def test_a_run_is_not_resumed_under_other_settings(run_recipe):
    run_recipe("train_hubert", **ALONE)
    message = re.escape("begun with other values of ['learning_rate'] ([0.01])")
    with pytest.raises(SettingsError, match=message):
        run_recipe("train_hubert", "--resume", "True", **{**ALONE, "learning_rate": 0.5})


def test_training_stops_after_evaluations_without_a_better_ua(run_recipe):
    settings = {**ALONE, "num_train_epochs": 50, "learning_rate": 0.0, "patience": 2}
    run = run_recipe("train_hubert", **settings)
    epochs = [int(path.name.removeprefix("checkpoint-")) for path in run.glob("checkpoints/checkpoint-*")]
    assert max(epochs) <= 3 * 4  # three epochs of four steps: one to set the mark, two without a better one
