import json
import shutil

import pytest
from safetensors.torch import load_file

from mmser.curation.schema import load_corpus
from mmser.errors import OutputExistsError, SettingsError, UnknownNameError
from mmser.training import sweep as sweep_module
from mmser.training.sweep import SweepSettings, part_by_speaker, run_sweep

LDA = {"pooling": "mean+std", "layers": "1-2", "use_cpu": "True"}


@pytest.fixture
def sweep(towers, corpus, recipes, tmp_path, monkeypatch):
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "cache"))
    config = recipes / "configs" / "hubert.yaml"

    def run(**settings):
        options = {**LDA, "audio_encoder": towers["hubert"], **settings.pop("options", {})}
        given = {"config": config, "corpus": corpus, "out": tmp_path / "out", **settings}
        return run_sweep(SweepSettings(options=options, **given))

    return run


def test_the_best_on_validation_is_written_down_and_run_with_each_seed(sweep, tmp_path):
    tried, metrics = sweep(vary={"lda_shrinkage": ("0.5", "1.0")}, seeds=(0, 1))
    assert [len(each.scores) for each in tried] == [2, 2]
    assert tried[0].mean >= tried[1].mean
    choice = json.loads((tmp_path / "out" / "choice.json").read_text())
    assert choice["chosen"] == tried[0].values
    assert choice["judged_on"] == "the validation split"
    assert [each["ua"] for each in choice["tried"]] == [each.scores for each in tried]
    for seed, each in enumerate(metrics):
        stored = json.loads((tmp_path / "out" / f"seed-{seed}" / "metrics.json").read_text())
        assert stored == each
        assert each["seed"] == seed
        assert each["settings"]["lda_shrinkage"] == float(tried[0].values["lda_shrinkage"])
        assert each["validation"]["ua"] == pytest.approx(tried[0].scores[seed])


def test_a_run_of_a_sweep_is_the_run_of_the_recipe(sweep, run_recipe, tmp_path):
    settings = {"num_train_epochs": "2", "learning_rate": "0.01"}
    sweep(options={**settings, "pooling": "mean", "layers": "last"}, seeds=(3,))
    alone = run_recipe("train_hubert", "--config", "recipes/configs/hubert.yaml", seed=3, **settings)
    ours = load_file(tmp_path / "out" / "seed-3" / "model.safetensors")
    theirs = load_file(alone / "model.safetensors")
    assert all((ours[name] - theirs[name]).abs().max() < 1e-5 for name in theirs)


def test_inner_folds_judge_each_speaker_once_and_the_best_is_trained_on_all_of_them(sweep, corpus):
    tried, (metrics,) = sweep(vary={"lda_shrinkage": ("0.5",)}, inner_folds=2)
    held_out = tried[0].frames[0]
    splits = load_corpus(corpus)
    assert sorted(held_out["id"]) == sorted([*splits["train"]["id"], *splits["validation"]["id"]])
    assert metrics["validation"]["n"] == len(held_out)
    assert metrics["validation"]["ua"] == pytest.approx(tried[0].mean)
    assert metrics["sweep"] == {
        "candidates": 1,
        "inner_folds": 2,
        "space": ["lda_shrinkage=0.5"],
    }


def test_what_is_trained_for_epochs_is_not_judged_between_them_under_inner_folds(sweep):
    tried, (metrics,) = sweep(options={"num_train_epochs": "1", "learning_rate": "0.01"}, inner_folds=2)
    assert "eval_strategy" not in metrics["settings"]  # as transformers has it: none
    assert 0 <= tried[0].mean <= 100


def test_no_speaker_is_trained_on_and_judged(corpus):
    seen = []
    for part in part_by_speaker(load_corpus(corpus), 2):
        assert not set(part["train"]["speaker"]) & set(part["validation"]["speaker"])
        seen += part["validation"]["speaker"]
    assert set(seen) == {
        *load_corpus(corpus)["train"]["speaker"],
        *load_corpus(corpus)["validation"]["speaker"],
    }


def test_altered_copies_are_trained_on_and_not_judged(tmp_path, corpus):
    rows = load_corpus(corpus)
    rows["train"] = rows["train"].map(
        lambda row, index: {"augmentation": "gain" if index % 2 else ""}, with_indices=True
    )
    parts = list(part_by_speaker(rows, 2))
    assert not any(any(part["validation"]["augmentation"]) for part in parts)
    assert any(any(part["train"]["augmentation"]) for part in parts)


def test_more_folds_than_speakers_are_refused(corpus):
    with pytest.raises(
        SettingsError, match=r"inner_folds is 99, but train and validation have \d+ speakers of"
    ):
        list(part_by_speaker(load_corpus(corpus), 99))


