"""The table of corpora: several at once, and what is missing."""

from pathlib import Path

import pytest

from mmser.corpora import CORPORA, Corpus, get_corpora, get_corpus, read_clips
from mmser.corpora.base import Clip
from mmser.errors import CorpusNotFoundError, DuplicateClipError, SettingsError, UnknownNameError

RAVDESS_CLIP = "RAVDESS/Actor_16/03-01-05-01-02-01-16.wav"
TESS_CLIP = "TESS/OAF_angry/OAF_back_angry.wav"


def test_clips_of_all_named_corpora_come_sorted_by_id(plant):
    clips, missing = read_clips(plant(RAVDESS_CLIP, TESS_CLIP), ["tess", "ravdess"])
    assert [clip.id for clip in clips] == ["ravdess/03-01-05-01-02-01-16", "tess/OAF_back_angry"]
    assert missing == ()


def test_the_papers_five_are_read_unless_others_are_named(plant):
    clips, missing = read_clips(plant(RAVDESS_CLIP, "EMO-DB/wav/03a01Fa.wav"))
    assert [clip.corpus for clip in clips] == ["ravdess"]
    assert missing == ("cremad", "iemocap", "savee", "tess")


def test_corpora_that_are_not_there_are_named_in_the_order_given(plant):
    assert read_clips(plant(RAVDESS_CLIP), ["tess", "ravdess", "cremad"])[1] == ("tess", "cremad")


def test_a_corpus_named_twice_is_read_once(plant):
    assert len(read_clips(plant(RAVDESS_CLIP), ["ravdess", "ravdess"])[0]) == 1


def test_an_unknown_corpus_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"Unknown corpus 'ravdes', .* Did you mean 'ravdess'\?"):
        get_corpus("ravdes")


def test_a_table_without_a_path_is_told_from_one_that_is_not_there():
    with pytest.raises(SettingsError, match=r"'csv:' names no table, expected its path behind it: csv:mine"):
        get_corpora(["csv:"])


def test_an_unknown_corpus_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UnknownNameError, match="Unknown corpus 'crema'"):
        read_clips(tmp_path / "nowhere", ["crema"])


def test_a_missing_root_is_an_error(tmp_path):
    with pytest.raises(CorpusNotFoundError, match="nowhere: does not exist, expected the folder"):
        read_clips(tmp_path / "nowhere", ["tess"])


def test_a_root_that_is_a_file_is_an_error(plant):
    with pytest.raises(CorpusNotFoundError, match="data: is a file, expected the folder"):
        read_clips(plant("data") / "data", ["tess"])


def test_a_root_without_clips_says_how_to_get_each_corpus(tmp_path):
    with pytest.raises(CorpusNotFoundError, match="holds no clip of the corpora asked for") as caught:
        read_clips(tmp_path, ["savee", "ravdess"])
    assert "savee: Register at the University of Surrey" in str(caught.value)
    assert "ravdess: Run `mmser download ravdess`, or download Audio_Speech_Actors_01-24.zip" in str(
        caught.value
    )
    assert "tess" not in str(caught.value)


def test_two_files_under_one_id_are_an_error(tmp_path, monkeypatch):
    info = CORPORA["tess"].info
    clips = [Clip("tess/a", Path(name), "tess", "sad", "tess/OAF", "female") for name in ("1.wav", "2.wav")]
    monkeypatch.setitem(CORPORA, "tess", Corpus(info, lambda root: iter(clips)))
    with pytest.raises(DuplicateClipError, match=r"tess/a names two files, 1\.wav and 2\.wav"):
        read_clips(tmp_path, ["tess"])
