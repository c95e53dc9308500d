import json

import pytest
from transformers import TrainingArguments

from mmser.curation.schema import load_corpus
from mmser.errors import DivergedError, OutputExistsError, SettingsError, UnknownNameError
from mmser.training import search
from mmser.training.arguments import TrainerSettings
from mmser.training.networks import NetworkSettings
from mmser.training.search import SearchSettings, search_settings


@pytest.fixture
def searched(corpus, tmp_path, monkeypatch):
    """A search whose trials are not trained but judged by what was drawn; returns best, and all trials."""
    drawn = []

    def judge(corpus, settings, network, arguments, *, epochs):
        assert set(corpus) == {"train", "validation"}  # no trial sees the test split
        drawn.append(
            (network.dropout, arguments.learning_rate, arguments.per_device_train_batch_size, epochs)
        )
        if len(drawn) == judge.killed_after:
            raise KeyboardInterrupt
        if arguments.learning_rate > judge.diverges_above:
            raise DivergedError("the logits are NaN")
        return 100 - abs(arguments.learning_rate - 1e-3)

    judge.killed_after, judge.diverges_above = 0, 1.0
    monkeypatch.setattr(search, "_train", judge)

    def run(trials=8, place=None, **options):
        return search_settings(
            load_corpus(corpus),
            TrainerSettings(corpus=str(corpus), out=str(tmp_path / "run"), **(place or {})),
            NetworkSettings("khan-cnn"),
            SearchSettings(
                search_trials=trials,
                search_epochs=3,
                search_space=["learning_rate=1e-4:1e-2", "per_device_train_batch_size=8,16", "dropout=0:0.5"],
            ),
            TrainingArguments(output_dir=str(tmp_path / "unused"), use_cpu=True, **options),
        )

    return run, drawn, judge


def test_the_settings_with_the_best_validation_ua_are_taken(searched):
    run, drawn, _ = searched
    network, arguments = run()
    assert len(drawn) == 8
    best = min(drawn, key=lambda each: abs(each[1] - 1e-3))
    assert (network.dropout, arguments.learning_rate, arguments.per_device_train_batch_size, 3) == best
    assert arguments.num_train_epochs == 3.0  # TrainingArguments' own: a trial's epochs are the trial's


def test_draws_stay_in_the_space_and_follow_from_the_seed(searched, tmp_path):
    run, drawn, _ = searched
    run()
    assert all(0 <= dropout <= 0.5 and 1e-4 <= rate <= 1e-2 for dropout, rate, *_ in drawn)
    assert {batch for *_, batch, _ in drawn} == {8, 16}
    assert len({rate for _, rate, *_ in drawn}) == 8
    first = list(drawn)
    (tmp_path / "run.search.log").unlink()
    drawn.clear()
    run()
    assert drawn == first
    drawn.clear()
    run(seed=7)
    assert drawn != first


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_search_that_was_cut_goes_on_as_if_it_had_not_been(searched, tmp_path, cut):
    run, drawn, judge = searched
    network, arguments = run()
    whole = list(drawn)
    (tmp_path / "run.search.log").unlink()
    drawn.clear()
    judge.killed_after = cut
    with pytest.raises(KeyboardInterrupt):
        run()
    judge.killed_after = 0
    again_network, again_arguments = run()
    assert drawn == whole[:cut] + whole[cut - 1 :]  # the trial that was cut is drawn and trained again
    assert again_network == network
    assert again_arguments.learning_rate == arguments.learning_rate
    run()
    assert len(drawn) == 9  # nothing is left to try


def test_a_longer_search_begins_with_the_trials_of_a_shorter_one(searched, tmp_path):
    run, drawn, _ = searched
    run(trials=3)
    run(trials=8)
    grown = list(drawn)
    (tmp_path / "run.search.log").unlink()
    drawn.clear()
    run(trials=8)
    assert grown == drawn


def test_a_trial_that_diverges_is_passed_by_and_not_tried_again(searched, caplog):
    run, drawn, judge = searched
    run(trials=1)
    judge.diverges_above = 1.01e-3
    _, arguments = run()
    diverged = [rate for _, rate, *_ in drawn[1:] if rate > judge.diverges_above]
    assert 0 < len(diverged) < 7
    assert len(drawn) == 8
    assert caplog.text.count("is passed by. the logits are NaN") == len(diverged)
    assert f"Best of 8 trials, of which {len(diverged)} diverged" in caplog.text
    assert arguments.learning_rate not in diverged
    run()
    assert len(drawn) == 8


def test_a_search_of_which_every_trial_diverged_says_so(searched):
    run, drawn, judge = searched
    judge.diverges_above = 0.0
    message = r"run\.search\.log: each of the 8 trials of this search diverged.*Search lower learning rates"
    for _ in range(2):
        with pytest.raises(SettingsError, match=message):
            run()
    assert len(drawn) == 8


