import json

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from factories_audit import make_row, make_split
from mmser.curation.audit import audit
from mmser.curation.audit_report import count_classes, to_dict, to_text

PROMISES = ("speaker", "source")


@pytest.fixture(scope="module")
def corpus():
    """Four speakers of train are in test too, and one sentence."""
    shared = [make_row(name, sentence="01", speaker=f"mine/{name}") for name in "abcd"]
    other = [make_row(f"{name}2", sentence="01", speaker=f"mine/{name}", label="sad") for name in "abcd"]
    return {"train": make_split(shared), "test": make_split([*other, make_row("e")])}


@pytest.fixture(scope="module")
def result(corpus):
    return audit(corpus, PROMISES)


def test_the_text_has_the_classes_the_promises_the_leaks_and_the_notes(corpus, result):
    lines = to_text(result, corpus, PROMISES, 2).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["class", "train", "test"],
        ["angry", "4", "(100%)", "1", "(", "20%)"],
        ["sad", "0", "(", "0%)", "4", "(", "80%)"],
        ["all", "4", "5"],
    ]
    assert lines[4:] == [
        "kept: source",
        "BROKEN speaker: 4 in test and train (clips: 4 test, 4 train)",
        "  mine/a  [test: mine/a2; train: mine/a]",
        "  mine/b  [test: mine/b2; train: mine/b]",
        "  and 2 more",
        "note sentence: 1 in test and train (clips: 4 test, 4 train), e.g. mine/01",
        "leaking clips: 4 of 5 test, 4 of 4 train",
    ]


def test_all_names_everything_notes_included(corpus, result):
    text = to_text(result, corpus, PROMISES, None)
    assert "  mine/d  [test: mine/d2; train: mine/d]" in text
    assert (
        "  mine/01  [test: mine/a2, mine/b2, mine/c2, mine/d2; train: mine/a, mine/b, mine/c, mine/d]" in text
    )
    assert " more" not in text


def test_of_many_clips_of_one_thing_the_first_three_are_named():
    rows = {
        "train": make_split([make_row(f"{name}", speaker="mine/x") for name in "abcde"]),
        "test": make_split([make_row("f", speaker="mine/x")]),
    }
    text = to_text(audit(rows, ("speaker",)), rows, ("speaker",), 5)
    assert "  mine/x  [test: mine/f; train: mine/a, mine/b, mine/c and 2 more]" in text


def test_clean_splits_say_that_nothing_leaks():
    rows = {"train": make_split([make_row("a")]), "test": make_split([make_row("b")])}
    lines = to_text(audit(rows, PROMISES), rows, PROMISES, 5).splitlines()
    assert lines[-2:] == ["kept: speaker, source", "leaking clips: none"]


def test_the_json_names_every_clip(corpus, result):
    found = json.loads(json.dumps(to_dict(result, corpus, PROMISES)))
    assert (found["promises"], found["kept"]) == (["speaker", "source"], False)
    assert (found["clips"], found["leaking_clips"]) == ({"train": 4, "test": 5}, {"test": 4, "train": 4})
    assert found["classes"] == {"train": {"angry": 4, "sad": 0}, "test": {"angry": 1, "sad": 4}}
    (leak,) = found["broken"]
    assert (leak["check"], leak["where"], leak["count"]) == ("speaker", "test and train", 4)
    assert leak["clips"] == {"test": 4, "train": 4}
    assert leak["found"][3] == {"what": "mine/d", "clips": {"train": ["mine/d"], "test": ["mine/d2"]}}
    assert [note["check"] for note in found["notes"]] == ["sentence"]


def test_a_clip_of_several_classes_counts_in_each():
    label = ClassLabel(names=["angry", "happy", "sad"])
    features = Features({"label": label, "labels": List(label)})
    rows = [{"label": None, "labels": [0, 2]}, {"label": 2, "labels": []}]
    corpus = {"train": Dataset.from_list(rows, features=features)}
    assert count_classes(corpus) == {"train": {"angry": 1, "sad": 2}}


def test_classes_may_be_words_and_may_be_missing():
    words = Dataset.from_dict({"label": ["sad", "sad", None]}, features=Features({"label": Value("string")}))
    assert count_classes({"train": words, "test": Dataset.from_dict({"id": ["a"]})}) == {
        "train": {"sad": 2},
        "test": {"sad": 0},
    }
