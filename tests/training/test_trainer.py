import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mmser.curation.schema import load_corpus
from mmser.errors import DivergedError, SettingsError
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.models.loading import load_model
from mmser.training.sampling import StepSampler
from mmser.training.scoring import evaluate_on, predict_logits
from mmser.training.trainer import EmotionTrainer

SHORT = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 0.01}


@pytest.mark.parametrize("freeze", ["entire", "classifier"])
def test_a_run_in_mixed_precision_is_scored_as_its_saved_model_answers(run_recipe, corpus, freeze):
    run = run_recipe("train_hubert", bf16=True, freeze=freeze, **SHORT)
    model, processor = load_model(run)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    logits = predict_logits(model, processor, load_corpus(corpus)["test"])
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    np.testing.assert_allclose(reported, softmax(logits), atol=1e-5)  # bfloat16 is off by 1e-4
    evaluate_on(run, corpus)
    again = read_predictions(run / f"on-{corpus.name}" / "predictions.parquet")
    np.testing.assert_allclose(reported, probabilities_of(again), atol=1e-5)


def test_a_run_of_one_frozen_tower_in_mixed_precision_is_scored_so_too(run_recipe, corpus):
    run = run_recipe("train_fusion", bf16=True, freeze="classifier", **SHORT)
    logits = predict_logits(*load_model(run), load_corpus(corpus)["test"])
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    np.testing.assert_allclose(reported, softmax(logits), atol=1e-5)


def test_training_itself_stays_in_mixed_precision(run_recipe, monkeypatch):
    seen = []
    original = EmotionTrainer.training_step

    def watch(self, *args, **kwargs):
        handle = self.model.projector.register_forward_hook(lambda *each: seen.append(each[2].dtype))
        loss = original(self, *args, **kwargs)
        handle.remove()
        return loss

    monkeypatch.setattr(EmotionTrainer, "training_step", watch)
    run_recipe("train_hubert", bf16=True, freeze="entire", **SHORT)
    assert set(seen) == {torch.bfloat16}


@pytest.mark.parametrize("freeze", ["entire", "classifier"])
def test_a_model_that_has_diverged_is_not_scored(run_recipe, tmp_path, freeze):
    message = (
        r"After epoch 1, step 1: the logits of 12 of 12 evaluated clips are NaN or infinite, so the model "
        r"has diverged.* Lower --learning_rate \(now 1e\+30\)"
    )
    settings = {**SHORT, "learning_rate": 1e30, "max_grad_norm": 0, "per_device_train_batch_size": 32}
    with pytest.raises(DivergedError, match=message):
        run_recipe("train_hubert", freeze=freeze, **settings)
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("freeze", "freeze_text"), [("entire", False), ("classifier", False), ("entire", True)]
)
def test_gradient_checkpointing_changes_no_weight(run_recipe, monkeypatch, freeze, freeze_text):
    settings = {**SHORT, "dropout": 0.0, "freeze": freeze, "freeze_text": freeze_text}
    plain = load_file(run_recipe("train_fusion", out="plain", **settings) / "model.safetensors")
    recomputed = []
    original = torch.utils.checkpoint.checkpoint

    def count(*args, **kwargs):
        recomputed.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr("transformers.modeling_utils.checkpoint", count)
    run = run_recipe("train_fusion", out="saving", gradient_checkpointing=True, **settings)
    saving = load_file(run / "model.safetensors")
    assert recomputed
    for name, weights in plain.items():
        torch.testing.assert_close(saving[name], weights, atol=1e-5, rtol=1e-4, msg=name)


def test_gradient_checkpointing_without_a_trained_tower_says_that_it_saves_nothing(run_recipe, caplog):
    run = run_recipe("train_hubert", freeze="classifier", gradient_checkpointing=True, **SHORT)
    assert (run / "metrics.json").exists()
    assert "Gradient checkpointing saves nothing here: no tower is trained." in caplog.text


def test_a_tower_that_cannot_be_checkpointed_is_named(run_recipe, monkeypatch):
    monkeypatch.setattr("transformers.BertModel.supports_gradient_checkpointing", False)
    with pytest.raises(SettingsError, match=r"transformers has none for BertModel\. Leave it off, or"):
        run_recipe("train_fusion", freeze="classifier", gradient_checkpointing=True, **SHORT)


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("train_hubert", {"freeze": "entire"}),
        ("train_hubert", {"freeze": "classifier"}),
        ("train_fusion", {"freeze": "classifier"}),
        ("train_fusion", {"freeze": "entire", "freeze_text": True}),
    ],
)
def test_clips_are_drawn_by_length_in_training_and_predicted_in_their_order(
    run_recipe, corpus, monkeypatch, recipe, settings, strategy
):
    groups = []
    original = StepSampler.__iter__

    def watch(self):
        order = list(original(self))
        groups.extend([self.lengths[index] for index in order[at : at + 8]] for at in range(0, len(order), 8))
        return iter(order)

    monkeypatch.setattr(StepSampler, "__iter__", watch)
    run = run_recipe(recipe, train_sampling_strategy=strategy, **settings, **SHORT)
    assert len(groups) == 8  # 32 clips, 8 a step, two epochs
    assert all(group == sorted(group, reverse=True) for group in groups)
    assert read_predictions(run / "predictions.parquet")["id"].tolist() == load_corpus(corpus)["test"]["id"]


def test_a_run_by_length_that_was_killed_ends_with_the_weights_of_an_uninterrupted_one(
    run_recipe, monkeypatch
):
    settings = {**SHORT, "freeze": "partial", "train_sampling_strategy": "group_by_length"}
    whole = load_file(run_recipe("train_hubert", out="whole", **settings) / "model.safetensors")
    original = EmotionTrainer.training_step

    def die_in_the_second_epoch(self, *args, **kwargs):
        if self.state.global_step == 5:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", die_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **settings)
    run = run_recipe("train_hubert", "--resume", "True", out="killed", **settings)
    resumed = load_file(run / "model.safetensors")
    for name, weights in whole.items():
        torch.testing.assert_close(resumed[name], weights, atol=1e-6, rtol=0, msg=name)