def test_a_finished_run_is_not_searched_for_unless_it_may_be_replaced_or_gone_on_with(searched, tmp_path):
    run, drawn, _ = searched
    (tmp_path / "run").mkdir()
    begun = {"corpus": "tones", "out": "run"}
    (tmp_path / "run" / "settings.json").write_text(json.dumps(begun))
    with pytest.raises(OutputExistsError, match=r"run: is not empty\. Pass --resume, --overwrite"):
        run()
    assert not drawn
    run(place={"resume": True})
    assert len(drawn) == 8
    run(place={"overwrite": True})
    assert (tmp_path / "run" / "settings.json").is_file()  # the run itself replaces it, later
    (tmp_path / "run" / "settings.json").write_text("{}")
    with pytest.raises(OutputExistsError, match="holds files that are no run"):
        run(place={"overwrite": True})


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ("learning_rat=1:2", UnknownNameError, r"Unknown setting to search 'learning_rat'"),
        ("dropout=0.5:0.1", SettingsError, r"holds 'dropout=0\.5:0\.1', expected dropout=LOW:HIGH"),
        (
            "dropout=few,many",
            SettingsError,
            r"expected dropout=LOW:HIGH with LOW < HIGH, or dropout=A,B,C",
        ),
        ("dropout", SettingsError, r"expected dropout=LOW:HIGH"),
        ("l1=0:nan", SettingsError, r"expected l1=LOW:HIGH with LOW < HIGH"),
        ("dropout=0:1", SettingsError, r"in it \[1\.0\], expected rates from 0 to below 1 for dropout"),
        ("dropout=0.1,-0.1", SettingsError, r"in it \[-0\.1\], expected rates from 0 to below 1"),
        (
            "per_device_train_batch_size=8,16.5",
            SettingsError,
            r"\[16\.5\], expected whole numbers from 1 for per_d",
        ),
        ("per_device_train_batch_size=0:8", SettingsError, r"\[0\.0\], expected whole numbers from 1"),
        ("per_device_train_batch_size=8,inf", SettingsError, r"\[inf\], expected whole numbers from 1"),
        ("learning_rate=-1:1", SettingsError, r"\[-1\.0\], expected finite numbers from 0 for learning_rate"),
        ("weight_decay=0,nan", SettingsError, r"\[nan\], expected finite numbers from 0 for weight_decay"),
        ("l1=0:inf", SettingsError, r"\[inf\], expected finite numbers from 0 for l1"),
        ("l2=-1e-3", SettingsError, r"\[-0\.001\], expected finite numbers from 0 for l2"),
        (
            "num_train_epochs=0,5",
            SettingsError,
            r"\[0\.0\], expected finite numbers above 0 for num_train_ep",
        ),
    ],
)
def test_a_space_that_cannot_be_drawn_from_is_refused(space, error, message):
    with pytest.raises(error, match=message):
        SearchSettings(search_space=[space])


def test_numbers_below_zero_are_refused():
    with pytest.raises(
        SettingsError, match=r"search_trials is -1 and search_epochs 0\.0, expected both from 0"
    ):
        SearchSettings(search_trials=-1)
    with pytest.raises(SettingsError, match=r"search_epochs nan, expected both from 0"):
        SearchSettings(search_epochs=float("nan"))


def test_epochs_are_either_searched_or_given():
    with pytest.raises(
        SettingsError, match=r"draws num_train_epochs, but by search_epochs every trial lasts 3,"
    ):
        SearchSettings(search_epochs=3, search_space=["num_train_epochs=5,10"])
    SearchSettings(search_space=["num_train_epochs=5,10"])


def test_a_range_of_batch_sizes_draws_whole_numbers_to_its_end():
    space = SearchSettings(search_space=["per_device_train_batch_size=1:2"]).parse()
    found = {
        search._build_sampler(0, number).sample_independent(None, None, "size", *space.values())
        for number in range(20)
    }
    assert found == {1, 2}


def test_a_recipe_searches_and_then_trains_with_what_it_found(run_network, corpus):
    run = run_network(
        "khan_cnn", "--search_space", "learning_rate=1e-3,2e-3", corpus=corpus,
        num_train_epochs=1, search_trials=2, search_epochs=1,
    )  # fmt: skip
    settings = json.loads((run / "metrics.json").read_text())["settings"]
    assert settings["learning_rate"] in (1e-3, 2e-3)
    assert settings["search_trials"] == 2
    assert run.with_name("run.search.log").is_file()
    assert not run.with_name("run.search").exists()


def test_a_trial_that_is_not_evaluated_is_refused(run_network, corpus):
    with pytest.raises(
        SettingsError, match=r"A trial of 1 epochs ended without an evaluation\. Give --eval_s"
    ):
        run_network(
            "khan_cnn", "--load_best_model_at_end", "False", corpus=corpus,
            search_trials=1, search_epochs=1, eval_strategy="no",
        )  # fmt: skip
