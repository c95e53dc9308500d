import json
from pathlib import Path

import numpy as np
import pytest

from factories_evaluation import SMALL, make_facts, make_frame
from mmser.errors import EmptySplitError, RunFormatError, SettingsError
from mmser.evaluation.folds import pool_folds
from mmser.evaluation.predictions import read_predictions
from mmser.evaluation.report import FACTS, read_metrics, write_evaluation, write_report

EMOTIONS = {"test": {"n": 4, "accuracy": 75.0, "all_no": 66.67, "per_emotion": {"sad": {"accuracy": 75.0}}}}
ALL_RIGHT = ("ravdess/05 angry angry", "ravdess/06 calm calm", "ravdess/06 sad sad")


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "fusion"
    metrics = write_evaluation(folder, make_facts(), make_frame(SMALL), make_frame(ALL_RIGHT))
    return folder, metrics


def test_an_evaluation_is_five_files_and_no_parts(run):
    folder, _ = run
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "calibration.png",
        "confusion_matrix.png",
        "metrics.json",
        "predictions.parquet",
        "report.md",
    ]


def test_metrics_hold_the_facts_and_the_scores_of_both_splits(run):
    folder, metrics = run
    assert read_metrics(folder) == metrics
    assert metrics["schema_version"] == 1
    assert {key: metrics[key] for key in FACTS} == make_facts()
    assert metrics["test"]["ua"] == pytest.approx(83.3333, abs=1e-4)
    assert metrics["validation"]["ua"] == 100.0


def test_metrics_have_the_keys_that_other_steps_read(run):
    _, metrics = run
    expected = (
        "ua wa ua_plus_wa macro_f1 recall per_corpus per_gender without_tess corpus_mean intervals "
        "absent_classes n"
    )
    assert set(metrics["test"]) == set(expected.split())
    assert set(metrics) == {"schema_version", *FACTS, "test", "validation", "calibration"}


def test_predictions_are_those_of_the_test_split(run):
    folder, _ = run
    assert read_predictions(folder / "predictions.parquet")["id"].tolist() == make_frame(SMALL)["id"].tolist()


def test_settings_may_hold_paths_and_numpy_numbers(tmp_path):
    facts = make_facts(settings={"out": Path("runs/a"), "rate": np.float32(0.5), "steps": np.int64(3)})
    metrics = write_evaluation(tmp_path, facts, make_frame(SMALL), None)
    assert metrics["settings"] == {"out": "runs/a", "rate": 0.5, "steps": 3}
    assert metrics["validation"] is None


def test_settings_that_json_cannot_hold_are_named(tmp_path):
    with pytest.raises(TypeError, match=r"metrics.json cannot hold \{1\} of type set"):
        write_evaluation(tmp_path, make_facts(settings={"layers": {1}}), make_frame(SMALL), None)
    assert list(tmp_path.iterdir()) == []


def test_missing_facts_are_named(tmp_path):
    facts = make_facts()
    del facts["leaks"]
    with pytest.raises(SettingsError, match=r"lack \['leaks'\]"):
        write_evaluation(tmp_path, facts, make_frame(SMALL), None)


def test_an_empty_split_leaves_nothing_behind(tmp_path):
    with pytest.raises(EmptySplitError, match="No clip to score"):
        write_evaluation(tmp_path / "run", make_facts(), make_frame(SMALL)[:0], None)
    assert not (tmp_path / "run").exists()


def test_a_pool_of_folds_is_written_like_a_run(tmp_path):
    pool, frame = pool_folds(
        [(make_facts(folds=2), make_frame(SMALL)), (make_facts(fold=1, folds=2), make_frame(ALL_RIGHT))]
    )
    metrics = write_evaluation(tmp_path, pool, frame, None)
    assert metrics["test"] == pool["test"]
    assert (
        (tmp_path / "report.md")
        .read_text()
        .startswith("# hubert+bert, protocol speaker, folds 0, 1 of 2 pooled\n")
    )


