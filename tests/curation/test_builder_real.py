"""Builds from real recordings under $MMSER_CORPORA."""

import json
import os

import pytest

import mmser
from mmser.curation.filtering import DAMAGED

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if "MMSER_CORPORA" not in os.environ:
        pytest.skip("MMSER_CORPORA is not set: it names the folder of real corpora")
    work = tmp_path_factory.mktemp("real")
    return mmser.build_corpus(
        os.environ["MMSER_CORPORA"],
        work / "out",
        corpora=("ravdess", "savee"),
        transcripts="reference",
        num_proc=2,
        cache_dir=work / "cache",
    )


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
