import sys

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mmser.errors import CheckpointError, SettingsError, UnknownNameError
from mmser.models.classical import (
    SYSTEMS,
    count_parameters,
    fit_classical,
    get_system,
    load_classical,
    predict_classical,
    save_classical,
)


@pytest.fixture(scope="module")
def clouds():
    """Three well separated classes of 60 points, features, labels and sources."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    features = rng.standard_normal((180, 4)).astype(np.float32)
    features[np.arange(180), labels] += 6
    return features, labels, [f"clip{index}" for index in range(180)]


def fit(name, clouds, seed=0):
    return fit_classical(get_system(name), *clouds, seed=seed)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_learns_gives_probabilities_and_comes_back_from_disk(name, clouds, tmp_path):
    features, labels, _ = clouds
    pipeline = fit(name, clouds)
    probabilities = predict_classical(pipeline, features, 3)
    assert probabilities.shape == (180, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.95
    save_classical(pipeline, tmp_path)
    assert np.allclose(predict_classical(load_classical(tmp_path), features, 3), probabilities)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("knn", {"n_neighbors": 5, "weights": "uniform"}),
        ("mlp-ravdess", {"alpha": 0.01, "batch_size": 256, "learning_rate": "adaptive"}),
        ("naive-bayes", {}),
    ],
)
def test_settings_are_those_of_the_papers(name, settings):
    given = get_system(name).make(0).get_params()
    assert {key: given[key] for key in settings} == settings


def test_features_are_scaled_by_what_train_has(clouds):
    features, labels, sources = clouds
    wide = features.copy()
    wide[:, 3] *= 1e4  # without scaling nothing but this would count for neighbours
    pipeline = fit_classical(get_system("knn"), wide, labels, sources, seed=0)
    assert (predict_classical(pipeline, wide, 3).argmax(axis=1) == labels).mean() > 0.95
    assert np.allclose(pipeline.steps[0][1].mean_, wide.mean(axis=0), rtol=1e-4)


def test_a_search_keeps_the_copies_of_a_clip_in_one_fold(monkeypatch):
    # every clip is there twice and labels are noise: one neighbour is right only where a copy has leaked
    rng = np.random.default_rng(0)
    features = np.repeat(rng.standard_normal((60, 4)), 2, axis=0)
    labels = np.repeat(rng.integers(0, 2, 60), 2)
    leaking = fit_classical(get_system("knn-grid"), features, labels, [str(i) for i in range(120)], seed=0)
    honest = fit_classical(
        get_system("knn-grid"), features, labels, [str(i // 2) for i in range(120)], seed=0
    )
    assert leaking.steps[-1][1].n_neighbors == 1
    assert honest.steps[-1][1].n_neighbors > 1


def test_a_class_without_a_training_clip_has_no_probability(clouds):
    features, labels, sources = clouds
    kept = labels != 1
    pipeline = fit_classical(
        get_system("xgboost"), features[kept], labels[kept], np.array(sources)[kept].tolist(), seed=0
    )
    probabilities = predict_classical(pipeline, features, 4)
    assert (probabilities[:, [1, 3]] == 0).all()
    assert (probabilities[labels == 2].argmax(axis=1) == 2).mean() > 0.95


def test_parameters_are_counted_where_there_are_any(clouds):
    assert count_parameters(fit("logistic-regression", clouds)) == 3 * 4 + 3
    assert count_parameters(fit("mlp", clouds)) == 4 * 100 + 100 + 100 * 3 + 3
    assert count_parameters(fit("knn", clouds)) is None


def test_a_seed_decides(clouds):
    features, _, _ = clouds
    first, second, other = (predict_classical(fit("mlp", clouds, seed), features, 3) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.allclose(first, other)


def test_an_unknown_system_is_refused():
    with pytest.raises(UnknownNameError, match=r"Unknown classical system 'kn'.*Did you mean 'knn'"):
        get_system("kn")


@pytest.mark.parametrize(("name", "module"), [("xgboost", "xgboost"), ("lightgbm", "lightgbm")])
def test_a_library_that_is_not_installed_is_named(name, module, clouds, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match=r"(?i)is not installed: pip install 'mmser\[baselines\]'"):
        fit(name, clouds)


def test_features_that_are_no_numbers_are_refused_and_the_first_clip_named(clouds):
    features, labels, sources = clouds
    broken = features.copy()
    broken[7, 1] = np.nan
    with pytest.raises(SettingsError, match="Features of 1 clips are not finite, first of clip7"):
        fit_classical(get_system("knn"), broken, labels, sources, seed=0)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.skops: no such file"):
        load_classical(tmp_path)


def test_a_file_that_could_run_code_is_not_loaded(tmp_path):
    skops.io.dump(make_pipeline(FunctionTransformer(func=print)), tmp_path / "model.skops")
    skops.io.dump({"a": FunctionTransformer(func=exec)}, tmp_path / "model.skops")
    with pytest.raises(CheckpointError, match=r"holds \[.*exec.*\], which no classical system of mmser has"):
        load_classical(tmp_path)