def test_the_report_gives_scores_with_intervals(run):
    folder, metrics = run
    text = (folder / "report.md").read_text()
    assert text.startswith("# hubert+bert, protocol speaker, fold 0 of 5\n")
    assert "Scheme `paper7`, corpora ravdess, tess, corpus fingerprint `0123456789ab`, " in text
    assert "`, 1,234,567 parameters, seed 0.\n" in text
    assert "| percent | UA | WA | UA+WA | macro-F1 | clips |" in text
    assert "| test | 83.33 | 75.00 | 158.33 | 73.33 | 4 |" in text
    assert f"|   95 % from | {metrics['test']['intervals']['ua'][0]:.2f} |" in text
    assert "| validation | 100.00 | 100.00 | 200.00 | 100.00 | 3 |" in text
    assert "1,000 resamples of the 4 test speakers" in text


def test_the_report_gives_classes_corpora_plot_and_settings(run):
    text = (run[0] / "report.md").read_text()
    assert "| angry | 66.67 | 3 |\n| calm | - | 0 |\n| sad | 100.00 | 1 |" in text
    assert "Without a test clip, and so left out of UA and macro-F1: calm." in text
    assert "| ravdess | 100.00 | 100.00 | 2 |\n| tess | 50.00 | 50.00 | 2 |" in text
    assert "](confusion_matrix.png)" in text
    assert '"learning_rate": 5e-05' in text
    assert "Seconds: train 12.3." in text


def test_the_report_gives_scores_by_gender_where_it_is_known(tmp_path):
    # female 1 of 2, male 1 of 1, one not known 1 of 1
    frame = make_frame(SMALL).assign(gender=["female", "male", "", "female"])
    metrics = write_evaluation(tmp_path, make_facts(), frame, None)
    female = {"ua": 50.0, "wa": 50.0, "ua_plus_wa": 100.0, "macro_f1": pytest.approx(200 / 3), "n": 2}
    assert metrics["test"]["per_gender"]["female"] == female
    text = (tmp_path / "report.md").read_text()
    assert "| female | 50.00 | 50.00 | 2 |\n| male | 100.00 | 100.00 | 1 |\n| unknown | 100.00 |" in text


def test_without_any_gender_the_report_has_no_section_on_it(run):
    folder, metrics = run
    scores = metrics["test"]
    same = {key: scores[key] for key in ("ua", "wa", "ua_plus_wa", "macro_f1", "n")}
    assert scores["per_gender"] == {"unknown": same}
    assert "## Gender" not in (folder / "report.md").read_text()


def test_the_report_gives_the_calibration_and_its_plot(run):
    folder, metrics = run
    # 3 of 4 right at 0.8; all of validation right, so that the temperature is at its bound
    assert metrics["calibration"]["temperature"] == 0.05
    assert metrics["calibration"]["ece"]["test"] == pytest.approx(5, abs=1e-4)
    text = (folder / "report.md").read_text()
    assert "| split | ECE | NLL | ECE at temperature | NLL at temperature |" in text
    assert "| test | 5.00 | 0.743 | 25.00 |" in text
    assert "Temperature 0.05, which is no measurement" in text
    assert "](calibration.png)" in text


@pytest.mark.parametrize(
    "changes", [{"emotions": EMOTIONS}, {"settings": {"loss": "binary"}}], ids=["emotions", "loss"]
)
def test_the_calibration_of_a_network_that_says_yes_or_no_is_not_of_its_probabilities(tmp_path, changes):
    write_evaluation(tmp_path, make_facts(**changes), make_frame(SMALL), None)
    section = (tmp_path / "report.md").read_text().split("## Calibration")[1]
    assert "a softmax over its independent logits" in section


def test_the_calibration_of_other_networks_is_of_their_probabilities(tmp_path):
    facts = make_facts(settings={"loss": "cross-entropy"})
    write_evaluation(tmp_path, facts, make_frame(SMALL), None)
    assert "independent logits" not in (tmp_path / "report.md").read_text()


def test_a_report_of_a_run_from_before_gender_and_calibration_can_be_written(run, tmp_path):
    folder, metrics = run
    del metrics["calibration"], metrics["test"]["per_gender"]
    write_report(tmp_path, metrics, read_predictions(folder / "predictions.parquet"))
    text = (tmp_path / "report.md").read_text()
    assert "| test | 5.00 | 0.743 | - | - |" in text
    assert "## Gender" not in text


