import json
import shutil

import pandas as pd
import pytest

from factories_corpus import write_corpus
from mmser.curation.schema import load_corpus
from mmser.errors import SettingsError
from mmser.evaluation.predictions import probabilities_of, read_predictions
from mmser.models.loading import load_model
from mmser.training.scoring import evaluate_on, find_trained_speakers, pool_runs, predict_logits


@pytest.fixture
def run(run_recipe):
    return run_recipe("train_hubert", num_train_epochs=1, learning_rate=0.01)


def change_corpus(folder, **changes):
    path = folder / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_logits_do_not_depend_on_the_batch_and_keep_the_order_of_the_split(run, corpus):
    model, processor = load_model(run)
    split = load_corpus(corpus)["test"]
    alone = predict_logits(model, processor, split, batch_size=1)
    together = predict_logits(model, processor, split, batch_size=5)
    assert abs(alone - together).max() <= 1e-4
    first = predict_logits(model, processor, split.select([0]), batch_size=1)
    assert abs(alone[0] - first[0]).max() <= 1e-6


def test_a_run_is_evaluated_on_another_corpus(run, tmp_path):
    other = write_corpus(tmp_path / "other", num_train=3, num_test=6)
    text = evaluate_on(run, other)
    metrics = json.loads((run / "on-other" / "metrics.json").read_text())
    assert metrics["test"]["n"] == 6
    assert metrics["corpus_fingerprint"] == "tones-3-6"
    assert metrics["validation"] is None
    assert f"{metrics['test']['ua']:.2f}" in text


def test_a_corpus_of_unknown_classes_is_refused(run, tmp_path):
    other = change_corpus(write_corpus(tmp_path / "other", num_train=3, num_test=3))
    model_config = json.loads((run / "config.json").read_text())
    model_config["id2label"]["2"] = "bored"
    (run / "config.json").write_text(json.dumps(model_config))
    with pytest.raises(
        SettingsError, match=r"its classes \['sad'\] are not among the model's .*--scheme paper7"
    ):
        evaluate_on(run, other)


def test_a_corpus_that_was_cleaned_otherwise_is_evaluated_with_a_warning(run, tmp_path, caplog):
    other = write_corpus(tmp_path / "other", num_train=3, num_test=3)
    settings = json.loads((other / "corpus.json").read_text())["settings"]
    settings["cleaning"]["denoise"] = False
    evaluate_on(run, change_corpus(other, settings=settings))
    assert "its cleaning are" in caplog.text


def test_training_clips_and_speakers_among_the_judged_ones_are_named(run, corpus):
    metrics = json.loads((run / "metrics.json").read_text())
    train = load_corpus(corpus)["train"]
    frame = pd.DataFrame({"id": [train["id"][0], "new/1"], "speaker": [train["speaker"][0], "new/a"]})
    assert find_trained_speakers(metrics, frame) == [
        "1 clips were in the training split, e.g. ravdess/train-000",
        "1 speakers were in the training split, e.g. ravdess/train-0",
    ]
    assert find_trained_speakers(metrics, frame.iloc[1:]) == []


def test_a_training_corpus_that_is_gone_is_said_so(run):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["settings"]["corpus"] = "/nowhere"
    (found,) = find_trained_speakers(metrics, pd.DataFrame({"id": [], "speaker": []}))
    assert found.startswith("not checked")


def test_folds_are_pooled_clip_by_clip(run, tmp_path):
    second = tmp_path / "second"
    shutil.copytree(run, second)
    metrics = json.loads((second / "metrics.json").read_text())
    (second / "metrics.json").write_text(json.dumps(metrics | {"fold": 1}))
    frame = read_predictions(second / "predictions.parquet")
    frame["id"] = "again/" + frame["id"]
    frame.to_parquet(second / "predictions.parquet")
    pool_runs([run, second], tmp_path / "pooled")
    pooled = json.loads((tmp_path / "pooled" / "metrics.json").read_text())
    assert pooled["test"]["n"] == 24
    assert pooled["test"]["ua"] == pytest.approx(metrics["test"]["ua"])  # the same answers twice
    assert len(probabilities_of(read_predictions(tmp_path / "pooled" / "predictions.parquet"))) == 24


def test_one_run_is_shown_as_it_stands(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert f"{metrics['test']['ua']:.2f}" in pool_runs([run])
