import json

import pytest
from huggingface_hub import ModelCard
from transformers import TrainingArguments

from fake_hub import TOKEN
from mmser.errors import HubError, SettingsError
from mmser.training.arguments import RunSettings
from mmser.training.describing import describe
from mmser.training.publication import check_publication, publish_run, take_place

FAST = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 0.01}
PUSH = {"push_to_hub": True, "hub_model_id": "me/voice"}


def ask(tmp_path, **changes):
    return TrainingArguments(str(tmp_path), use_cpu=True, **(PUSH | changes))


def test_a_recipe_pushes_the_finished_run_once_with_its_card(run_recipe, hub, capsys):
    run = run_recipe("train_hubert", "--hub_private_repo", "True", **FAST, **PUSH)
    commits = [path for method, path in hub.requests if "/commit/" in path]
    assert commits == ["/api/models/me/voice/commit/main"]
    files = hub.model("me/voice")
    assert hub.repositories["models", "me/voice"].private
    assert files["model.safetensors"] == (run / "model.safetensors").read_bytes()
    assert not [name for name in files if "checkpoint" in name or "training_args" in name]
    metrics = json.loads((run / "metrics.json").read_text())
    results = ModelCard(files["README.md"].decode()).data.eval_results
    assert results[0].metric_value == round(metrics["test"]["ua"], 2)
    assert f"pushed: {hub.endpoint}/me/voice" in capsys.readouterr().out


def test_without_the_wish_nothing_is_asked_of_the_hub(run_recipe, hub):
    run_recipe("train_hubert", **FAST)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hub_model_id": "voice"}, SettingsError, "'voice' is no name on the Hub"),
        ({"hub_token": TOKEN + "x"}, HubError, "does not accept the token"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_any_work(run_recipe, hub, tmp_path, changes, error, message):
    asked = FAST | PUSH | changes
    with pytest.raises(error, match=message):
        run_recipe("train_hubert", **asked)
    assert not list(tmp_path.iterdir())  # not even the towers' states are in the cache


def test_a_network_over_hand_made_features_is_not_pushed(run_network, corpus, hub):
    with pytest.raises(SettingsError, match=r"push_to_hub is on, but sharma-cnn is over hand-made features"):
        run_network("sharma_cnn", corpus=corpus, **PUSH)
    assert hub.repositories == {}


def test_a_place_is_needed(tmp_path, hub):
    with pytest.raises(
        SettingsError, match=r"hub_model_id is not given\. Say where to: --hub_model_id user/name"
    ):
        check_publication(ask(tmp_path, hub_model_id=None))


@pytest.mark.parametrize(
    "changes", [{"hub_strategy": "all_checkpoints"}, {"hub_always_push": True}, {"hub_revision": "draft"}]
)
def test_checkpoints_and_branches_are_not_pushed(tmp_path, hub, changes):
    with pytest.raises(SettingsError, match=r"a run is pushed once, finished, to main\. Leave them out"):
        check_publication(ask(tmp_path, **changes))


def test_trainer_is_kept_from_pushing_itself(tmp_path, hub):
    arguments = ask(tmp_path, hub_private_repo=True, hub_token=TOKEN)
    place = take_place(arguments)
    assert (place.name, place.private, place.token) == ("me/voice", True, TOKEN)
    assert arguments.push_to_hub is False


def test_neither_token_nor_place_is_among_the_settings_that_are_written_down(tmp_path):
    described = describe(RunSettings(corpus="c", out="o"), ask(tmp_path, hub_token=TOKEN))
    assert not [name for name in described if name.startswith(("hub", "push"))]
    assert TOKEN not in json.dumps(described)


def test_a_push_that_fails_at_the_end_says_that_the_run_is_whole_and_how_to_push_it(run_recipe, hub):
    hub.failing["/commit/"] = 500
    with pytest.raises(
        HubError, match=r"The run is finished and whole in .*run; push it later: mmser push .*run me/"
    ):
        run_recipe("train_hubert", **FAST, **PUSH)
    hub.failing.clear()


def test_what_was_pushed_in_vain_is_pushed_later(run_recipe, hub):
    run = run_recipe("train_hubert", **FAST)
    assert publish_run(run, take_place(ask(run))) == f"{hub.endpoint}/me/voice"
