"""What the doctor takes for published, against the stand-ins and the sheets."""

from pathlib import Path

import pytest

from mmser.corpora import CORPORA
from mmser.corpora.base import iter_files
from mmser.curation.doctor_published import PUBLISHED
from standins import EMODB_COUNTS, TESS_WORDS, write_standins

RULED = ("cremad", "ravdess", "ravdess-song", "savee", "tess")


def read_names(root, corpus):
    naming = CORPORA[corpus].naming
    return {naming.read_name(path) for path, _ in iter_files(root, naming.pattern)}


def test_every_corpus_has_its_facts():
    assert PUBLISHED.keys() == CORPORA.keys()
    assert {name: facts.rate_hz for name, facts in PUBLISHED.items()} == {
        "cremad": 16_000,
        "emodb": 16_000,
        "iemocap": 16_000,
        "ravdess": 48_000,
        "ravdess-song": 48_000,
        "savee": 44_100,
        "tess": 24_414,
    }


@pytest.mark.parametrize("corpus", RULED)
def test_the_rule_gives_the_published_names_and_no_other(corpus, tmp_path):
    write_standins(tmp_path, [corpus])
    found = read_names(tmp_path, corpus)
    published = PUBLISHED[corpus].list_names(found, tmp_path)
    assert published.closed
    assert published.names == found
    assert len(published.names) == CORPORA[corpus].info.num_clips


@pytest.mark.parametrize("corpus", sorted({*RULED} - {"tess"}))
def test_the_rule_needs_no_clip_to_be_there(corpus):
    assert len(PUBLISHED[corpus].list_names((), Path()).names) == CORPORA[corpus].info.num_clips


def test_words_of_tess_are_those_that_most_files_have():
    names = [f"OAF_{word}_sad" for word in TESS_WORDS] + ["OAF_bakc_sad"]
    published = PUBLISHED["tess"].list_names([*names, *(f"YAF_{word}_sad" for word in TESS_WORDS)], Path())
    assert published.closed
    assert len(published.names) == 2800
    assert "OAF_bakc_sad" not in published.names


def test_words_of_tess_that_no_file_has_are_not_known():
    published = PUBLISHED["tess"].list_names(["OAF_back_sad"], Path())
    assert not published.closed
    assert len(published.names) == 14
    assert "YAF_back_ps" in published.names


def test_names_of_iemocap_are_those_of_its_label_files(tmp_path):
    write_standins(tmp_path, ["iemocap"])
    published = PUBLISHED["iemocap"].list_names((), tmp_path)
    assert not published.closed
    assert published.names == read_names(tmp_path, "iemocap")
    next(tmp_path.rglob("EmoEvaluation/*.txt")).write_text("[no label line\n")
    assert PUBLISHED["iemocap"].list_names((), tmp_path).names == frozenset()


def test_counts_of_emodb_add_up_to_its_clips():
    counts = PUBLISHED["emodb"].emotion_counts
    assert sum(counts.values()) == CORPORA["emodb"].info.num_clips == 535
    assert sorted(counts.values()) == sorted(EMODB_COUNTS.values())


def test_known_oddities_are_published_names():
    for corpus, facts in PUBLISHED.items():
        odd = {*facts.soundless, *facts.other_rates, *(name for twins in facts.twins for name in twins)}
        if odd:
            known = {f"OAF_{word}_fear" for word in TESS_WORDS}
            assert odd <= facts.list_names(known, Path()).names, corpus
