"""Split and balance clips in the order that the protocol states.  clips -> splits, drops and notes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmser.curation.balancing import balance_train, compute_targets, parse_balance_to
from mmser.curation.drawing import ClipKey, families
from mmser.curation.filtering import Drop
from mmser.curation.schema import SPLITS
from mmser.curation.settings import BuildSettings
from mmser.curation.splitting import (
    Protocol,
    absent_classes,
    check_training_classes,
    get_protocol,
    split_test,
    split_validation,
)
from mmser.errors import EmptySplitError, SettingsError
from mmser.labels import get_scheme
from mmser.wording import count_of

_EVALUATION_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class SplitPlan:
    """What each split is to hold.

    Attributes:
        splits: split -> clips and copies, sorted by id.
        drops: clips that stand in no split, and why.
        promises: checks of ``mmser.curation.audit`` that must find nothing.
        notes: sentences for the card.
    """

    splits: dict[str, list[ClipKey]]
    drops: list[Drop]
    promises: tuple[str, ...]
    notes: list[str]


def plan_splits(clips: Sequence[ClipKey], settings: BuildSettings) -> SplitPlan:
    """Split and balance clips.

    Args:
        clips: all that can be used.
        settings: protocol, folds, seed, scheme and sizes; under a protocol that leaves corpora out ``folds``
            is the number of corpora.

    Raises:
        EmptySplitError: a split, or a class of train, would be empty.
        SettingsError: the protocol takes a split that the clips do not state.
        UnknownNameError: ``balance_to`` names a class that is not in the scheme.
    """
    protocol, classes = get_protocol(settings.protocol), get_scheme(settings.scheme).classes
    if protocol.name == "given":
        _check_given(clips)
    if not protocol.may_lack_classes:
        check_training_classes(clips, clips, classes)
    rest, test = split_test(clips, protocol, settings.draw)
    if protocol.balances_first:
        pool, cut = _balance(rest, clips, protocol, settings)
        train, validation = split_validation(pool, clips, protocol, settings.draw)
    else:
        pool, validation = split_validation(rest, clips, protocol, settings.draw)
        train, cut = _balance(pool, clips, protocol, settings)
    drops = [Drop(clip.id, "balance", "cut", f"more {clip.label} clips than asked for") for clip in cut]
    splits = {"train": train, "validation": validation, "test": test}
    notes = list(_describe_splits(splits, clips, protocol))
    promises = protocol.promises
    if protocol.name == "corpus":
        if not _shared_speakers(splits):
            promises = ("speaker", *promises)
        drops += _leave_untrained(splits, classes)
        notes += _describe_untrained(train, clips, classes)
    notes += _describe_untested(splits, classes)
    return SplitPlan(splits, drops, promises, notes)


def _balance(
    pool: Sequence[ClipKey], clips: Sequence[ClipKey], protocol: Protocol, settings: BuildSettings
) -> tuple[list[ClipKey], list[ClipKey]]:
    """Clips and copies, and the clips that were cut; several labels a clip leave classes as they are."""
    scheme = get_scheme(settings.scheme)
    if not protocol.may_lack_classes:
        check_training_classes(pool, clips, scheme.classes)
    if scheme.multi_label:
        return sorted(pool), []
    balance_to = parse_balance_to(settings.balance_to)
    targets = compute_targets(pool, scheme.classes, balance_to, protocol.balance_to)
    for name in absent_classes(pool, scheme.classes):
        del targets[name]
    return balance_train(pool, targets, seed=settings.seed)


def _check_given(clips: Sequence[ClipKey]) -> None:
    unsplit = [clip for clip in clips if clip.split not in SPLITS]
    if unsplit:
        counts = sorted(Counter(clip.corpus for clip in unsplit).items())
        where = ", ".join(f"{name} {count}" for name, count in counts)
        raise SettingsError(
            "Protocol 'given' takes the split that each clip states, which is not said of"
            f" {count_of(len(unsplit), 'clip')}: {where}, e.g. {unsplit[0].id}. Fill the column 'split' of"
            " the tables, leave out corpora without one, or choose another protocol."
        )


def _shared_speakers(splits: Mapping[str, Sequence[ClipKey]]) -> set[str]:
    """Speakers of several splits."""
    counts = Counter(speaker for clips in splits.values() for speaker in {clip.speaker for clip in clips})
    return {speaker for speaker, count in counts.items() if count > 1}


def _leave_untrained(splits: dict[str, list[ClipKey]], classes: Sequence[str]) -> list[Drop]:
    """Take the clips of classes that train lacks out of the evaluation splits, since no model can know them.

    Raises:
        EmptySplitError: nothing is left of a split.
    """
    untrained = set(absent_classes(splits["train"], classes))
    drops = []
    for split in _EVALUATION_SPLITS:
        unknown = [clip for clip in splits[split] if untrained.issuperset(clip.classes)]
        drops += [
            Drop(clip.id, "split", "class-not-trained", f"{split} clip of {clip.label}, which train lacks")
            for clip in unknown
        ]
        splits[split] = [clip for clip in splits[split] if not untrained.issuperset(clip.classes)]
        if not splits[split]:
            raise EmptySplitError(
                f"No {split} clip is left: train has no clip of {sorted(untrained)}, and {split} no others. "
                "Choose another fold, or add a corpus with these classes."
            )
    return drops


def _describe_untrained(
    train: Sequence[ClipKey], clips: Sequence[ClipKey], classes: Sequence[str]
) -> list[str]:
    counts = Counter(name for clip in clips for name in clip.classes)
    return [
        f"Class {name} has no training clip: evaluation goes without it"
        f" ({count_of(counts[name], 'clip')} left out), and scores are over the other classes."
        for name in absent_classes(train, classes)
    ]


def _describe_untested(splits: Mapping[str, Sequence[ClipKey]], classes: Sequence[str]) -> list[str]:
    """The classes that can be learnt and that an evaluation split has no clip of."""
    untrained = absent_classes(splits["train"], classes)
    notes = []
    for split in _EVALUATION_SPLITS:
        absent = [name for name in absent_classes(splits[split], classes) if name not in untrained]
        if absent:
            notes.append(f"No {split} clip of {', '.join(absent)}: its scores are over the other classes.")
    return notes


def _describe_splits(
    splits: Mapping[str, Sequence[ClipKey]], clips: Sequence[ClipKey], protocol: Protocol
) -> list[str]:
    """What a reader of the card must know of these splits beyond the protocol's summary."""
    if protocol.name == "corpus":
        return _describe_held_out(splits)
    if protocol.name == "text":
        return [note for family in families(clips) for note in _describe_sentences(family, splits)]
    return []


