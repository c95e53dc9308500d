import pytest

from factories_evaluation import make_facts, make_frame
from mmser.errors import SettingsError
from mmser.evaluation.folds import EVALUATED_RUN, find_folds, pool_folds

FOLD_0 = ("ravdess/01 angry angry", "ravdess/01 angry angry", "ravdess/02 sad angry")
FOLD_3 = ("ravdess/07 angry sad", "ravdess/08 sad sad")


def run(fold, rows, **changes):
    return make_facts(fold=fold, **changes), make_frame(rows)


def test_clips_of_all_folds_are_scored_as_one_split():
    metrics, frame = pool_folds([run(3, FOLD_3), run(0, FOLD_0)])
    # angry 2 of 3, sad 1 of 2; the mean of the folds' UA would be 50
    assert metrics["test"]["ua"] == pytest.approx(58.3333, abs=1e-4)
    assert metrics["test"]["wa"] == pytest.approx(60.0)
    assert (metrics["test"]["n"], len(frame)) == (5, 5)
    assert metrics["validation"] is None


def test_a_fold_from_before_gender_was_stored_is_pooled_with_others():
    facts, frame = run(3, FOLD_3)
    metrics, _ = pool_folds([run(0, FOLD_0), (facts, frame.assign(gender=["male", "female"]))])
    counts = {name: row["n"] for name, row in metrics["test"]["per_gender"].items()}
    assert counts == {"female": 1, "male": 1, "unknown": 3}


def test_folds_that_are_missing_are_noted():
    metrics, _ = pool_folds([run(3, FOLD_3), run(0, FOLD_0)])
    assert (metrics["fold"], metrics["pooled_folds"], metrics["missing_folds"]) == (None, [0, 3], [1, 2, 4])


def test_only_what_all_folds_agree_on_is_kept():
    first = run(0, FOLD_0, settings={"learning_rate": 5e-5, "out": "runs/0"}, seconds={"train": 2.0}, seed=1)
    second = run(3, FOLD_3, settings={"learning_rate": 5e-5, "out": "runs/3"}, seconds={"train": 3.0}, seed=1)
    second[0]["corpus_fingerprint"] = "other"
    metrics, _ = pool_folds([first, second])
    assert metrics["settings"] == {"learning_rate": 5e-5}
    assert metrics["seconds"] == {"train": 5.0}
    assert (metrics["seed"], metrics["corpus_fingerprint"], metrics["num_parameters"]) == (1, None, 1234567)


def test_leaks_name_their_fold():
    metrics, _ = pool_folds([run(0, FOLD_0, leaks=["speaker: 1 in test and train"]), run(3, FOLD_3)])
    assert metrics["leaks"] == ["fold 0: speaker: 1 in test and train"]


def test_the_order_in_which_corpora_are_named_does_not_matter():
    metrics, _ = pool_folds([run(0, FOLD_0), run(3, FOLD_3, corpora=["tess", "ravdess"])])
    assert metrics["pooled_folds"] == [0, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "hubert"}, r"system is 'hubert\+bert' in fold 0 and 'hubert' in fold 3"),
        ({"scheme": "ekman7"}, "scheme is 'paper7' in fold 0 and 'ekman7' in fold 3"),
        ({"protocol": "text"}, "protocol is 'speaker' in fold 0 and 'text'"),
        ({"corpora": ["ravdess"]}, r"corpora is .* in fold 0 and \['ravdess'\] in fold 3"),
        ({"folds": 4}, "folds is 5 in fold 0 and 4 in fold 3"),
        ({"num_parameters": 7}, "num_parameters is 1234567 in fold 0 and 7 in fold 3"),
        ({"seed": 1}, "seed is 0 in fold 0 and 1 in fold 3"),
        (
            {"settings": {"learning_rate": 0.1}},
            "setting learning_rate is 5e-05 in fold 0 and 0.1 in fold 3",
        ),
        (
            {"settings": {"learning_rate": 5e-5, "freeze": "entire"}},
            "setting freeze is None in fold 0 and 'entire' in fold 3",
        ),
    ],
)
def test_runs_of_different_systems_are_refused_and_the_difference_is_named(changes, message):
    with pytest.raises(SettingsError, match=message):
        pool_folds([run(0, FOLD_0), run(3, FOLD_3, **changes)])


