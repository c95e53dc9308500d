import json
import shutil
from pathlib import Path

import datasets
import pytest
from datasets import DatasetDict

from factories_audit import make_row, make_split
from factories_corpus import write_corpus
from mmser.curation.audit_input import read_promises, read_splits
from mmser.curation.splitting import get_protocol
from mmser.errors import DatasetFormatError, UnknownNameError


@pytest.fixture
def splits():
    return DatasetDict(train=make_split([make_row("a")]), test=make_split([make_row("b")]))


def _ids(corpus):
    return {split: rows["id"][:] for split, rows in corpus.items()}


CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*.parquet}
  - {split: validation, path: data/validation-*.parquet}
  - {split: test, path: data/test-*.parquet}
---
"""
EXPECTED = {"train": ["mine/a"], "test": ["mine/b"]}


def test_a_corpus_that_was_built_is_opened(tmp_path):
    corpus = read_splits(write_corpus(tmp_path / "corpus", num_train=4, num_test=2))
    assert {split: len(rows) for split, rows in corpus.items()} == {"train": 4, "validation": 2, "test": 2}
    assert corpus["test"][0]["audio"]["bytes"].startswith(b"fLaC")


def test_what_is_unpacked_lies_in_the_cache_of_mmser_and_not_in_that_of_datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    corpus = read_splits(write_corpus(tmp_path / "corpus", num_train=4, num_test=2))
    (file,) = corpus["train"].cache_files
    assert Path(file["filename"]).is_relative_to(tmp_path / "cache" / "opened")
    assert not (tmp_path / "datasets").exists()


def test_what_was_saved_to_disk_is_opened_with_its_audio_undecoded(splits, tmp_path):
    from datasets import Audio

    splits.cast_column("audio", Audio(16_000)).save_to_disk(tmp_path / "saved")
    corpus = read_splits(tmp_path / "saved")
    assert _ids(corpus) == EXPECTED
    assert corpus["train"][0]["audio"]["bytes"].startswith(b"fLaC")


def test_one_split_that_was_saved_alone_is_called_train(splits, tmp_path):
    splits["test"].save_to_disk(tmp_path / "saved")
    assert _ids(read_splits(tmp_path / "saved")) == {"train": ["mine/b"]}


@pytest.mark.parametrize("name", ["{}.parquet", "data/{}-00000-of-00001.parquet"])
def test_a_folder_of_parquet_files_is_opened(splits, tmp_path, name):
    for split, rows in splits.items():
        path = tmp_path / name.format(split)
        path.parent.mkdir(exist_ok=True)
        rows.to_parquet(path)
    assert _ids(read_splits(tmp_path)) == EXPECTED


def test_another_folder_of_one_name_and_a_folder_that_was_replaced_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "cache"))
    for parent, num_train in (("one", 4), ("two", 6)):
        folder = write_corpus(tmp_path / parent / "corpus", num_train=num_train, num_test=3)
        (folder / "README.md").write_text(CARD)
        assert len(read_splits(folder)["train"]) == num_train
    shutil.rmtree(tmp_path / "two")
    folder = write_corpus(tmp_path / "two" / "corpus", num_train=5, num_test=3)
    (folder / "README.md").write_text(CARD)
    assert len(read_splits(folder)["train"]) == 5


def test_ids_that_are_numbers_are_read_as_text(tmp_path):
    from mmser.curation.audit import audit

    splits = {name: make_split([make_row(name)]) for name in ("train", "test")}
    for number, (name, rows) in enumerate(splits.items()):
        rows.remove_columns("id").add_column("id", [number]).to_parquet(tmp_path / f"{name}.parquet")
    assert audit(read_splits(tmp_path), ("source",)).broken == ()


def _nothing(folder: Path) -> None:
    folder.mkdir()


def _text(folder: Path) -> None:
    folder.mkdir()
    (folder / "train.parquet").write_text("no table")


def _several(folder: Path) -> None:
    for name in ("speaker-fold0", "paper"):
        write_corpus(folder / name, num_train=3, num_test=3)


def _no_audio(folder: Path) -> None:
    folder.mkdir()
    make_split([make_row("a")]).remove_columns("audio").to_parquet(folder / "train.parquet")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: None, r"gone: no such folder, expected a dataset"),
        (_nothing, r"gone: holds neither Parquet files nor"),
        (_text, r"gone: not a dataset that can be read"),
        (_several, r"gone: holds several corpora, \['paper', 'speaker-fold0'\]. Audit one of these"),
        (_no_audio, r"column 'audio' is None, expected the Audio feature.* It has \['id'"),
    ],
)
def test_a_folder_that_holds_no_single_dataset_says_so(tmp_path, write, message):
    write(tmp_path / "gone")
    with pytest.raises(DatasetFormatError, match=message):
        read_splits(tmp_path / "gone")


def test_without_a_record_the_promises_are_those_of_speaker(tmp_path):
    assert read_promises(tmp_path) == ("speaker", get_protocol("speaker").promises)


@pytest.mark.parametrize(
    ("changes", "promises"),
    [({}, get_protocol("speaker").promises), ({"promises": ["sentence", "audio"]}, ("sentence", "audio"))],
)
def test_a_corpus_says_what_was_promised(tmp_path, changes, promises):
    folder = write_corpus(tmp_path / "corpus", num_train=3, num_test=3)
    _edit_record(folder, changes)
    assert read_promises(folder) == ("speaker", promises)


def test_a_corpus_of_another_schema_or_an_unknown_protocol_is_refused(tmp_path):
    folder = write_corpus(tmp_path / "corpus", num_train=3, num_test=3)
    _edit_record(folder, {"settings": {"protocol": "speakr"}})
    with pytest.raises(UnknownNameError, match="Unknown protocol 'speakr'"):
        read_promises(folder)
    _edit_record(folder, {"schema_version": 0})
    with pytest.raises(DatasetFormatError, match=r"schema version 0, .* Build again"):
        read_promises(folder)


def _edit_record(folder, changes):
    path = folder / "corpus.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
