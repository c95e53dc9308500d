import pytest

from mmser.curation.transcripts import judge
from mmser.curation.word_errors import (
    HeardText,
    describe_transcripts,
    list_lines,
    make_normalizer,
    word_error_rate,
    write_transcripts,
)


def heard(name, reference, text, ratio=1.0):
    return HeardText(f"{name}/1", name, reference, judge(text, -0.5, 0.1, ratio))


def test_words_replaced_deleted_and_inserted_count_against_those_of_the_references():
    # "dogs" -> "docks"; "the" left out; "now" added: 3 errors of 4 + 2 words
    pairs = [("dogs by the door", "docks by door"), ("say it", "say it now")]
    assert word_error_rate(pairs) == pytest.approx(3 / 6)


def test_case_punctuation_numbers_and_contractions_are_no_errors():
    clips = [heard("tess", "It's eleven o'clock, KIDS!", "it is 11 o'clock kids")]
    assert describe_transcripts(clips, "en")["word_error_rate"] == {"tess": 0.0}


def test_german_keeps_its_own_words():
    assert (
        make_normalizer("de")("Der Lappen liegt auf dem Eisschrank.") == "der lappen liegt auf dem eisschrank"
    )


def test_corpora_are_measured_apart_and_those_without_references_not_at_all():
    clips = [
        heard("tess", "say the word back", "say the word back"),
        heard("ravdess", "kids are talking", "kids"),
        heard("savee", "", "hello"),
        heard("cremad", "?!", "hello"),  # a reference without a word
    ]
    found = describe_transcripts(clips, "en")
    assert found["word_error_rate"] == {"ravdess": pytest.approx(2 / 3), "tess": 0.0}
    assert found["num_compared"] == {"ravdess": 1, "tess": 1}
    assert found["clips"] == 4


def test_an_emptied_transcript_counts_all_its_words_as_errors_and_is_named():
    clips = [heard("tess", "say the word back", "la la la la", ratio=3.0), heard("tess", "say it", "say it")]
    found = describe_transcripts(clips, "en")
    assert found["word_error_rate"] == {"tess": pytest.approx(4 / 6)}
    assert list_lines(found) == ["tess: word error rate 66.7 % over 2 clips", "emptied: 1 of 2 (loop 1)"]


def test_nothing_transcribed_is_nothing_found():
    found = describe_transcripts([], "en")
    assert found == {"clips": 0, "flags": {}, "word_error_rate": {}, "num_compared": {}}


def test_what_was_heard_is_listed_with_its_scores(tmp_path):
    write_transcripts(
        tmp_path / "t.csv", [heard("tess", "say, it", "say it"), heard("ravdess", "", "la", 3.0)]
    )
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "id,transcript,reference,flag,avg_logprob,no_speech_prob,compression_ratio",
        "ravdess/1,,,loop,-0.5000,0.1000,3.0000",
        'tess/1,say it,"say, it",,-0.5000,0.1000,1.0000',
    ]