def test_folds_may_be_read_written_and_computed_elsewhere():
    here = {"corpus": "corpora/0", "out": "runs/0", "cache_dir": None, "overwrite": True, "use_cpu": True}
    there = {"corpus": "corpora/3", "out": "runs/3", "cache_dir": "cache", "dataloader_pin_memory": False}
    metrics, _ = pool_folds([run(0, FOLD_0, settings=here), run(3, FOLD_3, settings=there)])
    assert metrics["settings"] == {}


def searched(rate, **changes):
    space = ["learning_rate=1e-4:1e-2", "dropout=0:0.5"]
    return {"search_trials": 20, "search_space": space, "learning_rate": rate, "weight_decay": 0.1, **changes}


def test_settings_that_a_search_found_may_differ():
    folds = [run(0, FOLD_0, settings=searched(0.001)), run(3, FOLD_3, settings=searched(0.004))]
    metrics, _ = pool_folds(folds)
    assert metrics["pooled_folds"] == [0, 3]
    assert "learning_rate" not in metrics["settings"]
    assert find_folds(folds) == [[0, 1]]


SWEEP = {"candidates": 6, "inner_folds": 4, "space": ["layers=2-4,1-6", "lda_shrinkage=0.3,0.5,0.7"]}


def swept(fold, rows, layers, num_parameters, **changes):
    settings = {"layers": layers, "window_s": 4}
    return run(fold, rows, settings=settings, num_parameters=num_parameters, **{"sweep": SWEEP, **changes})


def test_settings_that_each_fold_chose_by_a_sweep_may_differ_and_the_size_of_the_head_with_them():
    folds = [swept(0, FOLD_0, "2-4", 3_000), swept(3, FOLD_3, "1-6", 6_000)]
    metrics, _ = pool_folds(folds)
    assert metrics["pooled_folds"] == [0, 3]
    assert metrics["num_parameters"] is None
    assert metrics["settings"] == {"window_s": 4}


def test_sweeps_of_other_settings_are_not_pooled():
    other = {**SWEEP, "space": ["layers=2-4,1-6"]}
    with pytest.raises(SettingsError, match=r"sweep is .*lda_shrinkage.* in fold 0 and .* in fold 3"):
        pool_folds([swept(0, FOLD_0, "2-4", 3_000), swept(3, FOLD_3, "2-4", 3_000, sweep=other)])


def test_a_fold_that_was_not_swept_has_to_agree_with_one_that_was():
    plain = run(3, FOLD_3, settings={"layers": "1-6", "window_s": 4}, num_parameters=3_000)
    with pytest.raises(SettingsError, match="setting layers is '2-4' in fold 0 and '1-6' in fold 3"):
        pool_folds([swept(0, FOLD_0, "2-4", 3_000), plain])


@pytest.mark.parametrize(
    ("first", "other", "setting"),
    [
        (searched(0.001), searched(0.004, weight_decay=0.2), "weight_decay"),  # which was not searched
        (searched(0.001), searched(0.004, search_trials=0), "learning_rate"),
        (searched(0.001, search_trials=0), searched(0.004, search_trials=0), "learning_rate"),
        (searched(0.001), searched(0.001, search_space=["dropout=0:0.5"]), "search_space"),
    ],
)
def test_settings_that_no_search_of_both_folds_found_may_not_differ(first, other, setting):
    with pytest.raises(SettingsError, match=f"setting {setting} is"):
        pool_folds([run(0, FOLD_0, settings=first), run(3, FOLD_3, settings=other)])


def test_a_pool_of_models_on_another_corpus_says_so():
    folds = [run(0, FOLD_0, **{EVALUATED_RUN: "runs/0"}), run(3, FOLD_3, **{EVALUATED_RUN: "runs/3"})]
    assert pool_folds(folds)[0][EVALUATED_RUN] == ["runs/0", "runs/3"]
    assert EVALUATED_RUN not in pool_folds([run(0, FOLD_0), run(3, FOLD_3)])[0]


