import json

import pytest
from transformers import TrainingArguments

from mmser.curation.schema import load_corpus
from mmser.errors import SettingsError, UnknownNameError
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
        return 100 - abs(arguments.learning_rate - 1e-3)

    judge.killed_after = 0
    monkeypatch.setattr(search, "_train", judge)

    def run(**options):
        return search_settings(
            load_corpus(corpus),
            TrainerSettings(corpus=str(corpus), out=str(tmp_path / "run")),
            NetworkSettings("khan-cnn"),
            SearchSettings(
                search_trials=8,
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


def test_a_search_that_was_cut_goes_on_where_it_was(searched):
    run, drawn, judge = searched
    judge.killed_after = 4
    with pytest.raises(KeyboardInterrupt):
        run()
    judge.killed_after = 0
    run()
    assert 8 <= len(drawn) <= 9  # three were done; the fourth, which was cut, may count as tried
    done = len(drawn)
    run()
    assert len(drawn) == done  # nothing is left to try


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ("learning_rat=1:2", UnknownNameError, r"Unknown setting to search 'learning_rat'"),
        ("dropout=0.5:0.1", SettingsError, r"holds 'dropout=0\.5:0\.1', expected dropout=LOW:HIGH"),
        (
            "dropout=few,many",
            SettingsError,
            r"expected dropout=LOW:HIGH with 0 <= LOW < HIGH, or dropout=A,B,C",
        ),
        ("dropout", SettingsError, r"expected dropout=LOW:HIGH"),
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
