"""Divide clips into train, validation and test under a named protocol.  clips -> two lists of clips

Everything here is a pure function of ids, labels and speakers: the order in which clips come does not matter.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmser.curation.drawing import (
    ClipKey,
    Draw,
    families,
    take_beside_corpus,
    take_block,
    take_corpus,
    take_given_test,
    take_given_validation,
    take_next_block,
    take_sentences,
    take_share,
)
from mmser.errors import EmptySplitError, UnknownNameError
from mmser.wording import count_of

Taker = Callable[[Sequence[ClipKey], Sequence[ClipKey], Draw], set[str]]
Parts = tuple[list[ClipKey], list[ClipKey]]


@dataclass(frozen=True)
class Protocol:
    """A way to split, and what it promises.

    Attributes:
        name: what ``mmser build --protocol`` takes.
        take_test: (clips, all clips, draw) -> ids of the test split.
        take_validation: (clips without test, all clips, draw) -> ids of the validation split.
        promises: checks of ``mmser.curation.audit`` that must find nothing.
        summary: a sentence for the card.
        folds_of: what each fold tests on one part of: "speakers", dealt into as many blocks as asked for,
            "corpora", one a fold, or "" for a protocol without folds.
        balances_first: whether classes are balanced before validation is taken.
        balance_to: clips a class in the balanced part; None: as many as the largest class has.
        may_leak: a broken promise is listed, and does not fail the build.
        may_lack_classes: a class without training clips is left out of evaluation, and does not fail the
            build.
    """

    name: str
    take_test: Taker
    take_validation: Taker
    promises: tuple[str, ...]
    summary: str
    folds_of: str = ""
    balances_first: bool = False
    balance_to: int | None = None
    may_leak: bool = False
    may_lack_classes: bool = False

    @property
    def has_folds(self) -> bool:
        """Whether ``Draw.folds`` and ``Draw.fold`` mean anything."""
        return bool(self.folds_of)


def split_test(clips: Sequence[ClipKey], protocol: Protocol, draw: Draw) -> Parts:
    """Divide all clips into those for training and validation, and the test split, each sorted by id.

    Raises:
        EmptySplitError: a side is empty, or a class is too small to be divided.
    """
    return _divide(clips, protocol.take_test(sorted(clips), clips, draw), "test", protocol)


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
    return _divide(clips, protocol.take_validation(sorted(clips), all_clips, draw), "validation", protocol)


def check_training_classes(
    train: Sequence[ClipKey], all_clips: Sequence[ClipKey], classes: Sequence[str]
) -> None:
    """Make sure that every class can be learnt.

    Raises:
        EmptySplitError: a class has no clip in ``train``; the message says where its clips are.
    """
    everywhere = Counter(name for clip in all_clips for name in clip.classes)
    for name in absent_classes(train, classes):
        if everywhere[name]:
            num_clips = count_of(everywhere[name], "clip")
            reason = f"it has {num_clips} in evaluation splits alone; choose another fold"
        else:
            corpora = ", ".join(sorted({clip.corpus for clip in all_clips}))
            reason = f"no clip of it is left from {corpora}; add a corpus or choose another scheme"
        raise EmptySplitError(f"Class {name!r} has no training clip: {reason}.")


def absent_classes(clips: Sequence[ClipKey], classes: Sequence[str]) -> list[str]:
    """Return the classes that no clip has, in their order."""
    present = {name for clip in clips for name in clip.classes}
    return [name for name in classes if name not in present]


def _divide(clips: Sequence[ClipKey], taken: set[str], name: str, protocol: Protocol) -> Parts:
    rest = sorted(clip for clip in clips if clip.id not in taken)
    part = sorted(clip for clip in clips if clip.id in taken)
    if not part or not rest:
        empty = name if not part else "rest beside " + name
        speakers = count_of(len({clip.speaker for clip in clips}), "speaker")
        corpora = count_of(len(families(clips)), "corpus", "corpora")
        raise EmptySplitError(
            f"Protocol {protocol.name!r} leaves the {empty} split empty: {count_of(len(clips), 'clip')} of"
            f" {speakers} in {corpora}. Use fewer folds, another fold, another protocol or more corpora."
        )
    return rest, part


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "speaker",
            take_block,
            take_next_block,
            promises=("speaker", "source", "audio", "copy"),
            summary="No speaker is in two splits: of each corpus one block of speakers tests, one validates.",
            folds_of="speakers",
        ),
        Protocol(
            "stratified",
            take_share,
            take_share,
            promises=("source", "audio", "copy"),
            summary="Random 80:20 in each class, validation taken before balancing; splits share speakers.",
        ),
        Protocol(
            "paper",
            take_share,
            take_share,
            promises=("source", "audio", "copy"),
            summary="As in Sharma: random 80:20, classes balanced, then a fifth of that as validation,"
            " which puts copies of one clip on both sides.",
            balances_first=True,
            balance_to=2000,
            may_leak=True,
        ),
        Protocol(
            "corpus",
            take_corpus,
            take_beside_corpus,
            promises=("corpus", "source", "audio", "copy"),
            summary="One corpus is left out and tests; of the others whole speakers, about a fifth of each"
            " class, validate.",
            folds_of="corpora",
            may_lack_classes=True,
        ),
        Protocol(
            "text",
            take_sentences,
            take_sentences,
            promises=("sentence", "source", "audio", "copy"),
            summary="No sentence is in two splits: of each corpus about a fifth of what is said tests, and a"
            " fifth of the rest validates; splits share speakers.",
        ),
        Protocol(
            "given",
            take_given_test,
            take_given_validation,
            promises=("source", "audio", "copy"),
            summary="Divided as the tables of the corpora say.",
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
