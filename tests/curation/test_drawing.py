from collections import Counter
from itertools import product

import pytest

from mmser.curation.drawing import (
    ClipKey,
    Draw,
    families,
    sentence_key,
    take_beside_corpus,
    take_corpus,
    take_given_test,
    take_given_validation,
    take_sentences,
)

DRAW = Draw(1, 0, 0)


def _clip(family, speaker, label, number, *, sentence="", corpus="", split=""):
    clip_id = f"{corpus or family}/{speaker}-{label}-{sentence}-{number}"
    return ClipKey(
        clip_id,
        label,
        corpus or family,
        f"{family}/{speaker}",
        clip_id,
        sentence=f"{family}/{sentence}" if sentence else "",
        split=split,
    )


def _family(name, speakers, *, labels=("angry", "sad"), num_clips=1):
    """Each speaker says ``num_clips`` clips of each label."""
    return [
        _clip(name, speaker, label, number)
        for speaker, label, number in product(speakers, labels, range(num_clips))
    ]


def _taken(taken, clips):
    return [clip for clip in clips if clip.id in taken]


@pytest.mark.parametrize(
    ("sentence", "reference", "key"),
    [
        ("01", "Kids are talking by the door", "ravdess/01"),
        ("", "Oh, no: it's LATE!", "ravdess/oh no it's late"),
        ("", "oh no  it's late", "ravdess/oh no it's late"),
        ("", "", ""),
        ("", "...", ""),
    ],
)
def test_a_sentence_is_named_by_its_prompt_and_else_by_its_words(sentence, reference, key):
    assert sentence_key("ravdess/16", sentence, reference) == key


def test_a_held_out_corpus_is_the_kth_by_name_with_its_songs():
    clips = [
        *_family("tess", ["OAF"]),
        *_family("ravdess", ["01", "02"]),
        *(_clip("ravdess", "01", "sad", n, corpus="ravdess-song") for n in range(2)),
        *_family("cremad", ["1001"]),
    ]
    assert families(clips) == ["cremad", "ravdess", "tess"]
    taken = take_corpus(clips, clips, Draw(3, 1, 0))
    assert {clip.corpus for clip in _taken(taken, clips)} == {"ravdess", "ravdess-song"}
    assert len(taken) == 6


def test_beside_a_held_out_corpus_whole_speakers_make_a_fifth_of_each_class():
    # 20 speakers of 4 clips, 80 in all: a fifth is 16, so 4 speakers
    clips = _family("cremad", [f"{n:02d}" for n in range(20)], num_clips=2)
    taken = _taken(take_beside_corpus(clips, clips, DRAW), clips)
    assert Counter(clip.label for clip in taken) == {"angry": 8, "sad": 8}
    assert set(Counter(clip.speaker for clip in taken).values()) == {4}


def test_a_speaker_of_more_than_a_tenth_stays_while_there_are_others():
    # 24 + 2 * 16 = 56 clips; more than 5.6 is half of a corpus of two, 2 is one speaker of twelve
    clips = _family("cremad", [f"{n:02d}" for n in range(12)]) + _family("tess", ["OAF", "YAF"], num_clips=8)
    taken = _taken(take_beside_corpus(clips, clips, DRAW), clips)
    assert {clip.family for clip in taken} == {"cremad"}
    # a fifth of 56 is 11.2: five speakers of 2 clips are nearer to it than four, six are farther than five
    assert len(taken) in (10, 12)


def test_where_all_speakers_are_large_one_is_taken_and_each_corpus_keeps_its_largest():
    clips = _family("tess", ["OAF", "YAF"], num_clips=3)
    clips += _family("savee", ["DC"], num_clips=3) + _family("savee", ["JE"], num_clips=4)
    taken = _taken(take_beside_corpus(clips, clips, DRAW), clips)
    assert {clip.speaker for clip in taken} in ({"tess/OAF"}, {"savee/DC"})


def test_where_every_corpus_has_one_speaker_a_share_of_clips_is_taken():
    clips = _family("mine", ["x"], num_clips=10) + _family("yours", ["y"], num_clips=5)
    taken = _taken(take_beside_corpus(clips, clips, DRAW), clips)
    assert Counter(clip.label for clip in taken) == {"angry": 3, "sad": 3}


def test_a_fifth_of_the_sentences_is_taken_whole_and_the_classes_alike():
    clips = [
        _clip("cremad", speaker, label, 0, sentence=f"S{n}")
        for speaker, label, n in product("abc", ("angry", "sad"), range(10))
    ]
    taken = _taken(take_sentences(clips, clips, DRAW), clips)
    assert Counter(Counter(clip.sentence for clip in taken).values()) == {6: 2}
    assert Counter(clip.label for clip in taken) == {"angry": 6, "sad": 6}


def test_sentences_of_single_classes_are_taken_from_each_class():
    # every class has ten sentences of its own, as most of SAVEE's
    clips = [
        _clip("savee", "DC", label, 0, sentence=f"{label}{n}")
        for label, n in product(("angry", "happy", "sad"), range(10))
    ]
    taken = _taken(take_sentences(clips, clips, DRAW), clips)
    assert Counter(clip.label for clip in taken) == {"angry": 2, "happy": 2, "sad": 2}


def test_of_two_sentences_one_is_taken_and_of_one_none():
    two = [_clip("ravdess", s, "sad", 0, sentence=f"0{n}") for s, n in product("abcd", (1, 2))]
    one = [_clip("mine", s, "sad", 0, sentence="hello") for s in "abcd"]
    clips = two + one
    taken = _taken(take_sentences(clips, clips, DRAW), clips)
    assert {clip.family for clip in taken} == {"ravdess"}
    assert len({clip.sentence for clip in taken}) == 1
    assert len(taken) == 4


def test_clips_whose_words_nobody_knows_are_never_taken():
    known = [_clip("mine", "x", "sad", n, sentence=f"s{n}") for n in range(10)]
    unknown = [_clip("mine", "x", "sad", n) for n in range(50)]
    taken = _taken(take_sentences(known + unknown, known + unknown, DRAW), known + unknown)
    assert len(taken) == 2
    assert all(clip.sentence for clip in taken)


def test_what_a_table_says_is_taken():
    clips = [
        _clip("mine", "x", "sad", n, split=split) for n, split in enumerate(("train", "validation", "test"))
    ]
    assert take_given_test(clips, clips, DRAW) == {clips[2].id}
    assert take_given_validation(clips, clips, DRAW) == {clips[1].id}


def test_several_classes_of_a_clip_are_all_its_classes():
    clip = _clip("mine", "x", "sad", 0)
    assert clip.classes == ("sad",)
    assert clip._replace(labels=("angry", "sad")).classes == ("angry", "sad")
