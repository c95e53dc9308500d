import json
import pickle

import pytest
from safetensors.torch import load_file, save_file

from factories_hub import ROWS
from factories_runs import save_scores
from mmser.errors import NotForPublicationError, RunFormatError
from mmser.hub.run_files import choose_run_files

CODE = {
    *("audio_features.py", "configuration_fusion.py", "masked_norm.py", "modeling_fusion.py"),
    *(
        "pipeline_fusion.py",
        "pooling.py",
        "processing_fusion.py",
        "speeds.py",
        "strict_loading.py",
        "towers.py",
    ),
}
ALWAYS = {"config.json", "metrics.json", "report.md", "confusion_matrix.png", "calibration.png"}


def test_a_fusion_run_brings_weights_code_processor_scores_and_pictures(finished_run):
    processor = {"processor_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert set(choose_run_files(finished_run())) >= ALWAYS | {"model.safetensors"} | processor | CODE


def test_a_speech_only_run_needs_no_code(finished_run):
    expected = ALWAYS | {"model.safetensors", "preprocessor_config.json"}
    assert set(choose_run_files(finished_run("audio"))) == expected


def test_a_speech_only_run_with_a_head_of_its_own_brings_its_code_and_no_tokenizer(finished_run):
    expected = ALWAYS | {"model.safetensors", "preprocessor_config.json"} | CODE - {"processing_fusion.py"}
    assert set(choose_run_files(finished_run("speech"))) == expected


def test_predictions_settings_and_checkpoints_stay_at_home(finished_run):
    names = set(choose_run_files(finished_run()))
    assert not names & {"predictions.parquet", "settings.json"}
    assert not [name for name in names if "checkpoint" in name]


def test_texts_are_published_without_folders_of_this_machine(finished_run, tmp_path):
    folder = finished_run()
    assert str(tmp_path.parent) in (folder / "metrics.json").read_text()
    files = choose_run_files(folder)
    for name in (
        "metrics.json",
        "report.md",
        "config.json",
        "tokenizer_config.json",
        "processor_config.json",
    ):
        assert str(tmp_path.parent).encode() not in files[name], name
    assert json.loads(files["metrics.json"])["settings"]["out"] == "fusion"
    assert json.loads(files["config.json"])["audio_config"]["_name_or_path"] == "hubert"


@pytest.mark.parametrize("name", ["training_args.bin", "pytorch_model.bin", "more/model.pkl", "model.ckpt"])
def test_what_may_be_a_pickle_is_refused(finished_run, name):
    folder = finished_run()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"anything")
    with pytest.raises(NotForPublicationError, match=rf"holds {name}, which may be pickles: they run code"):
        choose_run_files(folder)


def test_a_pickle_is_known_by_what_it_holds(finished_run):
    folder = finished_run("audio")
    (folder / "notes.txt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(NotForPublicationError, match=r"holds notes\.txt, which may be pickles"):
        choose_run_files(folder)


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("fusion", ["model.safetensors", "tokenizer.json"]),
        ("fusion", ["masked_norm.py"]),  # no configuration names it: modeling_fusion.py imports it
        ("fusion", ["pipeline_fusion.py"]),
        ("audio", ["report.md", "preprocessor_config.json"]),
        ("audio", ["config.json"]),
    ],
)
def test_all_that_a_finished_run_lacks_is_listed(finished_run, kind, gone):
    folder = finished_run(kind)
    for name in gone:
        (folder / name).unlink()
    with pytest.raises(NotForPublicationError, match="not a finished run, it lacks") as error:
        choose_run_files(folder)
    assert all(name in str(error.value) for name in gone)


def test_a_run_in_training_is_named_as_such(finished_run):
    folder = finished_run()
    (folder / "metrics.json").unlink()
    with pytest.raises(NotForPublicationError, match=r"training of this run has not finished.*--resume True"):
        choose_run_files(folder)


def test_the_report_of_an_evaluation_is_told_from_a_run(tmp_path):
    save_scores(tmp_path, ROWS)
    with pytest.raises(
        NotForPublicationError, match=r"looks like a report of `mmser evaluate`: push the run"
    ):
        choose_run_files(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotForPublicationError, match="nowhere: no such folder, expected the folder of a"):
        choose_run_files(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"no weights", b"PK\x03\x04zip"])
def test_weights_that_are_not_safetensors_are_refused(finished_run, content):
    folder = finished_run()
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(NotForPublicationError, match=r"model\.safetensors: not safetensors, or cut short"):
        choose_run_files(folder)


def split_weights(folder):
    """Write the weights in two files and an index of them, as transformers does with large models."""
    weights = sorted(load_file(folder / "model.safetensors").items())
    parts = {"model-1-of-2.safetensors": weights[:5], "model-2-of-2.safetensors": weights[5:]}
    for name, part in parts.items():
        save_file(dict(part), folder / name, metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    index = {key: name for name, part in parts.items() for key, _ in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return list(parts)


def test_weights_in_several_files_go_with_their_index(finished_run):
    folder = finished_run("audio")
    parts = split_weights(folder)
    assert {*parts, "model.safetensors.index.json"} < set(choose_run_files(folder))
    (folder / parts[1]).unlink()
    with pytest.raises(NotForPublicationError, match=r"lacks model-2-of-2\.safetensors\."):
        choose_run_files(folder)


@pytest.mark.parametrize("name", ["../secret.py", "/etc/passwd", "evil/x--modeling_fusion.Model"])
def test_a_configuration_that_leads_out_of_the_folder_is_refused(finished_run, name):
    folder = finished_run()
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"]["AutoModel"] = name
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        NotForPublicationError, match=r"configuration names '.*', expected files of this folder"
    ):
        choose_run_files(folder)


@pytest.mark.parametrize("marker", ["model.skops", "config.json"])
def test_a_system_over_hand_made_features_is_refused(finished_run, marker):
    folder = finished_run()
    (folder / marker).write_text('{"model_type": "mmser-network", "network": "sharma-cnn"}')
    with pytest.raises(NotForPublicationError, match="over hand-made features, which nobody could load"):
        choose_run_files(folder)


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("config.json", "{cut", NotForPublicationError, r"config\.json: not JSON"),
        ("config.json", "[]", NotForPublicationError, r"config\.json: holds no object"),
        ("metrics.json", "{}", RunFormatError, r"metrics\.json: schema_version is None"),
    ],
)
def test_damaged_texts_are_named(finished_run, name, content, error, message):
    folder = finished_run()
    (folder / name).write_text(content)
    with pytest.raises(error, match=message):
        choose_run_files(folder)
