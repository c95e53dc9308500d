"""Find clips that are copies of one another.  parts of fingerprints -> pairs across parts

Landmarks of one part are looked up in the sorted landmarks of another: each hit votes for a pair of clips and
a distance in time. Pairs with several votes for one distance are compared bit by bit. The time goes with the
hits, not with the pairs: 5,000 clips against 15,000 take seconds. Parts are read some thousand clips at a
time, so that they may lie on disk.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from mmser.audio.fingerprint import SAME_RECORDING, Fingerprint, compare_fingerprints

_MIN_VOTES = 6  # copies have 13 or more, of different clips one pair in ten thousand has as many
_CLIPS_AT_ONCE = 4000  # of each side: about 20 MB of fingerprints
_HITS_AT_ONCE = 500_000  # about 40 MB of votes
_MAX_POSTINGS = 1000  # a landmark that is in every fourth clip tells nothing, and costs its square
_TIME_BITS = 17  # two times of 16 bits, subtracted


class Match(NamedTuple):
    """Two clips that sound alike: (part, number) of each, and how much alike, ``SAME_RECORDING`` to 1."""

    first: tuple[int, int]
    second: tuple[int, int]
    similarity: float


class _Postings(NamedTuple):
    """Landmarks of some clips, with the clip and the time of each."""

    landmarks: np.ndarray
    clips: np.ndarray
    times: np.ndarray


class _Block(NamedTuple):
    """Some clips of a part that follow one another, their sources, and the number of the first."""

    fingerprints: Sequence[Fingerprint]
    sources: np.ndarray
    begin: int


def find_copies(parts: Sequence[Sequence[Fingerprint]], sources: Sequence[Sequence[int]]) -> list[Match]:
    """Find the pairs of clips in different parts that are one recording.

    Args:
        parts: the fingerprints of each part; within a part nothing is compared. Only slices are taken.
        sources: what each clip of each part was made of; clips of one source are known to be alike, and left
            out.

    Returns:
        The pairs, the clip of the earlier part first, in order.
    """
    matches = []
    for one, other in combinations(range(len(parts)), 2):
        for here in _iter_blocks(parts[one], sources[one]):
            for there in _iter_blocks(parts[other], sources[other]):
                matches += [
                    Match((one, here.begin + first), (other, there.begin + second), similarity)
                    for first, second, similarity in _compare_blocks(here, there)
                ]
    return sorted(matches)


def _iter_blocks(part: Sequence[Fingerprint], sources: Sequence[int]) -> Iterator[_Block]:
    for begin in range(0, len(part), _CLIPS_AT_ONCE):
        numbers = slice(begin, begin + _CLIPS_AT_ONCE)
        yield _Block(part[numbers], np.asarray(sources[numbers], dtype=np.int64), begin)


def _compare_blocks(here: _Block, there: _Block) -> Iterator[tuple[int, int, float]]:
    """Copies between two blocks: number in each, and similarity."""
    one, other = _collect(here.fingerprints), _collect(there.fingerprints)
    for clips in _slices_of_clips(one, other):
        for first, second in _count_votes(clips, other, here.sources, there.sources):
            similarity = compare_fingerprints(here.fingerprints[first], there.fingerprints[second])
            if similarity >= SAME_RECORDING:
                yield first, second, similarity


def _collect(fingerprints: Sequence[Fingerprint]) -> _Postings:
    """The landmarks of some clips, sorted, without those that are everywhere."""
    landmarks = np.concatenate([each.landmarks for each in fingerprints])
    clips = np.repeat(np.arange(len(fingerprints)), [len(each.landmarks) for each in fingerprints])
    times = np.concatenate([each.times for each in fingerprints]).astype(np.int64)
    order = np.argsort(landmarks, kind="stable")
    _, index, counts = np.unique(landmarks[order], return_inverse=True, return_counts=True)
    order = order[counts[index] <= _MAX_POSTINGS]
    return _Postings(landmarks[order], clips[order], times[order])


def _slices_of_clips(one: _Postings, other: _Postings) -> Iterator[_Postings]:
    """Cut postings into groups of whole clips, of which none hits the other side too often."""
    if not len(one.landmarks):
        return
    order = np.argsort(one.clips, kind="stable")
    one = _Postings(*(column[order] for column in one))
    hits = np.cumsum(_hits(one, other)[1])
    ends = np.flatnonzero(np.append(np.diff(one.clips) != 0, True)) + 1  # behind each clip's last posting
    group = hits[ends - 1] // _HITS_AT_ONCE
    cuts = [0, *ends[np.flatnonzero(np.diff(group))].tolist(), len(order)]
    for begin, end in pairwise(cuts):
        yield _Postings(*(column[begin:end] for column in one))


def _hits(one: _Postings, other: _Postings) -> tuple[np.ndarray, np.ndarray]:
    """Where each landmark of one stands in the other, and how often."""
    begin = np.searchsorted(other.landmarks, one.landmarks, side="left")
    return begin, np.searchsorted(other.landmarks, one.landmarks, side="right") - begin


def _count_votes(
    one: _Postings, other: _Postings, one_sources: np.ndarray, other_sources: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Pairs of clips with enough votes for one distance in time."""
    begin, counts = _hits(one, other)
    asking = np.repeat(np.arange(len(begin)), counts)
    found = np.arange(len(asking)) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    first, second = one.clips[asking], other.clips[found]
    distance = one.times[asking] - other.times[found] + (1 << _TIME_BITS - 1)
    votes = ((first * len(other_sources) + second) << _TIME_BITS) + distance
    votes = votes[one_sources[first] != other_sources[second]]
    votes = np.concatenate([votes, votes + 1])  # distances that differ by a frame count together
    ballots, num_votes = np.unique(votes, return_counts=True)
    for pair in np.unique(ballots[num_votes >= _MIN_VOTES] >> _TIME_BITS).tolist():
        yield divmod(pair, len(other_sources))
