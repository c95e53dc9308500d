"""Choose the clips of a split: by class, speaker, corpus, sentence or the user's own table.  clips -> ids

Everything here is a pure function of what clips are called: the order in which they come does not matter.
"""

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from sklearn.model_selection import train_test_split

from mmser.errors import EmptySplitError

TEST_SHARE = 0.2  # Sharma: 80:20, and the 80 again 80:20
_MARKS = re.compile(r"[^\w\s']|_")

Item = TypeVar("Item")


class ClipKey(NamedTuple):
    """What splitting and balancing need to know of a clip, or of a copy of one.

    Attributes:
        id: of the clip or copy.
        label: its class; of several the one with the fewest clips.
        corpus: its corpus.
        speaker: "<family>/<speaker>".
        source_id: id of the original; for an original its own.
        copy: 1 for the original.
        sentence: as :func:`sentence_key` gives it.
        split: what the user's table says.
        labels: all its classes under a multi-label scheme, else empty.
    """

    id: str
    label: str
    corpus: str
    speaker: str
    source_id: str
    copy: int = 1
    sentence: str = ""
    split: str = ""
    labels: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the clip."""
        return self.labels or (self.label,)

    @property
    def family(self) -> str:
        """What the speaker's name begins with: songs and speech of the same people are one family."""
        return self.speaker.split("/")[0]


class Draw(NamedTuple):
    """The numbers that choose one split among those of a protocol."""

    folds: int
    fold: int
    seed: int


def sentence_key(speaker: str, sentence: str, reference: str) -> str:
    """Name what a clip says, so that clips of one family with the same words have the same name.

    Args:
        speaker: of the clip; its family is part of the name.
        sentence: id of the prompt, or "".
        reference: the words, which take its place where there is no prompt.

    Returns:
        The name, or "" where neither is known.
    """
    words = " ".join(_MARKS.sub(" ", reference.casefold()).split())
    return f"{speaker.split('/')[0]}/{sentence or words}" if sentence or words else ""


def shuffled(items: Sequence[Item], salt: str) -> list[Item]:
    """Return the items in an order that ``salt`` decides."""
    seed = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big")
    return random.Random(seed).sample(items, len(items))  # noqa: S311


def speaker_blocks(clips: Iterable[ClipKey], folds: int) -> dict[str, int]:
    """Assign each speaker to a block: speaker i of the n of a family to block floor(i * folds / n)."""
    speakers_of = defaultdict(set)
    for clip in clips:
        speakers_of[clip.family].add(clip.speaker)
    return {
        speaker: number * folds // len(speakers)
        for speakers in speakers_of.values()
        for number, speaker in enumerate(sorted(speakers))
    }


def families(clips: Iterable[ClipKey]) -> list[str]:
    """Return the families of the clips, sorted: fold k of leaving one corpus out tests on the k-th."""
    return sorted({clip.family for clip in clips})


def take_share(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take a fifth of the clips, rounded up, of each class alike."""
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


def take_block(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take the clips of one block of speakers; blocks are counted over all clips."""
    blocks = speaker_blocks(all_clips, draw.folds)
    return {clip.id for clip in clips if blocks[clip.speaker] == draw.fold}


def take_next_block(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take the block after the one that tests."""
    return take_block(clips, all_clips, draw._replace(fold=(draw.fold + 1) % draw.folds))


def take_corpus(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take one corpus whole."""
    held_out = families(all_clips)[draw.fold]
    return {clip.id for clip in clips if clip.family == held_out}


def take_beside_corpus(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take about a fifth of each class by whole speakers; each family keeps the one with the most clips.

    Nobody with more than a tenth of all clips is taken as long as there is somebody else: half of a corpus
    of two would go. Where each family has a single speaker, a share of clips is taken.
    """
    clips_of = _group(clips, lambda clip: clip.speaker)
    largest: dict[str, str] = {}
    for speaker in sorted(clips_of, key=lambda speaker: (len(clips_of[speaker]), speaker)):
        largest[speaker.split("/")[0]] = speaker
    counts = {
        speaker: Counter(clip.label for clip in said)
        for speaker, said in clips_of.items()
        if speaker not in largest.values()
    }
    if not counts:
        return take_share(clips, all_clips, draw)
    small = {name: each for name, each in counts.items() if each.total() <= TEST_SHARE / 2 * len(clips)}
    taken = _pick(small or counts, Counter(clip.label for clip in clips), draw.seed)
    return {clip.id for speaker in taken for clip in clips_of[speaker]}


def take_sentences(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take about a fifth of each class of each family by whole sentences, and at least one sentence.

    A family with a single sentence gives none, and clips whose words nobody knows are never taken.
    """
    del all_clips
    taken = set()
    for said in _group([clip for clip in clips if clip.sentence], lambda clip: clip.family).values():
        clips_of = _group(said, lambda clip: clip.sentence)
        counts = {name: Counter(clip.label for clip in each) for name, each in clips_of.items()}
        if len(counts) > 1:
            names = _pick(counts, Counter(clip.label for clip in said), draw.seed)
            taken |= {clip.id for name in names for clip in clips_of[name]}
    return taken


def _group(clips: Iterable[ClipKey], name_of: Callable[[ClipKey], str]) -> dict[str, list[ClipKey]]:
    groups = defaultdict(list)
    for clip in clips:
        groups[name_of(clip)].append(clip)
    return dict(groups)


def _pick(counts: Mapping[str, Counter[str]], everything: Counter[str], seed: int) -> list[str]:
    """Pick groups: one after the other, each that brings the classes nearer to a fifth of ``everything``."""
    goal = {label: TEST_SHARE * count for label, count in everything.items()}

    def distance(picked: Counter[str]) -> float:
        return sum((picked[label] - wanted) ** 2 / wanted for label, wanted in goal.items())

    order = shuffled(sorted(counts), str(seed))
    names, have = [], Counter[str]()
    for name in order:
        if distance(have + counts[name]) < distance(have):
            names.append(name)
            have += counts[name]
    return names or [min(order, key=lambda name: distance(counts[name]))]


def take_given_test(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take what the user's tables call test."""
    del all_clips, draw
    return {clip.id for clip in clips if clip.split == "test"}


def take_given_validation(clips: Sequence[ClipKey], all_clips: Sequence[ClipKey], draw: Draw) -> set[str]:
    """Take what the user's tables call validation."""
    del all_clips, draw
    return {clip.id for clip in clips if clip.split == "validation"}
