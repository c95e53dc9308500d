from dataclasses import replace
from pathlib import Path

import pytest

from mmser.corpora.base import Clip
from mmser.curation.filtering import CleanedClip, Drop, drop_unusable, relabel_clips
from mmser.errors import UnknownEmotionError
from mmser.labels import get_scheme


def _clip(clip_id: str, emotion: str) -> Clip:
    votes = {"sad": 2, "angry": 1}
    return Clip(clip_id, Path("a.wav"), "savee", emotion, "savee/DC", "male", "01", "Hello.", votes)


def _cleaned(
    clip_id: str, label: str = "sad", sha256: str = "", duration_s: float = 2.0, reason: str = ""
) -> CleanedClip:
    return CleanedClip(clip_id, label, sha256 or clip_id, duration_s, reason, "detail" if reason else "")


def test_clips_outside_the_scheme_are_dropped_by_name_and_the_rest_are_sorted():
    rows, drops = relabel_clips(
        [_clip("b", "sad"), _clip("c", "neutral"), _clip("a", "angry")], get_scheme("paper7")
    )
    assert [(row["id"], row["label"]) for row in rows] == [("a", "angry"), ("b", "sad")]
    assert drops == [Drop("c", "relabel", "not-in-scheme", "neutral is not in paper7")]
    assert rows[0]["votes"] == [{"emotion": "angry", "count": 1}, {"emotion": "sad", "count": 2}]


def test_a_scheme_may_merge_emotions_and_the_emotion_is_kept():
    (row,), _ = relabel_clips([_clip("a", "excited")], get_scheme("iemocap4"))
    assert (row["label"], row["emotion"]) == ("happy", "excited")


def _heard(clip_id: str, *emotions: str) -> Clip:
    return replace(_clip(clip_id, "neutral"), heard=emotions)


@pytest.mark.parametrize("scheme", ["paper7", "ekman7-multi"])
def test_a_clip_that_no_label_file_lists_is_dropped_by_name(scheme):
    rows, drops = relabel_clips([_clip("a", ""), _clip("b", "sad")], get_scheme(scheme))
    assert [row["id"] for row in rows] == ["b"]
    assert drops == [Drop("a", "relabel", "no-label", "no line in the label files of savee")]


def test_several_labels_are_what_was_heard_and_one_without_raters_is_the_emotion():
    clips = [_heard("a", "excited", "angry", "frustrated"), _heard("b"), _heard("c", "happy", "excited")]
    rows, drops = relabel_clips(clips, get_scheme("ekman7-multi"))
    assert [(row["label"], row["labels"]) for row in rows] == [
        ("angry+happy", ["angry", "happy"]),
        ("neutral", ["neutral"]),
        ("happy", ["happy"]),
    ]
    assert drops == []


def test_three_labels_stay_and_four_are_too_many_and_none_is_not_in_the_scheme():
    clips = [
        _heard("a", "angry", "fearful", "sad"),
        _heard("b", "angry", "disgust", "fearful", "sad"),
        _heard("c", "frustrated", "other"),
    ]
    rows, drops = relabel_clips(clips, get_scheme("ekman7-multi"))
    assert [row["id"] for row in rows] == ["a"]
    assert drops == [
        Drop(
            "b",
            "relabel",
            "too-many-emotions",
            "4 (angry, disgust, fearful, sad), ekman7-multi takes 3 at most",
        ),
        Drop("c", "relabel", "not-in-scheme", "frustrated, other is not in ekman7-multi"),
    ]


def test_a_scheme_of_one_label_does_not_ask_what_was_heard():
    (row,), _ = relabel_clips([_heard("a", "angry", "sad")], get_scheme("ekman7"))
    assert (row["label"], row["labels"]) == ("neutral", [])


def test_equal_sound_with_unequal_sets_of_labels_goes():
    drops = drop_unusable([_cleaned("a", "angry+sad", "x"), _cleaned("b", "angry", "x")], 1.0)
    assert [drop.reason for drop in drops] == ["duplicate-other-label"] * 2


def test_an_emotion_that_is_not_canonical_is_an_error():
    with pytest.raises(UnknownEmotionError, match="'furious' is not canonical"):
        relabel_clips([_clip("a", "furious")], get_scheme("paper7"))


def test_a_clip_under_a_second_is_too_short_and_one_of_a_second_is_not():
    drops = drop_unusable([_cleaned("a", duration_s=0.99), _cleaned("b", duration_s=1.0)], 1.0)
    assert drops == [Drop("a", "clean", "too-short", "0.99 s after cleaning, expected 1 s or more")]


def test_of_equal_sounds_with_one_label_the_lowest_id_stays():
    drops = drop_unusable([_cleaned(name, sha256="x") for name in "cab"], 1.0)
    assert drops == [Drop(name, "clean", "duplicate", "same sound as a") for name in "bc"]


def test_of_equal_sounds_with_two_labels_none_stays():
    drops = drop_unusable([_cleaned("a", "sad", "x"), _cleaned("b", "angry", "x"), _cleaned("c", "sad")], 1.0)
    assert [(drop.id, drop.reason) for drop in drops] == [
        ("a", "duplicate-other-label"),
        ("b", "duplicate-other-label"),
    ]
    assert drops[0].detail == "same sound: a (sad), b (angry)"


def test_a_sound_that_has_another_label_outside_the_scheme_goes():
    clips = [_cleaned("a", "happy", "x"), _cleaned("b", "happy", "x"), _cleaned("c", "happy", "y")]
    drops = drop_unusable(clips, 1.0, {"x": ["d (neutral)"], "z": ["e (neutral)"]})
    assert [(drop.id, drop.reason) for drop in drops] == [
        ("a", "duplicate-other-label"),
        ("b", "duplicate-other-label"),
    ]
    assert drops[0].detail == "same sound: a (happy), b (happy), d (neutral)"


def test_clips_that_failed_are_not_taken_for_equal_sounds():
    clips = [_cleaned("a", duration_s=0, reason="silent"), _cleaned("b", duration_s=0, reason="empty")]
    clips = [clip._replace(sha256="") for clip in clips]
    assert drop_unusable(clips, 1.0) == [
        Drop("a", "clean", "silent", "detail"),
        Drop("b", "clean", "empty", "detail"),
    ]
