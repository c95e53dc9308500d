import pytest

from factories_audio import make_speech
from factories_audit import ALTERATIONS, make_row, make_split
from mmser.curation.audit import CHECKS, audit
from mmser.errors import DatasetFormatError, UnknownNameError

EVERYTHING = tuple(CHECKS)


def _audit(promises=EVERYTHING, **rows):
    return audit({split: make_split(of_split) for split, of_split in rows.items()}, promises)


def _in_other_corpora(*names):
    """Rows that share nothing, not even the corpus."""
    return [make_row(name, speaker=f"{name}/1", corpus=name) for name in names]


def _found(result):
    return {leak.check: leak for leak in result.broken}


def _plant(row):
    """The leaks that one row in test makes beside clean splits."""
    train, validation, test = _in_other_corpora("a", "b", "c")
    return _found(_audit(train=[train], validation=[validation], test=[test, row]))


def test_splits_that_share_nothing_keep_every_promise():
    train, validation, test = _in_other_corpora("a", "b", "c")
    names = {"source_id": "mine/a", "speaker": "a/1", "corpus": "a", "sentence": "a"}
    quieter = make_row("a#2", make_speech(seed=97) / 4, **names)
    quieter["augmentation"] = "gain(db=-12.00)"
    found = _audit(train=[train, quieter], validation=[validation], test=[test])
    assert (found.broken, found.notes, found.leaking_clips) == ((), (), {})


@pytest.mark.parametrize(
    ("check", "changes", "what"),
    [
        ("speaker", {"speaker": "a/1"}, "a/1"),
        ("source", {"source_id": "mine/a"}, "mine/a"),
        ("source", {"id": "mine/a"}, "mine/a"),
        ("source", {"id": "mine/a#2"}, "mine/a"),
        ("sentence", {"speaker": "a/2", "sentence": "a"}, "a/a"),
        ("corpus", {"speaker": "a/2"}, "a"),
        ("copy", {"augmentation": "gain(db=1.00)"}, "mine/d"),
        ("copy", {"id": "mine/d#2"}, "mine/d#2"),
    ],
)
def test_a_planted_row_is_found(check, changes, what):
    leak = _plant(make_row("d", speaker="d/1", corpus="d") | changes)[check]
    assert [overlap.what for overlap in leak.overlaps] == [what]
    assert leak.where == ("test" if check == "copy" else "test and train")


def test_words_are_compared_where_a_corpus_has_no_prompts():
    said = {"corpus": "a", "sentence": ""}
    train = make_row("a", speaker="a/1", reference="It's eleven o'clock.", **said)
    test = make_row("b", speaker="a/2", reference="it's eleven o'clock", **said)
    silent = [make_row(name, speaker=f"a/{name}", **said) for name in "cd"]
    leak = _found(_audit(("sentence",), train=[train, silent[0]], test=[test, silent[1]]))["sentence"]
    assert leak.examples == ("a/it's eleven o'clock",)


def test_a_speaker_without_a_corpus_before_it_belongs_to_the_corpus_of_its_row():
    rows = [make_row(name, speaker=name, corpus="mine", sentence="01") for name in "ab"]
    assert _found(_audit(train=[rows[0]], test=[rows[1]]))["sentence"].examples == ("mine/01",)


def test_equal_sound_is_found_though_the_column_says_otherwise():
    sound = make_speech(seed=97)
    train, test = make_row("a", sound), make_row("b", sound, sha256="0" * 64)
    found = _audit(("audio",), train=[train], test=[test])
    assert [leak.examples for leak in found.broken] == [("mine/a = mine/b",)]
    assert [str(note) for note in found.notes if note.check == "sha256"] == ["sha256: 1 in test, e.g. mine/b"]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_copy_under_another_name_is_found_by_its_sound(alteration):
    sound = make_speech(1.8, seed=5)
    copy = make_row("x", ALTERATIONS[alteration](sound))
    found = _audit(("audio",), train=[make_row("a", sound), make_row("b")], test=[make_row("c"), copy])
    ((overlap,),) = (leak.overlaps for leak in found.broken)
    assert overlap.clips == {"train": ["mine/a"], "test": ["mine/x"]}
    assert overlap.what.startswith("mine/a ~ mine/x (")


def test_an_altered_copy_that_names_its_source_counts_once():
    sound = make_speech(seed=5)
    copy = make_row("a#2", sound / 4, source_id="mine/a")
    found = _found(_audit(("source", "audio"), train=[make_row("a", sound)], validation=[copy]))
    assert set(found) == {"source"}


