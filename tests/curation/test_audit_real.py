"""Audits of corpora that are built from real recordings under $MMSER_CORPORA."""

import json
import os

import pytest
from datasets import concatenate_datasets

import mmser
from factories_audit import ALTERATIONS
from mmser.audio.io import encode_flac, hash_waveform
from mmser.curation.audit import audit
from mmser.curation.builder import build_corpora
from mmser.curation.schema import decode_audio

pytestmark = [pytest.mark.corpus, pytest.mark.slow]
PROMISES = ("speaker", "source", "audio", "copy")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """All folds of `speaker`, and two protocols under which repetitions of one sentence stand apart."""
    work = tmp_path_factory.mktemp("real")
    return build_corpora(
        os.environ["MMSER_CORPORA"],
        work / "out",
        protocols=("speaker", "stratified", "text"),
        fold_numbers="all",
        corpora=("ravdess", "savee", "tess", "emodb", "cremad"),
        transcripts="none",
        balance_to="none",
        num_proc=2,
        cache_dir=work / "cache",
    )


def test_no_leak_is_seen_where_there_is_none(folders):
    records = [json.loads((folder / "corpus.json").read_text()) for folder in folders]
    assert len(records) == 7
    assert [record["leaks"] for record in records] == [[]] * 7
    assert not [
        note for record in records for note in record["notes"] if note.startswith(("audio", "sha256"))
    ]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_altered_copies_of_tested_clips_are_found_in_train(folders, alteration):
    corpus = mmser.load_corpus(folders[0])
    tested = corpus["test"].select(range(0, len(corpus["test"]), 12))
    planted = concatenate_datasets(
        [corpus["train"], tested.map(_disguise, fn_kwargs={"alteration": alteration})]
    )
    found = audit({**corpus, "train": planted}, PROMISES, num_proc=2)
    (leak,) = found.broken
    assert (leak.check, leak.where) == ("audio", "test and train")
    pairs = {(overlap.clips["test"][0], overlap.clips["train"][0]) for overlap in leak.overlaps}
    assert pairs <= {(name, f"planted/{name}") for name in tested["id"]}
    assert len(pairs) >= 0.95 * len(tested)


def _disguise(row, alteration):
    """The altered sound as a clip of nobody known."""
    waveform = ALTERATIONS[alteration](decode_audio(row["audio"]))
    name = f"planted/{row['id']}"
    names = {"id": name, "source_id": name, "speaker": name, "corpus": "planted"}
    return names | {
        "audio": {"bytes": encode_flac(waveform), "path": None},
        "sha256": hash_waveform(waveform),
    }
