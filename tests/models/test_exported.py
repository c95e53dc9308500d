import json
import sys

import numpy as np
import pytest
import torch

from factories_exports import CLIPS, logits_of, save_run
from mmser.errors import CheckpointError, SettingsError
from mmser.inference.export import ExportSettings, export_run
from mmser.models.exported import iter_alone
from mmser.models.loading import load_model


@pytest.fixture(scope="module")
def folder_once(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    export_run(save_run(root / "runs" / "fusion", "fusion"), root / "export", ExportSettings())
    return root / "export"


@pytest.fixture
def folder(folder_once, tmp_path):
    """An export of a fusion model, of this test's own."""
    copy = tmp_path / "export"
    copy.mkdir()
    for path in folder_once.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_each_clip_of_a_batch_is_given_alone_without_its_padding():
    batch = {
        "input_values": np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]]),
        "attention_mask": np.array([[1, 1, 0], [1, 1, 1]]),
        "input_ids": np.array([[7, 8], [9, 0]]),
        "text_attention_mask": np.array([[1, 1], [0, 0]]),
    }
    first, second = iter_alone(batch)
    assert [each.tolist() for each in first.values()] == [[[1.0, 2.0]], [[1, 1]], [[7, 8]], [[1, 1]]]
    assert second["input_values"].tolist() == [[3.0, 4.0, 5.0]]
    assert second["input_ids"].tolist() == [[9, 0]]  # nothing real: its length is kept


def test_hearings_are_cut_to_the_longest_of_them():
    values, mask = np.arange(12.0).reshape(1, 2, 6), np.array([[[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0]]])
    (alone,) = iter_alone({"input_values": values, "attention_mask": mask})
    assert alone["input_values"].tolist() == [[[0, 1, 2, 3], [6, 7, 8, 9]]]
    assert alone["attention_mask"].tolist() == [[[1, 1, 1, 1], [1, 1, 1, 0]]]


def test_spectrograms_are_not_cut():
    batch = {"input_values": np.ones((2, 80, 5)), "attention_mask": np.array([[1, 1, 0, 0, 0]] * 2)}
    assert [each["input_values"].shape for each in iter_alone(batch)] == [(1, 80, 5)] * 2


def test_it_stays_as_and_where_it_is(folder):
    model, _ = load_model(folder)
    assert model.to("cuda").eval() is model
    assert model.device == torch.device("cpu")


def test_a_missing_transcript_is_refused_as_the_model_itself_refuses_it(folder):
    model, processor = load_model(folder)
    with pytest.raises(ValueError, match="was not trained to go without"):
        logits_of(model, processor, [(CLIPS[0][0], None)])


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "preprocessor_config.json", "config.json"])
def test_an_export_that_lacks_a_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"no graph"])
def test_a_damaged_graph_is_named(folder, content):
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.onnx: no graph that onnxruntime reads \(.*Export it"):
        load_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{cut", "cannot be read"),
        ("[]", "format_version is None"),
        ('{"format_version": 9}', "version is 9, this"),
    ],
)
def test_an_export_of_another_version_or_a_damaged_one_is_refused(folder, content, message):
    (folder / "export.json").write_text(content)
    with pytest.raises(CheckpointError, match=rf"export\.json: .*{message}"):
        load_model(folder)


def test_without_onnxruntime_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        SettingsError, match=r"onnxruntime, which is not installed: pip install 'mmser\[onnx\]'"
    ):
        load_model(folder)


def test_preprocessing_travels_with_the_export(folder):
    preprocessing = json.loads((folder / "config.json").read_text())["preprocessing"]
    assert load_model(folder)[0].config.preprocessing == preprocessing
    assert preprocessing["cleaning"]["sample_rate_hz"] == 16_000
