import json

import pytest
from datasets import Audio, ClassLabel

from mmser.curation.schema import SCHEMA_VERSION, clip_features, load_corpus, read_corpus_json
from mmser.errors import DatasetFormatError


def _write_json(folder, **content):
    folder.mkdir(exist_ok=True)
    (folder / "corpus.json").write_text(
        json.dumps({"schema_version": SCHEMA_VERSION, "classes": ["a"]} | content)
    )
    return folder


def test_audio_is_never_decoded_and_labels_are_named():
    features = clip_features(["angry", "sad"])
    assert features["audio"] == Audio(sampling_rate=16_000, decode=False)
    assert features["label"] == ClassLabel(names=["angry", "sad"])
    assert list(features) == [
        "id",
        "audio",
        "label",
        "labels",
        "corpus",
        "speaker",
        "gender",
        "sentence",
        "transcript",
        "reference",
        "duration_s",
        "emotion",
        "votes",
        "source_id",
        "augmentation",
        "sha256",
    ]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DatasetFormatError, match="gone: no such folder, expected a corpus that `mmser build"):
        load_corpus(tmp_path / "gone")


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(DatasetFormatError, match=r"holds no corpus\.json, so it is not a corpus"):
        read_corpus_json(tmp_path)


def test_another_version_says_to_build_again(tmp_path):
    with pytest.raises(DatasetFormatError, match=r"schema version 0, this mmser reads 1\. Build again"):
        load_corpus(_write_json(tmp_path / "c", schema_version=0))


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "corpus.json").write_text("{")
    with pytest.raises(DatasetFormatError, match=r"corpus\.json: not JSON"):
        load_corpus(tmp_path)


def test_missing_splits_are_named(tmp_path):
    with pytest.raises(DatasetFormatError, match=r"no Parquet file of \['train', 'validation', 'test'\]"):
        load_corpus(_write_json(tmp_path / "c"))


def test_damaged_parquet_is_named(tmp_path):
    folder = _write_json(tmp_path / "c")
    (folder / "data").mkdir()
    for split in ("train", "validation", "test"):
        (folder / "data" / f"{split}-00000-of-00001.parquet").write_bytes(b"no parquet")
    with pytest.raises(DatasetFormatError, match="its Parquet files cannot be read"):
        load_corpus(folder)
