"""Builds from real recordings under $MMSER_CORPORA."""

import json
import os

import pytest

import mmser
from mmser.curation.builder import build_corpora
from mmser.curation.filtering import DAMAGED

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    if "MMSER_CORPORA" not in os.environ:
        pytest.skip("MMSER_CORPORA is not set: it names the folder of real corpora")
    work = tmp_path_factory.mktemp("real")
    return build_corpora(
        os.environ["MMSER_CORPORA"],
        work / "out",
        protocols=("speaker", "text", "corpus"),
        corpora=("ravdess", "savee"),
        transcripts="reference",
        num_proc=2,
        cache_dir=work / "cache",
    )


@pytest.fixture(scope="module")
def folder(folders):
    return folders[0]


def test_about_one_clip_in_a_hundred_is_dropped_and_none_for_damage(folder):
    # Sharma: 13,390 clips before cleaning, 13,236 after it
    record = json.loads((folder / "corpus.json").read_text())
    assert record["counts"]["clean"] >= 0.98 * record["counts"]["relabel"]
    assert record["dropped"]["duplicate"] == 1  # RAVDESS actor 07, happy
    assert not DAMAGED & record["dropped"].keys()


def test_silence_is_cut_to_what_is_said(folder):
    # RAVDESS clips last 3.7 s with about a second of silence at each end, SAVEE's 4.1 s
    corpus = mmser.load_corpus(folder)
    for name, (shortest, longest) in {"ravdess": (1.4, 2.2), "savee": (2.2, 3.2)}.items():
        rows = corpus["test"].filter(
            lambda corpus_name, name=name: corpus_name == name, input_columns="corpus"
        )
        assert shortest < sum(rows["duration_s"]) / len(rows) < longest


def test_no_speaker_is_in_two_splits_and_every_speaker_is_in_one(folder):
    speakers = [name for split in mmser.load_corpus(folder).values() for name in set(split["speaker"])]
    assert len(speakers) == len(set(speakers)) == 14  # RAVDESS actors 01 to 12, SAVEE DC and JE


def test_no_sentence_is_in_two_splits_of_text(folders):
    said = [
        {(row["corpus"], row["sentence"]) for row in split.select_columns(["corpus", "sentence"])}
        for split in mmser.load_corpus(folders[1]).values()
    ]
    assert (
        len(set.union(*said)) == sum(map(len, said)) == 2 + 3 + 6 * 12
    )  # RAVDESS; SAVEE: common ones, and 12 an emotion


def test_the_first_corpus_is_held_out_whole_but_for_the_class_that_it_alone_has(folders):
    corpus = mmser.load_corpus(folders[2])
    assert set(corpus["test"]["corpus"]) == {"ravdess"}
    assert set(corpus["train"]["corpus"]) | set(corpus["validation"]["corpus"]) == {"savee"}
    record = json.loads((folders[2] / "corpus.json").read_text())
    assert record["dropped"]["class-not-trained"] == 96  # calm: 12 actors with 8 clips each
    assert record["counts"]["test"] == record["counts_by_corpus"]["clean"]["ravdess"] - 96
