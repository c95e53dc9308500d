import json

import pytest

from factories_evaluation import make_facts, make_frame
from mmser.errors import RunFormatError, SettingsError
from mmser.evaluation.collecting import collect_one, collect_runs
from mmser.evaluation.folds import EVALUATED_RUN, pool_folds
from mmser.evaluation.report import write_evaluation

FOLD_0 = ("ravdess/01 angry angry", "ravdess/01 angry angry", "ravdess/02 sad angry")
FOLD_1 = ("ravdess/07 angry sad", "ravdess/08 sad sad")


@pytest.fixture
def save(tmp_path):
    """Write a run below runs/."""

    def write(name, rows, **facts):
        folder = tmp_path / "runs" / name
        facts = {"folds": 2, "settings": {"corpus": "c", "out": str(folder)}} | facts
        write_evaluation(folder, make_facts(**facts), make_frame(rows), None)
        return folder

    return write


@pytest.fixture
def folds(save):
    return [save("hubert/0", FOLD_0), save("hubert/1", FOLD_1, fold=1)]


def begin(folder):
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"corpus": "c", "out": str(folder)}))
    return folder


def test_runs_are_found_at_any_depth_and_folds_pooled(folds, save, tmp_path):
    other = save("classical/deep/knn", FOLD_0, system="knn")
    found = collect_runs([tmp_path / "runs"])
    assert [run.folders for run in found.runs] == [(other,), tuple(folds)]
    # 2 of 3 angry, 1 of 2 sad
    assert found.runs[1].metrics["test"]["ua"] == pytest.approx(58.3333, abs=1e-4)
    assert found.warnings == []


def test_a_run_that_is_named_twice_is_taken_once(folds, tmp_path):
    found = collect_runs([tmp_path / "runs", folds[0], tmp_path / "runs" / "hubert"])
    assert len(found.runs) == 1


def test_scores_come_from_the_predictions(save, tmp_path):
    folder = save("hubert/0", FOLD_0)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"]["ua"] = 99.0
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (run,) = collect_runs([folder]).runs
    assert run.metrics["test"]["ua"] == 50.0  # angry 2 of 2, sad 0 of 1


def test_a_run_that_was_begun_is_named(folds, tmp_path):
    begun = begin(tmp_path / "runs" / "fusion")
    found = collect_runs([tmp_path / "runs"])
    assert (found.unfinished, len(found.runs), found.broken) == ([begun], 1, [])
    assert found.warnings == [f"{begun}: a run that is not finished, it is left out."]


def test_predictions_without_scores_are_a_run_that_is_not_finished(folds, tmp_path):
    (folds[1] / "metrics.json").unlink()
    assert collect_runs([tmp_path / "runs"]).unfinished == [folds[1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not JSON"), ('{"schema_version": 99}', "Upgrade mmser"), ("[]", "schema_version is None")],
)
def test_broken_scores_are_named_and_the_rest_is_read(folds, content, message, tmp_path):
    (folds[1] / "metrics.json").write_text(content)
    found = collect_runs([tmp_path / "runs"])
    assert [run.folders for run in found.runs] == [(folds[0],)]
    (broken,) = found.broken
    assert str(folds[1]) in broken
    assert message in broken


def test_a_run_without_predictions_is_broken(folds):
    (folds[0] / "predictions.parquet").unlink()
    assert "predictions.parquet: no such file" in collect_runs(folds).broken[0]


def test_the_report_of_a_pool_does_not_stand_beside_its_folds(folds, tmp_path):
    pool = tmp_path / "runs" / "pool"
    metrics, frame = pool_folds([(make_facts(folds=2), make_frame(FOLD_0))])
    write_evaluation(pool, metrics, frame, None)
    assert len(collect_runs([tmp_path / "runs"]).runs) == 2  # the pool of one fold is another one
    both = [(make_facts(folds=2), make_frame(FOLD_0)), (make_facts(folds=2, fold=1), make_frame(FOLD_1))]
    write_evaluation(pool, *pool_folds(both), None)
    assert [run.folders for run in collect_runs([tmp_path / "runs"]).runs] == [tuple(folds)]
    assert [run.folders for run in collect_runs([pool]).runs] == [(pool,)]


def test_a_path_that_is_no_folder_is_an_error(tmp_path):
    with pytest.raises(RunFormatError, match=r"gone: no such folder\. Name runs, or folders that hold some"):
        collect_runs([tmp_path / "gone"])


def test_no_finished_run_is_an_error(tmp_path):
    begin(tmp_path / "a")
    with pytest.raises(RunFormatError, match="There is no finished run: 1 not finished, 0 not readable"):
        collect_runs([tmp_path]).finished()


def test_one_system_is_a_run_or_its_folds(folds):
    several = ",".join(map(str, folds))
    assert collect_one(str(folds[0]))[0].metrics["fold"] == 0
    assert collect_one(several)[0].metrics["pooled_folds"] == [0, 1]
    assert collect_one(str(folds[0].parent))[0].metrics["pooled_folds"] == [0, 1]


def test_reports_of_runs_on_another_corpus_are_no_folds(folds, save):
    save("hubert/0/on-other", FOLD_1, corpora=["emodb"], **{EVALUATED_RUN: str(folds[0])})
    assert collect_one(str(folds[0].parent))[0].folders == tuple(folds)


def test_unfinished_folds_are_told(folds):
    begun = begin(folds[0].parent / "2")
    run, unfinished = collect_one(str(folds[0].parent))
    assert (len(run.folders), unfinished) == (2, [begun])


def test_a_folder_of_several_systems_is_refused(folds, save, tmp_path):
    save("knn", FOLD_0, system="knn")
    with pytest.raises(SettingsError, match=r"runs: holds 2 systems: .*knn \(knn\).* Name a run"):
        collect_one(str(tmp_path / "runs"))


def test_a_fold_that_cannot_be_read_is_an_error(folds):
    (folds[1] / "metrics.json").write_text("{")
    with pytest.raises(RunFormatError, match="not JSON"):
        collect_one(str(folds[0].parent))


def test_a_run_that_is_not_finished_is_an_error(tmp_path):
    with pytest.raises(RunFormatError, match=r"a/metrics\.json: no such file"):
        collect_one(str(begin(tmp_path / "a")))


def test_naming_nothing_is_an_error():
    with pytest.raises(SettingsError, match="no run is named"):
        collect_one(",")


def test_pools_are_called_by_their_first_and_last_folder(folds):
    (run,) = collect_runs(folds).runs
    assert (run.name(), run.name(2)) == ("0 … 1", "hubert/0 … hubert/1")