def test_leaks_stand_loud_above_the_scores(tmp_path):
    leaks = ["source: 40 in validation and train", "speaker: 24 in test and train"]
    write_evaluation(tmp_path, make_facts(protocol="paper", folds=1, leaks=leaks), make_frame(SMALL), None)
    text = (tmp_path / "report.md").read_text()
    assert text.index("**LEAKS: these scores are too high.**") < text.index("## Scores")
    assert "> - source: 40 in validation and train\n> - speaker: 24 in test and train\n" in text


def test_without_leaks_the_report_says_so(run):
    text = (run[0] / "report.md").read_text()
    assert "No leaks" in text
    assert "LEAKS" not in text


def test_an_interval_of_one_speaker_is_called_empty(tmp_path):
    write_evaluation(tmp_path, make_facts(), make_frame(["savee/DC sad sad", "savee/DC angry sad"]), None)
    assert "One speaker cannot be resampled" in (tmp_path / "report.md").read_text()


def test_speakers_of_few_clips_make_the_interval_rough(tmp_path):
    rows = ["ravdess/01 sad sad", "ravdess/01 angry sad", *["ravdess/02 calm calm"] * 3, "tess/OAF sad sad"]
    write_evaluation(tmp_path, make_facts(), make_frame(rows), None)
    text = (tmp_path / "report.md").read_text()
    assert "2 of them have fewer clips than the 3 classes, the fewest 1: resamples differ" in text


def test_speakers_of_enough_clips_need_no_such_word(tmp_path):
    rows = ["ravdess/01 sad sad"] * 3 + ["ravdess/02 calm calm"] * 3
    write_evaluation(tmp_path, make_facts(), make_frame(rows), None)
    assert "fewer clips" not in (tmp_path / "report.md").read_text()


def test_a_bar_in_a_name_does_not_break_the_table(tmp_path):
    write_evaluation(tmp_path, make_facts(), make_frame(["my|own/1 sad sad"]), None)
    assert "| my\\|own | 100.00 | 100.00 | 1 |" in (tmp_path / "report.md").read_text()


def test_a_report_can_be_written_again_from_what_was_stored(run, tmp_path):
    folder, _ = run
    again = write_report(tmp_path, read_metrics(folder), read_predictions(folder / "predictions.parquet"))
    assert again.read_text() == (folder / "report.md").read_text()


def write_metrics(folder, **changes):
    metrics = {"schema_version": 1, **make_facts(), "test": {}} | changes
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_a_folder_without_metrics_is_named(tmp_path):
    with pytest.raises(
        RunFormatError, match=r"metrics\.json: no such file. Name the folder of a finished run"
    ):
        read_metrics(tmp_path)


@pytest.mark.parametrize("content", ["{", "\x00"])
def test_metrics_that_are_no_json_are_named(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(RunFormatError, match=r"metrics\.json: not JSON"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    ("version", "advice"), [(2, "Upgrade mmser"), (0, "again with this version"), ("1", "again")]
)
def test_metrics_of_another_schema_say_what_to_do(tmp_path, version, advice):
    write_metrics(tmp_path, schema_version=version)
    with pytest.raises(
        RunFormatError, match=f"schema_version is {version!r}, this mmser reads 1. .*{advice}"
    ):
        read_metrics(tmp_path)


def test_json_that_is_no_table_of_metrics_is_named(tmp_path):
    (tmp_path / "metrics.json").write_text("[1]")
    with pytest.raises(RunFormatError, match="schema_version is None"):
        read_metrics(tmp_path)


def test_metrics_that_lack_keys_are_named(tmp_path):
    write_metrics(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    del metrics["folds"], metrics["test"]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(RunFormatError, match=r"lacks \['folds', 'test'\]"):
        read_metrics(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("corpora", None), ("fold", "0"), ("leaks", "none"), ("settings", [])]
)
def test_facts_of_a_kind_that_no_run_writes_are_named(run, key, value):
    folder, metrics = run
    (folder / "metrics.json").write_text(json.dumps(metrics | {key: value}))
    with pytest.raises(RunFormatError, match=f"metrics.json: {key} is .*, which no run writes"):
        read_metrics(folder)
