import pytest
from datasets import Dataset

from mmser.curation.audit import CHECKS, audit


def _row(clip_id: str, **changes: str) -> dict[str, str]:
    row = {"id": clip_id, "speaker": clip_id, "source_id": clip_id, "augmentation": "", "sha256": clip_id}
    return row | changes


def _audit(promises=tuple(CHECKS), **splits):
    return audit({split: Dataset.from_list(rows) for split, rows in splits.items()}, promises)


def test_splits_that_share_nothing_keep_every_promise():
    copy = _row("a#2", source_id="a", speaker="a", augmentation="gain(db=1.00)")
    found = _audit(train=[_row("a"), copy], validation=[_row("b")], test=[_row("c")])
    assert (found.broken, found.notes) == ((), ())


@pytest.mark.parametrize(
    ("check", "planted", "example"),
    [
        ("speaker", _row("c", speaker="a"), "a"),
        ("source", _row("c", source_id="a"), "a"),
        ("source", _row("a", source_id="c"), "a"),
        ("source", _row("a#2", source_id="c"), "a"),
        ("audio", _row("c", sha256="a"), "a"),
        ("copy", _row("c", augmentation="gain(db=1.00)"), "c"),
        ("copy", _row("c#2", source_id="c"), "c#2"),
    ],
)
def test_a_planted_leak_is_found(check, planted, example):
    found = _audit(train=[_row("a")], validation=[_row("b")], test=[planted])
    leak = next(leak for leak in found.broken if leak.check == check)
    assert leak.count == 1
    assert leak.examples == (example,)
    assert leak.where == ("test" if check == "copy" else "test and train")


def test_overlap_that_was_not_promised_is_a_note():
    found = _audit(("source",), train=[_row("a")], validation=[_row("b")], test=[_row("c", speaker="a")])
    assert found.broken == ()
    assert [str(note) for note in found.notes] == ["speaker: 1 in test and train, e.g. a"]


def test_leaks_are_counted_and_named_for_each_combination_of_splits():
    shared = [_row(name) for name in "abcd"]
    found = _audit(("speaker",), train=[*shared, _row("e")], validation=[_row("e")], test=shared)
    assert [str(leak) for leak in found.broken] == [
        "speaker: 4 in test and train, e.g. a, b, c",
        "speaker: 1 in train and validation, e.g. e",
    ]
