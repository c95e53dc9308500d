import random
from collections import Counter

import pytest

from mmser.curation.balancing import BalanceTo, balance_train, compute_targets, parse_balance_to
from mmser.curation.drawing import ClipKey, Draw
from mmser.curation.splitting import PROTOCOLS, split_test, split_validation
from mmser.errors import EmptySplitError, SettingsError, UnknownNameError

# Sharma: clips left after cleaning
CLEANED = {
    "angry": 2955,
    "calm": 192,
    "disgust": 1923,
    "fearful": 1927,
    "happy": 2499,
    "sad": 2995,
    "surprised": 745,
}
CLASSES = tuple(CLEANED)


def _labelled(counts: dict[str, int]) -> list[ClipKey]:
    return [
        ClipKey(f"x/{label}{n:05d}", label, "x", "x/1", f"x/{label}{n:05d}")
        for label, count in counts.items()
        for n in range(count)
    ]


def _sizes(clips: list[ClipKey]) -> dict[str, int]:
    return dict(Counter(clip.label for clip in clips))


def _as_paper(balance_to: str | None) -> tuple[dict[str, int], dict[str, int]]:
    """Sizes of train and validation under the paper's order: test, balance, validation."""
    protocol, draw = PROTOCOLS["paper"], Draw(1, 0, 0)
    clips = _labelled(CLEANED)
    rest, _ = split_test(clips, protocol, draw)
    targets = compute_targets(rest, CLASSES, parse_balance_to(balance_to), protocol.balance_to)
    pool, _ = balance_train(rest, targets, seed=0)
    train, validation = split_validation(pool, clips, protocol, draw)
    return _sizes(train), _sizes(validation)


def test_the_paper_balances_to_2000_a_class_and_validates_on_a_fifth():
    train, validation = _as_paper(None)
    assert train == dict.fromkeys(CLASSES, 1600)
    assert validation == dict.fromkeys(CLASSES, 400)


def test_the_papers_own_slips_give_its_11084_and_2772():
    train, validation = _as_paper("happy=1998,surprised=1858")
    assert train == dict.fromkeys(CLASSES, 1600) | {"happy": 1598, "surprised": 1486}
    assert validation == dict.fromkeys(CLASSES, 400) | {"surprised": 372}
    assert (sum(train.values()), sum(validation.values())) == (11_084, 2_772)


def test_by_default_every_class_becomes_as_large_as_the_largest():
    targets = compute_targets(_labelled({"a": 5, "b": 2}), ("a", "b"), BalanceTo(), None)
    assert targets == {"a": 5, "b": 5}


def test_copies_are_spread_evenly_and_name_their_source():
    # 3 clips to 8: two clips get 2 copies, one gets 1
    balanced, cut = balance_train(_labelled({"a": 3}), {"a": 8}, seed=0)
    assert not cut
    assert sorted(Counter(clip.source_id for clip in balanced).values()) == [2, 3, 3]
    copies = [clip for clip in balanced if clip.copy > 1]
    assert all(clip.id == f"{clip.source_id}#{clip.copy}" for clip in copies)
    assert {clip.copy for clip in copies} == {2, 3}
    assert len({clip.id for clip in balanced}) == 8


def test_a_larger_class_is_cut_and_what_goes_is_told():
    clips = _labelled({"a": 5})
    balanced, cut = balance_train(clips, {"a": 2}, seed=0)
    assert (len(balanced), len(cut)) == (2, 3)
    assert sorted(balanced + cut) == clips


def test_the_plan_is_the_same_under_any_input_order_and_another_under_another_seed():
    clips = _labelled({"a": 40, "b": 7})
    shuffled = random.Random(1).sample(clips, len(clips))  # noqa: S311
    plan = balance_train(clips, {"a": 20, "b": 20}, seed=0)
    assert plan == balance_train(shuffled, {"a": 20, "b": 20}, seed=0)
    assert plan != balance_train(clips, {"a": 20, "b": 20}, seed=1)


def test_none_leaves_classes_as_they_are():
    clips = _labelled({"a": 5, "b": 2})
    targets = compute_targets(clips, ("a", "b"), parse_balance_to("none"), 2000)
    assert balance_train(clips, targets, seed=0) == (clips, [])


def test_a_number_is_for_all_classes():
    targets = compute_targets(_labelled({"a": 5}), ("a", "b"), parse_balance_to(" 7 "), 2000)
    assert targets == {"a": 7, "b": 7}


@pytest.mark.parametrize("text", ["", "many", "-3", "0", "2.5", "happy=", "happy=x", "happy=3,sad"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(
        SettingsError, match="is not a number of clips, expected 'none', a number such as '2000'"
    ):
        parse_balance_to(text)


def test_a_class_named_twice_is_refused():
    with pytest.raises(SettingsError, match="names a class twice"):
        parse_balance_to("sad=3,sad=4")


def test_an_unknown_class_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"class in --balance-to 'hapy'.* Did you mean 'happy'"):
        compute_targets([], CLASSES, parse_balance_to("hapy=3"), None)


def test_nothing_can_be_made_of_a_class_without_clips():
    with pytest.raises(EmptySplitError, match="Class 'b' has no training clip, 5 are to be made of it"):
        balance_train(_labelled({"a": 5}), {"a": 5, "b": 5}, seed=0)
