import json
import shutil

import pandas as pd
import pytest

from factories_corpus import write_corpus
from mmser.curation.schema import load_corpus
from mmser.errors import RunFormatError
from mmser.training.provenance import find_trained_speakers, trace_training
from mmser.training.scoring import evaluate_on

TUNED = {"num_train_epochs": 1, "learning_rate": 0.01, "freeze": "entire"}
HEAD = {"num_train_epochs": 1, "learning_rate": 0.01, "freeze": "classifier"}


@pytest.fixture
def run(run_recipe):
    return run_recipe("train_hubert", **HEAD)


@pytest.fixture
def swapped(corpus, tmp_path):
    """The corpus of the other fixtures with train and test changed over: 12 clips to train on."""
    folder = shutil.copytree(corpus, tmp_path / "swapped")
    data = {split: next(folder.glob(f"data/{split}-*")) for split in ("train", "test")}
    contents = {split: path.read_bytes() for split, path in data.items()}
    data["train"].write_bytes(contents["test"])
    data["test"].write_bytes(contents["train"])
    about = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(about | {"fingerprint": "swapped"}))
    return folder


@pytest.fixture
def train(run_recipe, towers, monkeypatch):
    """Train HuBERT alone, from the tower of another run if one is given."""

    def run(out, *, start=None, recipe="train_hubert", **settings):
        if start is not None:
            monkeypatch.setitem(towers, "start", str(start))
            settings["audio"] = "start"
        return run_recipe(recipe, out=out, **settings)

    return run


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def test_a_tower_that_was_trained_on_clips_of_this_test_split_is_a_leak_in_the_report(train, swapped, caplog):
    first = train("first", corpus=swapped, **TUNED)
    run = train("fusion", start=first, recipe="train_fusion", **HEAD)
    expected = [
        f"audio_encoder from {first}: 12 clips were in the training split, e.g. ravdess/test-000",
        f"audio_encoder from {first}: 2 speakers were in the training split, e.g. ravdess/test-0",
    ]
    assert metrics_of(run)["leaks"] == expected
    assert all(leak in (run / "report.md").read_text() for leak in expected)
    assert "The test scores of this run will be too high: audio_encoder from" in caplog.text


def test_a_tower_that_was_trained_on_this_corpus_is_no_leak(train):
    run = train("fusion", start=train("first", **TUNED), recipe="train_fusion", **HEAD)
    assert metrics_of(run)["leaks"] == []


def test_a_tower_that_its_run_kept_frozen_is_no_leak(train, swapped):
    run = train("second", start=train("first", corpus=swapped, **HEAD), **HEAD)
    assert metrics_of(run)["leaks"] == []


def test_what_a_tower_met_two_runs_ago_is_a_leak_still(train, swapped):
    first = train("first", corpus=swapped, **TUNED)
    second = train("second", start=first, **TUNED)
    shutil.rmtree(first)
    third = metrics_of(train("third", start=second, recipe="train_fusion", **HEAD))
    assert third["leaks"][0].startswith(f"audio_encoder from {first}: 12 clips were in the training split")
    assert [each["run"] for each in third["trained_on"]["audio_encoder"]] == [str(first), str(second)]
    assert third["trained_on"]["text_encoder"] == third["trained_on"]["head"]


def test_the_tower_of_a_run_that_is_replaced_is_traced_before_it_is_deleted(train, swapped):
    first = train("first", corpus=swapped, **TUNED)
    again = train("first", start=first, overwrite=True, **TUNED)
    assert len(metrics_of(again)["leaks"]) == 2


def test_the_tower_of_an_unfinished_run_is_refused(train):
    first = train("first", **TUNED)
    (first / "metrics.json").unlink()
    with pytest.raises(
        RunFormatError, match=r"first/metrics\.json: no such file. Name the folder of a finished"
    ):
        train("second", start=first, **TUNED)


def test_a_run_that_has_been_moved_is_called_by_the_path_that_it_was_taken_from(train, swapped):
    moved = shutil.move(train("first", corpus=swapped, **TUNED), str(swapped.parent / "moved"))
    traced = trace_training({"out": "o", "corpus": "c", "freeze": "classifier", "audio_encoder": moved}, "f")
    assert traced["audio_encoder"] == [
        {"run": moved, "corpus": str(swapped), "corpus_fingerprint": "swapped"}
    ]
    assert traced["head"] == [{"run": "o", "corpus": "c", "corpus_fingerprint": "f"}]


def test_an_evaluation_knows_what_the_towers_have_met(train, corpus, swapped):
    first = train("first", corpus=swapped, **TUNED)
    run = train("run", start=first, **TUNED)
    evaluate_on(run, corpus)
    assert metrics_of(run / f"on-{corpus.name}")["leaks"] == [
        f"audio_encoder from {first}: 12 clips were in the training split, e.g. ravdess/test-000",
        f"audio_encoder from {first}: 2 speakers were in the training split, e.g. ravdess/test-0",
    ]


def test_clips_and_speakers_that_the_model_has_met_are_named(run, corpus):
    metrics = json.loads((run / "metrics.json").read_text())
    splits = load_corpus(corpus)
    met = [splits["train"], splits["validation"]]
    frame = pd.DataFrame(
        {
            "id": [*(split["id"][0] for split in met), "new/1"],
            "speaker": [*(split["speaker"][0] for split in met), "new/a"],
        }
    )
    assert find_trained_speakers(metrics, frame) == [
        "1 clips were in the training split, e.g. ravdess/train-000",
        "1 speakers were in the training split, e.g. ravdess/train-0",
        "1 clips were in the validation split, on which the model was chosen, e.g. ravdess/validation-000",
        "1 speakers were in the validation split, on which the model was chosen, e.g. ravdess/validation-0",
    ]
    assert find_trained_speakers(metrics, frame.iloc[2:]) == []


def test_a_training_corpus_that_is_gone_is_said_so(run):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["settings"]["corpus"] = "/nowhere"
    (found,) = find_trained_speakers(metrics, pd.DataFrame({"id": [], "speaker": []}))
    assert found == "not checked: the corpus that the model was trained on is no longer at /nowhere"


def test_another_corpus_in_the_place_of_the_training_corpus_is_said_so(run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["settings"]["corpus"] = str(write_corpus(tmp_path / "rebuilt", num_train=3, num_test=3))
    frame = pd.DataFrame({"id": ["ravdess/train-000"], "speaker": ["ravdess/train-0"]})
    (found,) = find_trained_speakers(metrics, frame)
    assert found.startswith("not checked: ")
    assert "(fingerprint tones-3-3) than the one that the model was trained on (tones-32-12)" in found
