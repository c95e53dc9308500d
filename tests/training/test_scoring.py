import json
import shutil

import pytest
import torch
from transformers import PreTrainedModel

from factories_corpus import write_corpus
from mmser.curation.schema import load_corpus
from mmser.errors import OutputExistsError, SettingsError
from mmser.evaluation.predictions import probabilities_of, read_predictions
from mmser.models.loading import load_model
from mmser.training.scoring import (
    describe_clips,
    evaluate_each,
    evaluate_on,
    pool_runs,
    predict_logits,
)


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
    assert metrics["evaluated_run"] == str(run)  # which tells it from a fold
    assert metrics["test"]["n"] == 6
    assert metrics["corpus_fingerprint"] == "tones-3-6"
    assert metrics["validation"] is None
    assert f"{metrics['test']['ua']:.2f}" in text


def test_clips_are_described_with_the_gender_of_their_speakers(corpus):
    clips = describe_clips(load_corpus(corpus)["test"])
    assert clips.columns.tolist() == ["id", "speaker", "corpus", "label", "gender"]
    assert clips.loc[0, ["label", "gender"]].tolist() == ["angry", "female"]


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


def test_a_corpus_is_evaluated_on_the_gpu_where_there_is_one(run, tmp_path, monkeypatch):
    moved_to = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(PreTrainedModel, "to", lambda model, device: moved_to.append(device))
    evaluate_on(run, write_corpus(tmp_path / "other", num_train=3, num_test=3))
    assert moved_to == ["cuda"]


def test_the_scores_of_a_run_are_not_replaced_by_those_on_another_corpus(run, tmp_path):
    before = (run / "metrics.json").read_bytes()
    other = write_corpus(tmp_path / "other", num_train=3, num_test=3)
    with pytest.raises(OutputExistsError, match="run: holds a run or a model"):
        evaluate_on(run, other, run)
    assert (run / "metrics.json").read_bytes() == before


def test_two_corpora_of_one_name_do_not_share_a_report(run, tmp_path):
    evaluate_on(run, write_corpus(tmp_path / "a" / "same", num_train=3, num_test=3))
    second = write_corpus(tmp_path / "b" / "same", num_train=3, num_test=6)
    with pytest.raises(OutputExistsError, match=r"on-same: .*\(corpus_fingerprint differ\)"):
        evaluate_on(run, second)


def test_each_of_several_runs_gets_a_report_of_its_own(run, tmp_path):
    second = shutil.copytree(run, tmp_path / "second")
    other = write_corpus(tmp_path / "other", num_train=3, num_test=3)
    assert len(list(evaluate_each([run, second], other, tmp_path / "reports"))) == 2
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["run", "second"]
    assert (tmp_path / "reports" / "second" / "metrics.json").exists()


def test_runs_of_one_name_are_not_reported_to_one_folder(run, tmp_path):
    second = shutil.copytree(run, tmp_path / "b" / "run")
    with pytest.raises(SettingsError, match=r"several runs are named \['run'\]"):
        list(evaluate_each([run, second], tmp_path / "corpus", tmp_path / "reports"))


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


def test_the_report_of_one_run_is_not_written_a_second_time(run, tmp_path):
    with pytest.raises(SettingsError, match=r"the report of one run stands at .*run/report\.md already"):
        pool_runs([run], tmp_path / "again")
