import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from factories_corpus import write_corpus
from mmser.curation.schema import load_corpus
from mmser.errors import OutputExistsError, SettingsError, UnknownNameError
from mmser.evaluation.predictions import probabilities_of, read_predictions
from mmser.models.classical import SYSTEMS, load_classical, predict_classical
from mmser.training.baselines import BaselineSettings, run_baselines
from mmser.training.feature_cache import compute_features

RECIPE = Path(__file__).parents[2] / "recipes" / "train_baselines.py"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def run(corpus, cache, tmp_path):
    def _run(*systems, folder=corpus, **changes):
        settings = BaselineSettings(
            corpus=str(folder),
            out=str(tmp_path / "runs"),
            cache_dir=str(cache),
            systems=list(systems),
            num_proc=1,
            **changes,
        )
        return run_baselines(load_corpus(folder), settings)

    return _run


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Enough clips for every system: LightGBM's leaves hold twenty."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tones", num_train=120)


@pytest.fixture(scope="module")
def all_of_them(tones, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMSER_CACHE", str(cache))
        config = RECIPE.parent / "configs" / "baselines.yaml"
        patch.setattr(
            "sys.argv",
            ["train_baselines", "--config", str(config), "--corpus", str(tones), "--out", str(out)],
        )
        spec = importlib.util.spec_from_file_location("train_baselines", RECIPE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main()
    return out


def test_one_command_runs_every_system(all_of_them):
    assert {path.name for path in all_of_them.iterdir()} == set(SYSTEMS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_tells_tones_apart_and_says_what_it_is(all_of_them, name):
    metrics = json.loads((all_of_them / name / "metrics.json").read_text())
    assert metrics["system"] == name
    assert metrics["test"]["ua"] > 60  # of three classes
    assert metrics["validation"]["n"] == metrics["test"]["n"] == 12
    assert metrics["settings"]["features"] == SYSTEMS[name].features
    assert (all_of_them / name / "report.md").is_file()


def test_the_saved_model_gives_the_reported_probabilities(all_of_them, tones, cache):
    rows = load_corpus(tones)["test"]
    features = compute_features(rows, "paper94", cache_dir=cache)
    found = predict_classical(load_classical(all_of_them / "mlp"), features, 3)
    frame = read_predictions(all_of_them / "mlp" / "predictions.parquet")
    assert frame["id"].tolist() == rows["id"]
    assert np.allclose(found, probabilities_of(frame), atol=1e-5)


def test_a_run_that_is_there_is_replaced_on_request_alone(run):
    run("naive-bayes")
    with pytest.raises(OutputExistsError, match=r"naive-bayes: is not empty"):
        run("naive-bayes")
    (metrics,) = run("naive-bayes", overwrite=True)
    assert metrics["system"] == "naive-bayes"


def test_a_corpus_with_an_empty_split_is_refused(run, tmp_path):
    folder = write_corpus(tmp_path / "tones", num_train=6, num_test=3)
    corpus = load_corpus(folder)
    corpus["test"] = corpus["test"].select([])
    with pytest.raises(Exception, match="the test split holds no clip"):
        run_baselines(corpus, BaselineSettings(corpus=str(folder), out=str(tmp_path / "o"), systems=["knn"]))


def test_clips_of_several_classes_are_refused(run, corpus, tmp_path):
    several = load_corpus(corpus)
    labels = [None] * len(several["train"])
    several["train"] = several["train"].remove_columns("label").add_column("label", labels)
    settings = BaselineSettings(corpus=str(corpus), out=str(tmp_path / "o"), systems=["knn"])
    with pytest.raises(SettingsError, match="clips have several classes"):
        run_baselines(several, settings)


def test_names_and_numbers_are_checked_before_the_work():
    with pytest.raises(UnknownNameError, match=r"Unknown classical system 'svn'.*Did you mean 'svm'"):
        BaselineSettings(systems=["svn"])
    with pytest.raises(SettingsError, match="num_proc is 0, expected 1 or more"):
        BaselineSettings(num_proc=0)