def test_a_folder_that_holds_something_is_left_alone(sweep, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(OutputExistsError, match=r"out: is not empty. Choose another --out for this sweep"):
        sweep(vary={"lda_shrinkage": ("0.5",)})


def interrupt(monkeypatch, name, call):
    """Let a function of the sweep be interrupted when it is called for the n-th time; returns its calls."""
    whole, calls = getattr(sweep_module, name), []

    def counted(run, *rest):
        calls.append(run)
        if len(calls) == call:
            raise KeyboardInterrupt
        return whole(run, *rest)

    monkeypatch.setattr(sweep_module, name, counted)
    return calls


def scores_of(metrics):
    return [(each["seed"], each["sweep"], each["validation"], each["test"]) for each in metrics]


def test_a_sweep_that_was_cut_goes_on_and_ends_as_one_that_was_not(sweep, tmp_path, monkeypatch):
    settings = {"vary": {"lda_shrinkage": ("0.5", "1.0", "0.1")}, "inner_folds": 2}
    _, expected = sweep(out=tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        interrupt(patch, "train", 6)  # of three candidates in two folds: in the last fold of the third
        with pytest.raises(KeyboardInterrupt):
            sweep(**settings)
    assert not (tmp_path / "out" / "choice.json").exists()
    trained = interrupt(monkeypatch, "train", None)
    _, metrics = sweep(**settings)
    assert len(trained) == 1
    choices = [(tmp_path / name / "choice.json").read_text() for name in ("whole", "out")]
    assert choices[0] == choices[1]
    assert scores_of(metrics) == scores_of(expected)


def test_runs_at_the_end_that_are_finished_are_not_repeated_and_half_ones_begin_again(
    sweep, tmp_path, monkeypatch
):
    _, first = sweep(seeds=(0, 1, 2))
    (tmp_path / "out" / "seed-1" / "metrics.json").unlink()
    shutil.rmtree(tmp_path / "out" / "seed-2")
    runs = interrupt(monkeypatch, "train_and_evaluate", None)
    _, again = sweep(seeds=(0, 1, 2))
    assert [run.out.name for run in runs] == ["seed-1", "seed-2"]
    assert scores_of(again) == scores_of(first)


def test_a_sweep_of_other_settings_is_not_mixed_with_one_that_was_begun(sweep, tmp_path, corpus):
    begun = {"vary": {"lda_shrinkage": ("0.5",), "layers": ("1-2",)}}
    sweep(**begun)
    other_corpus = shutil.copytree(corpus, tmp_path / "other")
    about = json.loads((other_corpus / "corpus.json").read_text())
    (other_corpus / "corpus.json").write_text(json.dumps(about | {"fingerprint": "another"}))
    for settings, changed in (
        ({"vary": {"lda_shrinkage": ("0.5", "1.0"), "layers": ("1-2",)}}, "vary"),
        ({"vary": dict(reversed(begun["vary"].items()))}, "vary"),  # another order of what is tried
        ({"seeds": (1,)}, "seeds"),
        ({"inner_folds": 2}, "inner_folds"),
        ({"options": {"window_s": "4"}}, "window_s"),
        ({"corpus": other_corpus}, "corpus_fingerprint"),
    ):
        with pytest.raises(OutputExistsError, match=rf"begun with other values of \['{changed}'\]: "):
            sweep(**begun | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vary": {"seed": ("1", "2")}}, r"seed: set by the sweep itself"),
        ({"options": {"resume": "True"}}, r"resume: set by the sweep itself"),
        ({"options": {"push_to_hub": "True", "hub_model_id": "me/x"}}, r"hub_model_id, push_to_hub: set by"),
        ({"inner_folds": 1}, r"inner_folds is 1, expected 2 or more, or 0"),
        ({"inner_folds": -1}, r"inner_folds is -1, expected"),
        (
            {"inner_folds": 2, "options": {"patience": "2"}},
            r"patience waits for evaluations, and inner folds",
        ),
    ],
)
def test_what_would_spoil_the_comparison_is_refused(sweep, tmp_path, settings, message):
    with pytest.raises(SettingsError, match=message):
        sweep(**settings)
    assert not (tmp_path / "out").exists()


def test_a_sweep_is_one_process(sweep, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match=r"2 processes were launched, and a sweep is one"):
        sweep()
    assert not (tmp_path / "out").exists()


def test_inner_folds_do_not_begin_with_a_run_that_may_have_heard_who_is_held_out(sweep, tmp_path):
    run = tmp_path / "earlier"
    run.mkdir()
    (run / "settings.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"earlier is a run, and may have heard the speakers that inner"):
        sweep(inner_folds=2, options={"audio_encoder": str(run)})


def test_an_unknown_setting_is_named_before_anything_is_trained(sweep, tmp_path):
    with pytest.raises(UnknownNameError, match=r"learning_rats"):
        sweep(vary={"learning_rats": ("1",)})
    assert not (tmp_path / "out").exists()