def test_copies_may_be_taken_at_their_word():
    sound = make_speech(seed=5)
    altered = make_row("a#2", sound / 4, augmentation="gain(db=-12.00)")
    corpus = {
        "train": make_split([altered]),
        "validation": make_split([]),
        "test": make_split([make_row("b", sound)]),
    }
    assert set(_found(audit(corpus, ("audio",)))) == {"audio"}
    assert audit(corpus, ("audio",), hear_copies=False).broken == ()


def test_beside_copies_that_are_not_heard_every_recording_keeps_its_source():
    # the copy is of b, the clip after it is not: its likeness to b is news
    sound = make_speech(seed=5)
    train = [make_row("b#2", augmentation="gain(db=1.00)", source_id="mine/b"), make_row("a", sound)]
    corpus = {"train": make_split(train), "test": make_split([make_row("b", sound / 4)])}
    ((overlap,),) = (leak.overlaps for leak in audit(corpus, ("audio",), hear_copies=False).broken)
    assert overlap.clips == {"train": ["mine/a"], "test": ["mine/b"]}


def test_overlap_that_was_not_promised_is_a_note():
    train, validation, test = _in_other_corpora("a", "b", "c")
    found = _audit(("source",), train=[train], validation=[validation], test=[test | {"speaker": "a/1"}])
    assert found.broken == ()
    assert [str(note) for note in found.notes] == [
        "speaker: 1 in test and train (clips: 1 test, 1 train), e.g. a/1"
    ]


def test_leaks_are_counted_and_named_for_each_combination_of_splits():
    shared = [make_row(name) for name in "abcd"]
    train = [*shared, make_row("e")]
    found = _audit(("speaker",), train=train, validation=[make_row("e")], test=shared)
    assert [str(leak) for leak in found.broken] == [
        "speaker: 4 in test and train (clips: 4 test, 4 train), e.g. mine/a, mine/b, mine/c",
        "speaker: 1 in train and validation (clips: 1 train, 1 validation), e.g. mine/e",
    ]
    assert {split: len(ids) for split, ids in found.leaking_clips.items()} == {
        "test": 4,
        "train": 5,
        "validation": 1,
    }


def test_a_clip_that_cannot_be_read_breaks_every_promise():
    broken = make_row("b") | {"audio": {"bytes": b"no audio", "path": None}}
    found = _audit((), train=[make_row("a")], test=[broken])
    (leak,) = found.broken
    assert (leak.check, leak.where, leak.clips) == ("unreadable", "test", {"test": ["mine/b"]})
    assert "not audio that libsndfile can read" in leak.examples[0]


def test_a_check_without_its_columns_is_left_out_unless_it_is_promised():
    corpus = {
        split: make_split([make_row(name)]).select_columns(["id", "audio", "speaker"])
        for split, name in (("train", "a"), ("test", "b"))
    }
    found = audit(corpus, ("speaker", "audio"))
    assert (found.broken, found.notes) == ((), ())
    with pytest.raises(
        DatasetFormatError, match=r"'train' has no column \['corpus', 'reference', 'sentence'\]"
    ):
        audit(corpus, ("speaker", "sentence"))


def test_without_columns_of_lineage_the_ids_tell_sources_and_copies():
    corpus = {
        split: make_split([make_row(name)]).select_columns(["id", "audio", "speaker"])
        for split, name in (("train", "a"), ("test", "a#2"))
    }
    found = audit(corpus, ("source", "copy"))
    assert [str(leak) for leak in found.broken] == [
        "source: 1 in test and train (clips: 1 test, 1 train), e.g. mine/a",
        "copy: 1 in test, e.g. mine/a#2",
    ]


def test_speakers_that_nobody_named_keep_no_promise():
    nobody = {"speaker": ""}
    with pytest.raises(DatasetFormatError, match="'speaker' is empty in all rows"):
        _audit(("speaker",), train=[make_row("a") | nobody], test=[make_row("b") | nobody])
    found = _audit(("speaker",), train=[make_row("a") | nobody], test=[make_row("b")])
    assert found.broken == ()
    assert "speaker unknown, not compared: 1 in train, e.g. mine/a" in [str(note) for note in found.notes]


def test_one_split_alone_is_not_said_to_keep_its_promises():
    with pytest.raises(DatasetFormatError, match=r"Only one split holds clips, of \['train'\]"):
        _audit(("source",), train=[make_row("a")])


def test_a_promise_that_no_check_knows_is_refused():
    with pytest.raises(UnknownNameError, match=r"Unknown promise 'speakers'.*Did you mean 'speaker'"):
        _audit(("speakers",), train=[make_row("a")], test=[make_row("b")])
