import json
from dataclasses import fields

import pytest
from transformers import TrainingArguments

from mmser.errors import SettingsError, UnknownNameError
from mmser.training.arguments import AudioSettings, FusionSettings, RunSettings, parse_arguments
from mmser.training.describing import describe

CLASSES = (RunSettings, FusionSettings, TrainingArguments)
PATHS = ["--corpus", "c", "--out", "o"]


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return ["--config", str(path), *PATHS]

    return write


def test_yaml_gives_the_defaults_and_the_command_line_overrides_them(config):
    argv = [*config("learning_rate: 5e-5\nwarmup_steps: 500\ndropout: 0.2\n"), "--warmup-steps", "7"]
    run, fusion, arguments = parse_arguments(CLASSES, argv)
    assert (run.corpus, run.out) == ("c", "o")
    assert arguments.learning_rate == 5e-5  # YAML 1.1 reads 5e-5 as a string
    assert arguments.warmup_steps == 7
    assert fusion.dropout == 0.2


def test_config_can_be_given_with_an_equals_sign(config):
    _, path, *paths = config("seed: 3\n")
    _, _, arguments = parse_arguments(CLASSES, [f"--config={path}", *paths])
    assert arguments.seed == 3


def test_the_epoch_with_the_best_validation_ua_is_kept_unless_told_otherwise(config):
    _, _, arguments = parse_arguments(CLASSES, PATHS)
    assert (arguments.metric_for_best_model, arguments.load_best_model_at_end) == ("ua", True)
    _, _, arguments = parse_arguments(CLASSES, [*PATHS, "--metric_for_best_model", "wa"])
    assert arguments.metric_for_best_model == "wa"


def test_an_unknown_yaml_key_is_refused_and_the_nearest_named(config):
    with pytest.raises(UnknownNameError, match=r"'lerning_rate'.*Did you mean 'learning_rate'\?"):
        parse_arguments(CLASSES, config("lerning_rate: 1\n"))


def test_an_unknown_option_is_refused_and_the_nearest_named():
    with pytest.raises(UnknownNameError, match=r"'--freze'.*Did you mean '--freeze'\?"):
        parse_arguments(CLASSES, [*PATHS, "--freze", "entire"])


def test_an_option_cut_short_is_not_guessed():
    with pytest.raises(UnknownNameError, match="'--learning_ra'"):
        parse_arguments(CLASSES, [*PATHS, "--learning_ra", "1"])


def test_a_freeze_mode_from_yaml_is_checked(config):
    with pytest.raises(UnknownNameError, match=r"Unknown freeze mode 'clasifier'.*Did you mean 'classifier'"):
        parse_arguments(CLASSES, config("freeze: clasifier\n"))


@pytest.mark.parametrize(
    ("argv", "missing"), [(["--out", "o"], "No corpus given"), (["--corpus", "c"], "No output")]
)
def test_a_run_without_corpus_or_output_says_what_to_pass(argv, missing):
    with pytest.raises(SettingsError, match=missing):
        parse_arguments(CLASSES, argv)


def test_a_config_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no\.yaml: cannot be read"):
        parse_arguments(CLASSES, ["--config", str(tmp_path / "no.yaml")])


@pytest.mark.parametrize(("text", "message"), [("- a\n", "holds list"), ("a: [\n", "not YAML")])
def test_a_config_that_is_no_mapping_is_refused(config, text, message):
    with pytest.raises(SettingsError, match=message):
        parse_arguments(CLASSES, config(text))


def test_speeds_that_nobody_can_hear_are_refused():
    assert AudioSettings(speeds=1.1).speeds == "1.1"  # as YAML reads it
    assert not AudioSettings(speeds="1.1").has_stock_head
    with pytest.raises(SettingsError, match=r"speeds is '1\+9', expected numbers from 0.5 to 2"):
        AudioSettings(speeds="1+9")


def test_a_window_of_no_length_is_refused():
    with pytest.raises(SettingsError, match="window_s is 0"):
        AudioSettings(window_s=0)


def test_described_settings_hold_all_of_ours_and_only_changed_ones_of_transformers():
    described = describe(*parse_arguments(CLASSES, [*PATHS, "--learning_rate", "0.001"]))
    assert {each.name for each in fields(FusionSettings)} <= described.keys()
    assert described["learning_rate"] == 0.001
    assert "adam_beta1" not in described


def test_described_settings_hold_dictionaries_and_lists_as_json_does(config):
    argv = [
        *config("lr_scheduler_kwargs: {num_cycles: 2}\nreport_to: [tensorboard]\n"),
        *("--accelerator_config", '{"split_batches": true}', "--use_cpu", "True"),
    ]
    described = describe(*parse_arguments(CLASSES, argv))
    assert described["lr_scheduler_kwargs"] == {"num_cycles": 2}
    assert described["report_to"] == ["tensorboard"]
    assert described["accelerator_config"]["split_batches"] is True
    assert json.loads(json.dumps(described)) == described


def test_described_settings_leave_out_containers_that_nobody_filled():
    described = describe(*parse_arguments(CLASSES, PATHS))
    assert not {"lr_scheduler_kwargs", "report_to", "accelerator_config", "debug"} & described.keys()


def test_a_setting_that_was_taken_away_is_described(config):
    described = describe(*parse_arguments(CLASSES, config("max_grad_norm: null\n")))
    assert described["max_grad_norm"] is None


@pytest.mark.parametrize("dropout", ["1.5", "1", "-0.1", "nan"])
def test_a_dropout_that_is_no_probability_below_one_is_refused(dropout):
    with pytest.raises(
        SettingsError, match=rf"dropout is {float(dropout)}, expected a probability from 0 to"
    ):
        parse_arguments(CLASSES, [*PATHS, "--dropout", dropout])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("patience", "-1", r"patience is -1, expected evaluations to wait for, or 0"),
        ("abstain_share", "1", r"abstain_share is 1\.0, expected a share from 0 to below 1"),
        ("embedding_batch_size", "0", r"embedding_batch_size is 0, expected clips in a batch, from 1"),
        ("save_strategy", "steps", r"load_best_model_at_end requires the save and eval strategy to match"),
        ("bf16_full_eval", "True", r"bf16_full_eval is on, but a run is scored .* in float32.*--bf16 True"),
        ("report_to", "nowhere", r"report_to names \['nowhere'\], which is not installed.*\['none', "),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(option, value, message):
    with pytest.raises(SettingsError, match=message) as error:
        parse_arguments(CLASSES, [*PATHS, f"--{option}", value, "--use_cpu", "True"])
    assert "\n" not in str(error.value)


def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(
        "mmser.training.arguments.get_available_reporting_integrations", lambda: ["tensorboard"]
    )
    with pytest.raises(
        SettingsError, match=r"\['wandb'\].* Install it, or choose of \['none', 'tensorboard'\]"
    ):
        parse_arguments(CLASSES, [*PATHS, "--report_to", "wandb"])
    parse_arguments(CLASSES, [*PATHS, "--report_to", "tensorboard"])


def test_an_order_of_clips_that_these_recipes_do_not_have_is_refused(config):
    with pytest.raises(
        UnknownNameError, match=r"train_sampling_strategy 'batch_rebalance'.*'group_by_length'"
    ):
        parse_arguments(CLASSES, config("train_sampling_strategy: batch_rebalance\n"))