def _describe_held_out(splits: Mapping[str, Sequence[ClipKey]]) -> list[str]:
    notes = [f"Held out for test: {', '.join(families(splits['test']))}."]
    if _shared_speakers(splits):
        notes.append(
            "No other corpus has two speakers: validation is a share of clips and shares speakers with train."
        )
        return notes
    notes.append(f"Validation: other speakers than train's, of {', '.join(families(splits['validation']))}.")
    alone = sorted(set(families(splits["train"])) - set(families(splits["validation"])))
    if alone:
        notes.append(f"In train alone: {', '.join(alone)}.")
    return notes


def _describe_sentences(family: str, splits: Mapping[str, Sequence[ClipKey]]) -> list[str]:
    """Why a corpus, if it does, stands in fewer splits than three."""
    said: dict[str, set[str]] = defaultdict(set)
    num_unknown = 0
    for split, clips in splits.items():
        for clip in clips:
            if clip.family == family and clip.sentence:
                said[split].add(clip.sentence)
            num_unknown += clip.family == family and not clip.sentence and clip.copy == 1
    notes = []
    if num_unknown:
        notes.append(f"{family}: {count_of(num_unknown, 'clip')} without known words, in train alone.")
    absent = [split for split in _EVALUATION_SPLITS if not said[split]]
    num_sentences = len(set().union(*said.values()))
    if absent and num_sentences:
        notes.append(
            f"{family}: too few sentences ({num_sentences}) for three splits, none in {' and '.join(absent)}."
        )
    return notes
