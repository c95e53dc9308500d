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

_MIN_VOTES = 6  # of different clips one pair in ten thousand has as many
# Two synthetic voices that speak one sentence at one pitch reach a similarity of 0.78, with 10 votes at most;
# copies that were trimmed or re-encoded until they fell below 0.8 have 36 and more.
_ALIKE_BY_ITSELF, _MANY_VOTES = 0.8, 20
_CLIPS_AT_ONCE = 1000  # of each side: some megabytes of fingerprints, ten of landmarks
_HITS_AT_ONCE = 500_000  # about 30 MB
_MAX_POSTINGS = 250  # a landmark that is in every fourth clip tells nothing, and costs its square
_TIME_BITS = 17  # two times of 16 bits, subtracted


class Match(NamedTuple):
    """Two clips that sound alike: (part, number) of each, and how much alike, ``SAME_RECORDING`` to 1."""

    first: tuple[int, int]
    second: tuple[int, int]
    similarity: float


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
                for first, second, num_votes in _find_candidates(here, there):
                    similarity = compare_fingerprints(here.fingerprints[first], there.fingerprints[second])
                    if similarity >= (SAME_RECORDING if num_votes >= _MANY_VOTES else _ALIKE_BY_ITSELF):
                        pair = (one, here.begin + first), (other, there.begin + second)
                        matches.append(Match(*pair, similarity))
    return sorted(matches)


class _Block(NamedTuple):
    """Some clips of a part that follow one another, from number ``begin``, and their landmarks.

    The landmarks are sorted; ``clips`` and ``times`` say where each stands, clips counted from ``begin``.
    """

    fingerprints: Sequence[Fingerprint]
    sources: np.ndarray
    begin: int
    landmarks: np.ndarray
    clips: np.ndarray
    times: np.ndarray


def _iter_blocks(part: Sequence[Fingerprint], sources: Sequence[int]) -> Iterator[_Block]:
    for begin in range(0, len(part), _CLIPS_AT_ONCE):
        fingerprints = part[begin : begin + _CLIPS_AT_ONCE]
        landmarks = np.concatenate([each.landmarks for each in fingerprints])
        clips = np.repeat(np.arange(len(fingerprints)), [len(each.landmarks) for each in fingerprints])
        times = np.concatenate([each.times for each in fingerprints])
        order = np.argsort(landmarks, kind="stable")
        order = order[_is_rare(landmarks[order])]
        yield _Block(
            fingerprints,
            np.asarray(sources[begin : begin + _CLIPS_AT_ONCE], dtype=np.int64),
            begin,
            landmarks[order],
            clips[order].astype(np.int32),
            times[order].astype(np.int32),
        )


def _is_rare(landmarks: np.ndarray) -> np.ndarray:
    """Whether each of the sorted landmarks is not everywhere."""
    _, counts = np.unique(landmarks, return_counts=True)
    return np.repeat(counts <= _MAX_POSTINGS, counts)


def _find_candidates(here: _Block, there: _Block) -> Iterator[tuple[int, int, int]]:
    """Pairs of clips with enough votes for one distance in time, and how many they have."""
    begin = np.searchsorted(there.landmarks, here.landmarks, side="left")
    counts = np.searchsorted(there.landmarks, here.landmarks, side="right") - begin
    hitting = np.flatnonzero(counts)
    hitting = hitting[np.argsort(here.clips[hitting], kind="stable")]
    for some in _cut(hitting, here.clips, counts):
        yield from _count_votes(here, there, some, begin[some], counts[some])


def _cut(hitting: np.ndarray, clips: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Divide postings, sorted by clip, into groups of whole clips with not too many hits each."""
    if not len(hitting):
        return
    hits = np.cumsum(counts[hitting])
    is_last = np.append(np.diff(clips[hitting]) != 0, True)  # of its clip
    ends = np.flatnonzero(is_last) + 1
    group = hits[ends - 1] // _HITS_AT_ONCE
    cuts = [0, *ends[np.flatnonzero(np.diff(group))].tolist(), len(hitting)]
    for start, end in pairwise(cuts):
        yield hitting[start:end]


def _count_votes(
    here: _Block, there: _Block, asking: np.ndarray, begin: np.ndarray, counts: np.ndarray
) -> Iterator[tuple[int, int, int]]:
    """Postings of here, each with its first hit in there and their number -> pairs of clips."""
    found = np.arange(counts.sum()) + np.repeat(begin - (np.cumsum(counts) - counts), counts)
    asking = np.repeat(asking, counts)
    first, second = here.clips[asking], there.clips[found]
    lowest = int(first.min())
    pairs = (first - lowest) * len(there.sources) + second
    enough = np.bincount(pairs)[pairs] >= _MIN_VOTES  # few pairs have as many for all distances together
    enough &= here.sources[first] != there.sources[second]
    distance = here.times[asking[enough]] - there.times[found[enough]] + (1 << _TIME_BITS - 1)
    votes = (pairs[enough].astype(np.int64) << _TIME_BITS) + distance
    votes = np.concatenate([votes, votes + 1])  # distances that differ by a frame count together
    ballots, num_votes = np.unique(votes, return_counts=True)
    is_elected = num_votes >= _MIN_VOTES
    elected, starts = np.unique(ballots[is_elected] >> _TIME_BITS, return_index=True)
    if len(elected):
        most = np.maximum.reduceat(num_votes[is_elected], starts)
        for pair, votes_of_pair in zip(elected.tolist(), most.tolist(), strict=True):
            number, second_number = divmod(pair, len(there.sources))
            yield lowest + number, second_number, votes_of_pair
