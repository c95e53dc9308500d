from dataclasses import replace
from pathlib import Path

from mmser.corpora import Clip, get_corpus
from mmser.curation.record import list_remarks, make_record
from mmser.curation.settings import BuildSettings
from mmser.curation.tables import STEPS, count_clips

EMODB, SAVEE, CREMAD = (get_corpus(name).info for name in ("emodb", "savee", "cremad"))
UNKNOWN = replace(SAVEE, name="mine", language="")
BOTH = replace(SAVEE, name="ours", language="de, en")


def test_every_language_that_whisper_is_not_told_of_is_remarked_with_what_to_do():
    remarks = list_remarks([], [EMODB, SAVEE, UNKNOWN, BOTH], BuildSettings())
    assert remarks == [
        "emodb is spoken in 'de' and transcribed as 'en': do not trust its transcripts. Build it apart with"
        " --language de, or take --transcripts reference or none.",
        "ours is spoken in 'de' and transcribed as 'en': do not trust its transcripts. Build it apart with"
        " --language de, or take --transcripts reference or none.",
    ]


def test_languages_do_not_matter_where_nobody_transcribes():
    assert list_remarks([], [EMODB], BuildSettings(transcripts="reference")) == []


def test_corpora_without_votes_are_named_under_several_labels_only():
    clips = [
        Clip("cremad/a", Path("a"), "cremad", "sad", "cremad/1", "", heard=("sad",)),
        Clip("savee/a", Path("a"), "savee", "sad", "savee/DC", ""),
    ]
    settings = BuildSettings(scheme="ekman7-multi", transcripts="none")
    assert list_remarks(clips, [CREMAD, SAVEE], settings) == [
        "One class a clip, since there are no raters' votes: savee."
    ]
    assert list_remarks(clips, [CREMAD, SAVEE], replace(settings, scheme="ekman7")) == []


def test_a_record_counts_clips_once_and_their_classes_each():
    both = count_clips([("savee", ("angry", "sad")), ("savee", ("sad",)), ("tess", ("angry",))])
    record = make_record(BuildSettings(), [SAVEE, BOTH], dict.fromkeys(STEPS, both), [])
    assert record["counts"]["train"] == 3
    assert record["counts_by_corpus"]["train"] == {"savee": 2, "tess": 1}
    assert record["counts_by_corpus_and_class"]["train"] == {
        "savee": {"angry": 1, "sad": 2},
        "tess": {"angry": 1},
    }
    assert record["corpora"]["ours"]["languages"] == ["de", "en"]
    assert record["settings"]["corpora"] == ["savee", "tess"]
