"""Say which clips stay, and why each other one does not.  clips -> rows and drops

Kept and dropped clips of a step add up to the clips that reached it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from mmser.corpora.base import Clip
from mmser.labels import Scheme

# No clip as published or meant: a build goes on without it, and is not what was asked for until it is mended.
# Short and silent clips are what cleaning is there for; hours of sound in one file are not.
DAMAGED = frozenset({"unreadable", "lfs-pointer", "truncated", "not-finite", "too-long", "cleaning-failed"})


class Drop(NamedTuple):
    """A clip that a step left out: a line of dropped.csv."""

    id: str
    step: str
    reason: str
    detail: str = ""


class CleanedClip(NamedTuple):
    """What cleaning found out about a clip; ``reason`` is "" where it can be used.

    ``label`` is "angry+sad" where a clip has several.
    """

    id: str
    label: str
    sha256: str
    duration_s: float
    reason: str
    detail: str


def relabel_clips(clips: Iterable[Clip], scheme: Scheme) -> tuple[list[dict[str, Any]], list[Drop]]:
    """Give each clip its class, or its classes.

    Args:
        clips: what the readers found.
        scheme: the classes, and the emotions that are left out by name. A multi-label scheme takes what
            raters heard, where the corpus has raters.

    Returns:
        Rows in the order of their ids, with the fields of a clip and its ``label``, as text; and the drops.
        Under a multi-label scheme ``labels`` holds the classes, and ``label`` all of them: "angry+sad".
    """
    rows, drops = [], []
    for clip in sorted(clips, key=lambda clip: clip.id):
        if not clip.emotion:
            detail = f"no line in the label files of {clip.corpus}"
            drops.append(Drop(clip.id, "relabel", "no-label", detail))
            continue
        heard = clip.heard if scheme.multi_label and clip.heard else (clip.emotion,)
        labels = scheme.relabel_all(heard)
        if not labels:
            detail = f"{', '.join(heard)} is not in {scheme.name}"
            drops.append(Drop(clip.id, "relabel", "not-in-scheme", detail))
        elif len(labels) > scheme.max_labels:
            detail = f"{len(labels)} ({', '.join(labels)}), {scheme.name} takes {scheme.max_labels} at most"
            drops.append(Drop(clip.id, "relabel", "too-many-emotions", detail))
        else:
            rows.append(_make_row(clip, labels, scheme))
    return rows, drops


def _make_row(clip: Clip, labels: Sequence[str], scheme: Scheme) -> dict[str, Any]:
    return {
        "id": clip.id,
        "path": str(clip.path),
        "label": "+".join(labels),
        "labels": list(labels) if scheme.multi_label else [],
        "corpus": clip.corpus,
        "speaker": clip.speaker,
        "gender": clip.gender,
        "sentence": clip.sentence,
        "reference": clip.reference,
        "emotion": clip.emotion,
        "votes": [{"emotion": name, "count": count} for name, count in sorted(clip.votes.items())],
        "split": clip.split,
    }


def drop_unusable(
    clips: Sequence[CleanedClip],
    min_duration_s: float,
    outside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Drop]:
    """Find the clips that training cannot use.

    A clip goes where it could not be read or cleaned, then where it is short, then where another clip has the
    same sound: of equal labels the lowest id stays, of unequal labels none, since one of them must be wrong,
    also where the other was left out at relabel.

    Args:
        clips: all that were cleaned.
        min_duration_s: a clip shorter than this after cleaning is too short.
        outside: ``sha256`` of a clip -> the clips of that sound, with their emotions, that are in no class of
            the scheme.

    Returns:
        The drops, in the order of their ids.
    """
    drops = []
    same_sound: dict[str, list[CleanedClip]] = defaultdict(list)
    for clip in clips:
        if clip.reason:
            drops.append(Drop(clip.id, "clean", clip.reason, clip.detail))
        elif clip.duration_s < min_duration_s:
            detail = f"{clip.duration_s:.2f} s after cleaning, expected {min_duration_s:g} s or more"
            drops.append(Drop(clip.id, "clean", "too-short", detail))
        else:
            same_sound[clip.sha256].append(clip)
    for sha256, twins in same_sound.items():
        drops += _drop_duplicates(sorted(twins), outside.get(sha256, ()))
    return sorted(drops)


def _drop_duplicates(twins: Sequence[CleanedClip], outside: Sequence[str]) -> list[Drop]:
    labels = {clip.label for clip in twins}
    if len(labels) > 1 or outside:
        names = ", ".join([*(f"{clip.id} ({clip.label})" for clip in twins), *outside])
        return [Drop(clip.id, "clean", "duplicate-other-label", f"same sound: {names}") for clip in twins]
    return [Drop(clip.id, "clean", "duplicate", f"same sound as {twins[0].id}") for clip in twins[1:]]
