from dataclasses import fields

import pytest
from transformers import TrainingArguments

from mmser.errors import SettingsError, UnknownNameError
from mmser.training.arguments import AudioSettings, FusionSettings, RunSettings, describe, parse_arguments

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


def test_a_window_of_no_length_is_refused():
    with pytest.raises(SettingsError, match="window_s is 0"):
        AudioSettings(window_s=0)


def test_described_settings_hold_all_of_ours_and_only_changed_ones_of_transformers():
    described = describe(*parse_arguments(CLASSES, [*PATHS, "--learning_rate", "0.001"]))
    assert {each.name for each in fields(FusionSettings)} <= described.keys()
    assert described["learning_rate"] == 0.001
    assert "adam_beta1" not in described
