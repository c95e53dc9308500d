"""Divide clips into train, validation and test under a named protocol.  clips -> two lists of clips

Everything here is a pure function of ids, labels and speakers: the order in which clips come does not matter.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sklearn.model_selection import train_test_split

from mmser.errors import EmptySplitError, UnknownNameError

TEST_SHARE = 0.2  # Sharma: 80:20, and the 80 again 80:20


class ClipKey(NamedTuple):
    """What splitting and balancing need to know of a clip, or of a copy of one."""

    id: str
    label: str
    corpus: str
    speaker: str
    source_id: str
    copy: int = 1  # the original counts as the first


class Draw(NamedTuple):
    """The numbers that choose one split among those of a protocol."""

    folds: int
    fold: int
    seed: int


Taker = Callable[[Sequence[ClipKey], Sequence[ClipKey], Draw], set[str]]
Parts = tuple[list[ClipKey], list[ClipKey]]


@dataclass(frozen=True)
class Protocol:
    """A way to split, and what it promises.

    Attributes:
        name: what ``mmser build --protocol`` takes.
        take_test: (clips, all clips, draw) -> ids of the test split.
        take_validation: (clips without test, all clips, draw) -> ids of the validation split.
        has_folds: whether ``Draw.folds`` and ``Draw.fold`` mean anything.
        balances_first: whether classes are balanced before validation is taken.
        balance_to: clips a class in the balanced part; None: as many as the largest class has.
        promises: checks of ``mmser.curation.audit`` that must find nothing.
        may_leak: a broken promise is listed, and does not fail the build.
        summary: a sentence for the card.
    """

    name: str
    take_test: Taker
    take_validation: Taker
    promises: tuple[str, ...]
    summary: str
    has_folds: bool = False
    balances_first: bool = False
    balance_to: int | None = None
    may_leak: bool = False


def split_test(clips: Sequence[ClipKey], protocol: Protocol, draw: Draw) -> Parts:
    """Divide all clips into those for training and validation, and the test split, each sorted by id.

    Raises:
        EmptySplitError: a side is empty, or a class is too small to be divided.
    """
    return _divide(clips, protocol.take_test(_ordered(clips), clips, draw), "test", protocol)


def split_validation(
    clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], protocol: Protocol, draw: Draw
) -> Parts:
    """Divide what the test split left into train and validation, each sorted by id.

    Args:
        clips: the clips outside the test split, balanced or not.
        all_clips: those that :func:`split_test` was given: folds of speakers are counted over these.
        protocol: the way to split.
        draw: the numbers that choose the split.

    Raises:
        EmptySplitError: a side is empty, or a class is too small to be divided.
    """
    return _divide(clips, protocol.take_validation(_ordered(clips), all_clips, draw), "validation", protocol)


def check_training_classes(
    train: Sequence[ClipKey], all_clips: Sequence[ClipKey], classes: Sequence[str]
) -> None:
    """Make sure that every class can be learnt.

    Raises:
        EmptySplitError: a class has no clip in ``train``; the message says where its clips are.
    """
    trained = {clip.label for clip in train}
    everywhere = Counter(clip.label for clip in all_clips)
    for name in classes:
        if name in trained:
            continue
        if everywhere[name]:
            reason = f"its {everywhere[name]} clips are all in evaluation splits; choose another fold"
        else:
            corpora = ", ".join(sorted({clip.corpus for clip in all_clips}))
            reason = f"no clip of it is left from {corpora}; add a corpus or choose another scheme"
        raise EmptySplitError(f"Class {name!r} has no training clip: {reason}.")


def speaker_blocks(clips: Sequence[ClipKey], folds: int) -> dict[str, int]:
    """Assign each speaker to a block: speaker i of the n of a corpus to block floor(i * folds / n).

    A corpus is here what the speakers' names begin with, so that a person's songs and speech stay together.
    """
    speakers_of = defaultdict(set)
    for clip in clips:
        speakers_of[clip.speaker.split("/")[0]].add(clip.speaker)
    return {
        speaker: number * folds // len(speakers)
        for speakers in speakers_of.values()
        for number, speaker in enumerate(sorted(speakers))
    }


def _take_block(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    blocks = speaker_blocks(all_clips, draw.folds)
    return {clip.id for clip in clips if blocks[clip.speaker] == draw.fold}


def _take_next_block(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    return _take_block(clips, all_clips, draw._replace(fold=(draw.fold + 1) % draw.folds))


def _take_share(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """A fifth of the clips, rounded up, of each class alike."""
    del all_clips
    labels = [clip.label for clip in clips]
    try:
        _, taken = train_test_split(
            [clip.id for clip in clips], test_size=TEST_SHARE, stratify=labels, random_state=draw.seed
        )
    except ValueError as error:
        sizes = ", ".join(f"{name} {count}" for name, count in sorted(Counter(labels).items()))
        raise EmptySplitError(
            f"The clips are too few to be divided 80:20 in each class ({sizes or 'there are none'}): {error}"
        ) from error
    return set(taken)


def _ordered(clips: Sequence[ClipKey]) -> list[ClipKey]:
    return sorted(clips)


def _divide(clips: Sequence[ClipKey], taken: set[str], name: str, protocol: Protocol) -> Parts:
    rest = sorted(clip for clip in clips if clip.id not in taken)
    part = sorted(clip for clip in clips if clip.id in taken)
    if not part or not rest:
        empty = name if not part else "rest beside " + name
        speakers = len({clip.speaker for clip in clips})
        raise EmptySplitError(
            f"Protocol {protocol.name!r} leaves the {empty} split empty: {len(clips)} clips of {speakers}"
            " speakers. Use fewer folds, another fold, another protocol or more corpora."
        )
    return rest, part


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "speaker",
            _take_block,
            _take_next_block,
            promises=("speaker", "source", "audio", "copy"),
            summary="No speaker is in two splits: of each corpus one block of speakers tests, one validates.",
            has_folds=True,
        ),
        Protocol(
            "stratified",
            _take_share,
            _take_share,
            promises=("source", "audio", "copy"),
            summary="Random 80:20 in each class, validation taken before balancing; splits share speakers.",
        ),
        Protocol(
            "paper",
            _take_share,
            _take_share,
            promises=("source", "audio", "copy"),
            summary="As in Sharma: random 80:20, classes balanced, then a fifth of that as validation,"
            " which puts copies of one clip on both sides.",
            balances_first=True,
            balance_to=2000,
            may_leak=True,
        ),
    )
}


def get_protocol(name: str) -> Protocol:
    """Return the protocol of that name.

    Raises:
        UnknownNameError: no protocol has that name.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