def test_a_model_on_another_corpus_is_not_pooled_with_one_on_its_own():
    with pytest.raises(SettingsError, match="evaluated_run is None in fold 0 and 'runs/3' in fold 3"):
        pool_folds([run(0, FOLD_0), run(3, FOLD_3, **{EVALUATED_RUN: "runs/3"})])


def with_towers(first, other):
    return [
        run(0, FOLD_0, settings={"audio_encoder": first}),
        run(3, FOLD_3, settings={"audio_encoder": other}),
    ]


@pytest.mark.parametrize(
    ("first", "other"),
    [("runs/hubert-fold0", "runs/hubert-fold3"), ("2024/runs/00/hubert", "2024/runs/03/hubert")],
)
def test_towers_may_be_runs_of_the_folds_themselves(first, other):
    assert pool_folds(with_towers(first, other))[0]["pooled_folds"] == [0, 3]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("runs/hubert-fold1", "runs/hubert-fold3"),  # the tower of another fold
        ("openai/whisper-large-v2", "openai/whisper-large-v3"),
        ("facebook/hubert-base-ls960", "microsoft/wavlm-base"),
        ("runs/hubert", "runs/hubert-fold3"),
    ],
)
def test_towers_that_differ_otherwise_are_refused(first, other):
    with pytest.raises(SettingsError, match=f"setting audio_encoder is '{first}' in fold 0 and '{other}'"):
        pool_folds(with_towers(first, other))


def test_runs_of_different_classes_are_refused():
    with pytest.raises(SettingsError, match=r"classes is .*calm.* in fold 0 and \['angry', 'sad'\]"):
        pool_folds([run(0, FOLD_0), (make_facts(fold=3), make_frame(FOLD_3, classes=("angry", "sad")))])


def test_the_same_fold_twice_is_refused():
    with pytest.raises(SettingsError, match="Fold 3 is given twice"):
        pool_folds([run(3, FOLD_3), run(0, FOLD_0), run(3, FOLD_3)])


def test_a_clip_in_two_folds_is_refused():
    message = r"3 clips are in the test splits of both fold 0 and fold 3, e\.g\. 'ravdess/01-0'"
    with pytest.raises(SettingsError, match=message):
        pool_folds([run(0, FOLD_0), run(3, FOLD_0)])


def test_a_pool_is_not_pooled_again():
    pool, frame = pool_folds([run(0, FOLD_0)])
    with pytest.raises(SettingsError, match="a pool itself"):
        pool_folds([(pool, frame), run(3, FOLD_3)])


def test_nothing_to_pool_is_an_error():
    with pytest.raises(SettingsError, match="no run to pool"):
        pool_folds([])


def test_the_fingerprint_of_each_fold_is_kept():
    metrics, _ = pool_folds([run(0, FOLD_0), run(3, FOLD_3, corpus_fingerprint="other")])
    assert metrics["corpus_fingerprints"] == {"0": "0123456789abcdef", "3": "other"}


def test_folds_of_each_system_find_one_another():
    runs = [
        run(0, FOLD_0),
        run(0, FOLD_0, system="hubert"),
        run(3, FOLD_3),
        run(3, FOLD_3, system="hubert"),
    ]
    assert find_folds(runs) == [[0, 2], [1, 3]]


def test_a_second_run_of_one_fold_begins_a_pool_of_its_own():
    assert find_folds([run(0, FOLD_0), run(0, FOLD_0), run(3, FOLD_3)]) == [[0, 2], [1]]


def test_folds_that_share_clips_are_of_different_builds():
    assert find_folds([run(0, FOLD_0), run(3, FOLD_0)]) == [[0], [1]]


@pytest.mark.parametrize(
    "alone",
    [
        run(3, FOLD_3, settings={"learning_rate": 0.1}),
        run(3, FOLD_3, **{EVALUATED_RUN: "runs/0"}),  # on another corpus than it was trained for
        run(None, FOLD_3, pooled_folds=[3]),
    ],
)
def test_what_is_no_fold_of_the_system_stays_alone(alone):
    assert find_folds([run(0, FOLD_0), alone]) == [[0], [1]]


def test_protocols_without_folds_are_not_pooled():
    assert find_folds([run(0, FOLD_0, folds=1), run(0, FOLD_3, folds=1)]) == [[0], [1]]
