import json
from pathlib import Path

import datasets
import pytest
from datasets import Audio, ClassLabel

from factories_corpus import write_corpus
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


@pytest.mark.parametrize("cache_dir", [None, "mine"])
def test_what_is_unpacked_lies_in_the_cache_of_mmser_and_not_in_that_of_datasets(
    tmp_path, monkeypatch, cache_dir
):
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "usual"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    given = None if cache_dir is None else tmp_path / cache_dir
    corpus = load_corpus(write_corpus(tmp_path / "c", num_train=4, num_test=2), cache_dir=given)
    for rows in corpus.values():
        (file,) = rows.cache_files
        assert Path(file["filename"]).is_relative_to(tmp_path / (cache_dir or "usual") / "opened")
    assert not (tmp_path / "datasets").exists()
