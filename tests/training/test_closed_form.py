import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mmser.errors import SettingsError
from mmser.models.loading import load_model
from mmser.training.closed_form import fit_lda

FAST = {"num_train_epochs": 1, "pooling": "mean+std", "layers": "1-2", "lda_shrinkage": 0.5}


def test_two_classes_are_told_apart_in_the_middle_between_them():
    # one value, classes at 0 and 2 with deviation 1: at 1 both are as likely, at 2 the second is
    features = np.array([[-1.0], [1.0], [1.0], [3.0]])
    weight, bias = fit_lda(features, np.array([0, 0, 1, 1]), 2, 1e-6)
    logits = features @ weight.T + bias
    assert (np.array([1.0]) @ weight.T + bias)[0] == pytest.approx((np.array([1.0]) @ weight.T + bias)[1])
    # log-likelihoods differ by (mean2 - mean1) / variance * (x - 1) = 2 (x - 1)
    assert (logits[3] - logits[0])[1] - (logits[3] - logits[0])[0] == pytest.approx(8, abs=1e-2)


def test_more_values_than_clips_are_shrunk_in_the_space_of_the_clips():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 10)
    features = rng.normal(size=(30, 200)) * rng.uniform(0.1, 9, 200) + labels[:, None] * rng.normal(size=200)
    weight, bias = fit_lda(features, labels, 3, 0.5)
    values = (features - features.mean(0)) / (features.std(0) + 1e-3)
    basis = np.linalg.svd(values, full_matrices=False)[2][:29].T
    by_hand = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5).fit(values @ basis, labels)
    expected = by_hand.decision_function(values @ basis)
    ours = features @ weight.T + bias
    np.testing.assert_allclose(
        ours - ours.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=1e-3
    )


def test_large_classes_are_no_likelier_than_small_ones():
    features = np.array([[-1.0], [1.0], [-1.0], [1.0], [-1.0], [1.0], [1.0], [3.0]])
    weight, bias = fit_lda(features, np.array([0] * 6 + [1] * 2), 2, 1e-6)
    assert np.ptp(np.array([1.0]) @ weight.T + bias) == pytest.approx(0, abs=1e-3)


def test_a_class_without_clips_is_told():
    with pytest.raises(SettingsError, match=r"classes \[1\] have no training clip"):
        fit_lda(np.zeros((4, 2)), np.array([0, 0, 2, 2]), 3, 0.5)


def test_a_run_computes_its_classifier_and_saves_a_whole_model(run_recipe):
    first = run_recipe("train_hubert", out="first", **FAST)
    second = run_recipe("train_hubert", out="second", seed=1, **FAST)
    weights = [load_file(run / "model.safetensors") for run in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    metrics = json.loads((first / "metrics.json").read_text())
    assert metrics["settings"]["lda_shrinkage"] == 0.5
    assert metrics["test"]["ua"] > 60  # tones of three pitches
    model, _ = load_model(first)
    assert model.classifier.in_features == 64


def test_sound_and_text_share_a_computed_classifier(run_recipe):
    run = run_recipe("train_fusion", "--freeze_text", "True", lda_shrinkage=0.3, num_train_epochs=1)
    assert load_model(run)[0].classifier.weight.abs().sum() > 0


@pytest.mark.parametrize(
    "settings",
    [{"freeze": "entire"}, {"freeze": "top-layers", "num_trained_layers": 1}, {"layers": "weighted"}],
)
def test_a_classifier_is_not_computed_beside_weights_that_are_trained(run_recipe, settings):
    with pytest.raises(SettingsError, match=r"lda_shrinkage computes the classifier alone, but \d+ other"):
        run_recipe("train_hubert", lda_shrinkage=0.5, num_train_epochs=1, **settings)


def test_a_shrinkage_out_of_range_is_refused(run_recipe):
    with pytest.raises(SettingsError, match=r"lda_shrinkage is 1\.5, expected above 0, to 1 at most"):
        run_recipe("train_hubert", lda_shrinkage=1.5)


def test_more_clips_than_values_span_the_same_space():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    features = rng.normal(size=(90, 6)) + labels[:, None] * rng.normal(size=6)
    weight, bias = fit_lda(features, labels, 3, 0.2)
    values = (features - features.mean(0)) / (features.std(0) + 1e-3)
    expected = (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(values, labels).decision_function(values)
    )
    ours = features @ weight.T + bias
    centred = [each - each.mean(1, keepdims=True) for each in (ours, expected)]
    np.testing.assert_allclose(*centred, atol=1e-4)


def test_settings_of_training_beside_a_computed_classifier_are_refused(run_recipe):
    with pytest.raises(
        SettingsError, match=r"lda_shrinkage computes the classifier, and class_weights, patience are for"
    ):
        run_recipe("train_hubert", lda_shrinkage=0.5, class_weights="True", patience=2, num_train_epochs=1)
