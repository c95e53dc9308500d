import multiprocessing
import pickle
import socket

import evaluate
import pytest

from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.metrics import EmotionMetric

CLASSES = ("angry", "calm", "sad")
# angry 2 of 3, sad 1 of 1; F1: angry 4/5, sad 2/3
LABELS, PREDICTIONS = [0, 0, 0, 2], [0, 0, 2, 2]
EXPECTED = {"ua": 83.3333, "wa": 75.0, "ua_plus_wa": 158.3333, "macro_f1": 73.3333}


def test_the_metric_gives_four_figures_in_percent():
    scores = EmotionMetric(CLASSES).compute(predictions=PREDICTIONS, references=LABELS)
    assert scores == pytest.approx(EXPECTED, abs=1e-4)


def test_batches_add_up_and_the_next_computation_starts_anew():
    metric = EmotionMetric(CLASSES)
    for _ in range(2):
        metric.add_batch(predictions=PREDICTIONS[:3], references=LABELS[:3])
        metric.add(prediction=PREDICTIONS[3], reference=LABELS[3])
        assert metric.compute() == pytest.approx(EXPECTED, abs=1e-4)


def test_two_metrics_at_once_do_not_mix():
    first, second = EmotionMetric(CLASSES), EmotionMetric(CLASSES)
    first.add_batch(predictions=[0], references=[0])
    second.add_batch(predictions=[0], references=[2])
    assert (first.compute()["ua"], second.compute()["ua"]) == (100.0, 0.0)


def test_an_index_that_is_no_class_is_refused():
    with pytest.raises(SettingsError, match=r"predictions\[0\] is 3, expected 0 to 2"):
        EmotionMetric(CLASSES).compute(predictions=[3], references=[0])


def test_an_empty_split_is_refused():
    with pytest.raises(EmptySplitError, match="No clip to score"):
        EmotionMetric(CLASSES).compute(predictions=[], references=[])


def test_the_metric_survives_pickling():
    metric = pickle.loads(pickle.dumps(EmotionMetric(CLASSES)))  # noqa: S301
    assert metric.compute(predictions=PREDICTIONS, references=LABELS) == pytest.approx(EXPECTED, abs=1e-4)


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert EmotionMetric(CLASSES).compute(predictions=[0], references=[0])["wa"] == 100.0


def score_in_a_process(_):
    metric = EmotionMetric(CLASSES)
    metric.add_batch(predictions=[0, 2], references=[0, 0])
    return metric.compute()["wa"]


def test_processes_that_score_at_once_do_not_collide():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(score_in_a_process, range(8), chunksize=1) == [50.0] * 8


def test_neither_file_nor_folder_is_written(tmp_path, monkeypatch):
    cache, work = tmp_path / "cache", tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", cache)
    metric = EmotionMetric(CLASSES)
    metric.add_batch(predictions=[0], references=[0])
    assert sorted(tmp_path.rglob("*")) == [work]
    metric.compute()
    assert sorted(tmp_path.rglob("*")) == [work]
