import pandas as pd
import pytest

from factories_evaluation import make_run
from mmser.errors import OutputExistsError, SettingsError
from mmser.evaluation.collecting import Run
from mmser.evaluation.comparison import compare, mcnemar_p_value, summarize_comparison, write_differing
from mmser.evaluation.folds import pool_folds

A = (
    "ravdess/01 angry angry",
    "ravdess/01 angry sad",
    "ravdess/02 sad sad",
    "ravdess/02 calm angry",
    "tess/OAF sad angry",
    "tess/OAF angry angry",
)
B = (
    "ravdess/01 angry angry",
    "ravdess/01 angry angry",  # only B right
    "ravdess/02 sad angry",  # only A right
    "ravdess/02 calm sad",  # both wrong, differently
    "tess/OAF sad sad",  # only B right
    "tess/OAF angry angry",
)


@pytest.fixture
def runs():
    return make_run(A, "runs/a"), make_run(B, "runs/b", system="hubert")


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (1, 2, 1.0),  # 2 (1 + 3) / 8, cut at 1
        (0, 5, 0.0625),  # 2 / 32
        (9, 1, 0.021484375),  # 2 (1 + 10) / 1024
        (0, 0, 1.0),
    ],
)
def test_mcnemars_test_is_a_sign_test_of_the_discordant_clips(only_first, only_second, expected):
    assert mcnemar_p_value(only_first, only_second) == pytest.approx(expected)
    assert mcnemar_p_value(only_second, only_first) == pytest.approx(expected)


def test_clips_are_counted_by_who_has_them_right(runs):
    found = compare(*runs)
    assert found.counts == {"both right": 2, "only A right": 1, "only B right": 2, "both wrong": 1}
    assert found.p_value == 1.0
    assert found.num_speakers == 3


def test_scores_are_those_of_both_runs(runs):
    found = compare(*runs)
    # recalls of angry, calm, sad: A 2/3, 0, 1/2; B 1, 0, 1/2
    assert found.scores["ua"] == pytest.approx((38.8889, 50.0), abs=1e-4)
    assert found.scores["wa"] == pytest.approx((50.0, 66.6667), abs=1e-4)
    assert found.scores["ua_plus_wa"] == pytest.approx((88.8889, 116.6667), abs=1e-4)


def test_the_interval_comes_from_resampled_speakers(runs):
    found = compare(*runs)
    # WA gains 1 of 2 with speakers 01 and OAF and loses 1 of 2 with 02: all draws lie within
    assert found.intervals["wa"] == [-50.0, 50.0]
    low, high = found.intervals["ua"]
    assert low < found.scores["ua"][1] - found.scores["ua"][0] < high


def test_the_same_seed_gives_the_same_interval(runs):
    assert compare(*runs, seed=3).intervals == compare(*runs, seed=3).intervals


def test_a_run_does_not_differ_from_itself(runs):
    found = compare(runs[0], runs[0])
    assert found.intervals == {"ua": [0.0, 0.0], "wa": [0.0, 0.0], "ua_plus_wa": [0.0, 0.0]}
    assert found.differing.empty


def test_clips_that_differ_are_listed_by_kind(runs):
    rows = compare(*runs).differing
    assert rows[["id", "kind", "predicted_a", "predicted_b"]].to_numpy().tolist() == [
        ["ravdess/02-2", "only A right", "sad", "angry"],
        ["ravdess/01-1", "only B right", "sad", "angry"],
        ["tess/OAF-4", "only B right", "angry", "sad"],
        ["ravdess/02-3", "both wrong, differently", "angry", "sad"],
    ]
    assert rows["probability_b"].tolist() == pytest.approx([0.8] * 4)


def test_clips_are_paired_by_id_in_whatever_order_they_stand(runs):
    first, second = runs
    turned = Run(second.folders, second.metrics, second.frame[::-1])
    assert compare(first, turned).counts == compare(first, second).counts


def test_other_clips_are_refused_with_both_fingerprints(runs):
    other = make_run((*B[:5], "tess/YAF angry angry"), "runs/b", corpus_fingerprint="fedcba9876543210")
    message = (
        r"cannot be paired: A \(a\) was judged on 6 clips of the corpus 0123456789ab, B \(b\) was judged on "
        r"6 clips of the corpus fedcba987654; 5 clips are in both\. Compare runs that"
    )
    with pytest.raises(SettingsError, match=message):
        compare(runs[0], other)


def test_the_same_clips_of_another_build_are_refused(runs):
    other = make_run(B, corpus_fingerprint="fedcba9876543210")
    with pytest.raises(SettingsError, match=r"0123456789ab, .*fedcba987654; 6 clips are in both"):
        compare(runs[0], other)


def pool(fingerprint, *, system):
    folds = []
    for fold, rows in enumerate((A[:2], A[2:])):
        run = make_run(rows, fold=fold, folds=2, corpus_fingerprint=f"{fingerprint}-{fold}", system=system)
        folds.append((run.metrics, run.frame))
    metrics, frame = pool_folds(folds)
    return Run(make_run(A).folders, metrics, frame)


def test_pools_are_held_to_the_fingerprint_of_each_fold():
    assert compare(pool("x", system="a"), pool("x", system="b")).counts["both right"] == 3
    with pytest.raises(SettingsError, match=r"corpus x-0, x-1, .* corpus y-0, y-1; 6 clips are in both"):
        compare(pool("x", system="a"), pool("y", system="b"))


def test_classes_must_be_the_same(runs):
    first, second = runs
    frame = second.frame.copy()
    frame.attrs = {"classes": ["angry", "calm", "sad", "happy"]}
    with pytest.raises(SettingsError, match=r"A tells \['angry', 'calm', 'sad'\] apart, B .*'happy'"):
        compare(first, Run(second.folders, second.metrics, frame))


def test_the_summary_says_what_was_found(runs):
    text = summarize_comparison(*runs, compare(*runs))
    assert text.startswith("A: hubert+bert, protocol speaker, fold 0 of 5 (a)\nB: hubert, ")
    assert "6 clips of 3 speakers" in text
    assert "+11.11" in text  # UA
    assert "p = 1.000 (1 clips that only A has right, 2 that only B has)" in text
    assert "ravdess/02-2: sad; A sad (0.80), B angry (0.80)" in text


def test_a_leak_is_told(runs):
    leaking = make_run(B, leaks=["copies"])
    assert "LEAKS (1): its scores are too high" in summarize_comparison(
        runs[0], leaking, compare(runs[0], leaking)
    )


def test_one_speaker_says_nothing_of_others():
    run = make_run(A[:2])
    assert "One speaker cannot be resampled" in summarize_comparison(run, run, compare(run, run))


def test_differing_clips_are_written_as_csv(runs, tmp_path):
    found = compare(*runs)
    path = tmp_path / "new" / "differing.csv"
    write_differing(path, found)
    table = pd.read_csv(path)
    assert table["kind"].tolist() == found.differing["kind"].tolist()
    with pytest.raises(OutputExistsError, match=r"differing\.csv: is there already"):
        write_differing(path, found)
