"""What holds for every reader, on stand-ins of complete size."""

import logging
from collections import Counter

import pytest

from mmser.corpora import CORPORA, PAPER_CORPORA, read_clips
from mmser.labels import EMOTIONS, get_scheme

PUBLISHED = {
    "cremad": dict.fromkeys(("angry", "disgust", "fearful", "happy", "sad"), 1271) | {"neutral": 1087},
    "emodb": {
        "angry": 127,
        "bored": 81,
        "disgust": 46,
        "fearful": 69,
        "happy": 71,
        "neutral": 79,
        "sad": 62,
    },
    "iemocap": {
        "angry": 1103,
        "disgust": 2,
        "excited": 1041,
        "fearful": 40,
        "frustrated": 1849,
        "happy": 595,
        "neutral": 1708,
        "other": 3,
        "sad": 1084,
        "surprised": 107,
        "undecided": 2507,
    },
    "ravdess": dict.fromkeys(("angry", "calm", "disgust", "fearful", "happy", "sad", "surprised"), 192)
    | {"neutral": 96},
    "ravdess-song": dict.fromkeys(("angry", "calm", "fearful", "happy", "sad"), 184) | {"neutral": 92},
    "savee": dict.fromkeys(("angry", "disgust", "fearful", "happy", "sad", "surprised"), 60)
    | {"neutral": 120},
    "tess": dict.fromkeys(("angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"), 400),
}
# Sharma, table 3: angry, calm, disgust, fearful, happy, sad, surprised.
PAPER_TABLE = {
    "cremad": (1271, 0, 1271, 1271, 1271, 1271, 0),
    "ravdess": (192, 192, 192, 192, 192, 192, 192),
    "savee": (60, 0, 60, 60, 60, 60, 60),
    "tess": (400, 0, 400, 400, 400, 400, 400),
    "iemocap": (1103, 0, 2, 40, 595, 1084, 107),
}

every_corpus = pytest.mark.parametrize("name", CORPORA)


@every_corpus
def test_the_published_counts_are_met_exactly(name, complete_corpora):
    clips = list(CORPORA[name].iter_clips(complete_corpora))
    assert Counter(clip.emotion for clip in clips) == PUBLISHED[name]
    assert len(clips) == sum(PUBLISHED[name].values()) == CORPORA[name].info.num_clips


@every_corpus
def test_the_published_speakers_are_found(name, complete_corpora):
    speakers = {clip.speaker for clip in CORPORA[name].iter_clips(complete_corpora)}
    assert len(speakers) == CORPORA[name].info.num_speakers


@every_corpus
def test_clips_follow_the_contract(name, complete_corpora):
    clips = list(CORPORA[name].iter_clips(complete_corpora))
    ids = [clip.id for clip in clips]
    assert ids == sorted(set(ids))
    for clip in clips:
        assert clip.id.startswith(f"{name}/")
        assert clip.corpus == name
        assert clip.path.is_file()
        assert clip.emotion in EMOTIONS
        assert set(clip.votes) <= set(EMOTIONS)
        assert all(count > 0 for count in clip.votes.values())
        assert clip.speaker.startswith(f"{name.removesuffix('-song')}/")
        assert clip.gender in ("female", "male")


@every_corpus
def test_a_reader_yields_nothing_where_its_corpus_is_not_there(name, plant, caplog):
    root = plant("notes.txt", "music/a01.wav", "music/song.wav", "music/03-01-05.wav")
    assert list(CORPORA[name].iter_clips(root)) == []
    assert not caplog.records


@every_corpus
def test_a_sheet_is_complete(name):
    info = CORPORA[name].info
    assert info.name == name
    texts = (info.title, info.language, info.license, info.sharing, info.url, info.how_to_get, info.citation)
    assert all(texts)


def test_cleaned_clips_are_published_only_where_a_licence_is_known_to_allow_it():
    shared = [name for name, corpus in CORPORA.items() if corpus.info.may_be_shared]
    assert shared == ["cremad", "ravdess", "ravdess-song"]


def test_five_complete_corpora_give_the_13390_clips_of_the_paper_cell_by_cell(complete_corpora):
    scheme = get_scheme("paper7")
    clips, missing = read_clips(complete_corpora, PAPER_CORPORA)
    cells = Counter((clip.corpus, scheme.relabel(clip.emotion)) for clip in clips)
    for corpus, row in PAPER_TABLE.items():
        assert tuple(cells[corpus, label] for label in scheme.classes) == row
    assert missing == ()
    assert sum(count for (_, label), count in cells.items() if label) == 13_390


def test_four_classes_of_iemocap_are_the_usual_5531(complete_corpora):
    scheme = get_scheme("iemocap4")
    labels = [scheme.relabel(clip.emotion) for clip in CORPORA["iemocap"].iter_clips(complete_corpora)]
    assert sum(label is not None for label in labels) == 5531


@pytest.mark.parametrize(
    ("scheme", "corpus", "count"),
    [
        ("ravdess8", "ravdess", 1440),  # all of it
        ("ravdess4", "ravdess", 4 * 192),
        ("ravdess4-surprised", "ravdess", 4 * 192),
        ("emodb7", "emodb", 535),  # all of it
        ("ekman7", "ravdess", 1440 - 192),  # without calm
        ("ekman7", "cremad", 7442),
        ("ekman7", "tess", 2800),
        ("ekman7", "iemocap", 1708 + 595 + 1041 + 1084 + 1103 + 107 + 40 + 2),
    ],
)
def test_a_scheme_keeps_its_clips_of_a_complete_corpus(complete_corpora, scheme, corpus, count):
    relabel = get_scheme(scheme).relabel
    labels = [relabel(clip.emotion) for clip in CORPORA[corpus].iter_clips(complete_corpora)]
    assert sum(label is not None for label in labels) == count


def test_complete_corpora_are_read_without_a_warning(complete_corpora, caplog):
    with caplog.at_level(logging.WARNING):
        read_clips(complete_corpora, CORPORA)
    assert not caplog.records
