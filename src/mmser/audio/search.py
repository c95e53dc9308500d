"""Find clips that are copies of one another.  fingerprints, part of each -> pairs across parts

Landmarks of one part are looked up in the sorted landmarks of another: each hit votes for a pair of clips and
a distance in time. Pairs with several votes for one distance are compared bit by bit. The time grows with the
number of hits, not of pairs: 5,000 clips against 15,000 take seconds.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from mmser.audio.fingerprint import SAME_RECORDING, Fingerprint, compare_fingerprints

_MIN_VOTES = 6  # copies have 13 or more, of different clips one pair in ten thousand has as many
_HITS_AT_ONCE = 4_000_000  # about 200 MB of votes
_MAX_POSTINGS = 2000  # a landmark that is everywhere tells nothing, and costs its square
_TIME_BITS = 17  # two times of 16 bits, subtracted


class Match(NamedTuple):
    """Two clips that sound alike: their numbers, and how much alike, ``SAME_RECORDING`` to 1."""

    first: int
    second: int
    similarity: float


class _Postings(NamedTuple):
    """Landmarks of some clips, with the clip and the time of each."""

    landmarks: np.ndarray
    clips: np.ndarray
    times: np.ndarray


def find_copies(
    fingerprints: Sequence[Fingerprint], parts: Sequence[int], sources: Sequence[int]
) -> list[Match]:
    """Find the pairs of clips in different parts that are one recording.

    Args:
        fingerprints: of B clips.
        parts: the part that each clip is in, (B,); within a part nothing is compared.
        sources: what each clip was made of, (B,); clips of one source are known to be alike, and left out.

    Returns:
        The pairs, each with the lower number first, in the order of their numbers.
    """
    part_of, source_of = np.asarray(parts), np.asarray(sources)
    postings = {part: _collect(fingerprints, np.flatnonzero(part_of == part)) for part in set(parts)}
    matches = []
    for one, other in combinations(sorted(postings), 2):
        for first, second in _find_candidates(postings[one], postings[other], source_of):
            similarity = compare_fingerprints(fingerprints[first], fingerprints[second])
            if similarity >= SAME_RECORDING:
                matches.append(Match(min(first, second), max(first, second), similarity))
    return sorted(matches)


def _collect(fingerprints: Sequence[Fingerprint], numbers: np.ndarray) -> _Postings:
    """The landmarks of some clips, sorted, without those that are everywhere."""
    chosen = [fingerprints[number] for number in numbers]
    landmarks = np.concatenate([each.landmarks for each in chosen])
    clips = np.repeat(numbers, [len(each.landmarks) for each in chosen])
    times = np.concatenate([each.times for each in chosen]).astype(np.int64)
    order = np.argsort(landmarks, kind="stable")
    _, index, counts = np.unique(landmarks[order], return_inverse=True, return_counts=True)
    order = order[counts[index] <= _MAX_POSTINGS]
    return _Postings(landmarks[order], clips[order], times[order])


def _find_candidates(one: _Postings, other: _Postings, source_of: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of clips with enough votes for one distance in time."""
    if not len(one.landmarks) or not len(other.landmarks):
        return
    if len(one.landmarks) > len(other.landmarks):
        one, other = other, one
    for clips in _slices_of_clips(one, other):
        yield from _count_votes(clips, other, source_of)


def _slices_of_clips(one: _Postings, other: _Postings) -> Iterator[_Postings]:
    """Cut postings into groups of whole clips, of which none hits the other side too often."""
    order = np.argsort(one.clips, kind="stable")
    one = _Postings(*(column[order] for column in one))
    hits = np.cumsum(_hits(one, other)[1])
    ends = np.flatnonzero(np.append(np.diff(one.clips) != 0, True)) + 1  # behind each clip's last posting
    group = hits[ends - 1] // _HITS_AT_ONCE
    cuts = [0, *ends[np.flatnonzero(np.diff(group))], len(order)]
    for begin, end in pairwise(cuts):
        yield _Postings(*(column[begin:end] for column in one))


def _hits(one: _Postings, other: _Postings) -> tuple[np.ndarray, np.ndarray]:
    """Where each landmark of one stands in the other, and how often."""
    begin = np.searchsorted(other.landmarks, one.landmarks, side="left")
    return begin, np.searchsorted(other.landmarks, one.landmarks, side="right") - begin


def _count_votes(one: _Postings, other: _Postings, source_of: np.ndarray) -> Iterator[tuple[int, int]]:
    begin, counts = _hits(one, other)
    asking = np.repeat(np.arange(len(begin)), counts)
    found = np.arange(len(asking)) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    first, second = one.clips[asking], other.clips[found]
    news = source_of[first] != source_of[second]
    distance = one.times[asking] - other.times[found] + (1 << _TIME_BITS - 1)
    pairs = (first * len(source_of) + second)[news]
    votes = (pairs << _TIME_BITS) + distance[news]
    ballots, num_votes = np.unique(
        np.concatenate([votes, votes + 1]), return_counts=True
    )  # one frame of play
    for pair in np.unique(ballots[num_votes >= _MIN_VOTES] >> _TIME_BITS).tolist():
        yield divmod(pair, len(source_of))
