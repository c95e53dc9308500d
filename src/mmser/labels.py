"""Canonical emotions and class schemes.  canonical emotion -> class of a scheme, or dropped by name."""

from collections.abc import Iterable
from dataclasses import dataclass

from mmser.errors import UnknownEmotionError, UnknownNameError

EMOTIONS = (
    "angry",
    "bored",
    "calm",
    "disgust",
    "excited",
    "fearful",
    "frustrated",
    "happy",
    "neutral",
    "other",
    "sad",
    "surprised",
    "undecided",
)


@dataclass(frozen=True)
class Scheme:
    """A set of classes and the way canonical emotions reach them.

    Attributes:
        name: the name that ``mmser build --scheme`` takes.
        class_of: canonical emotion -> class.
        dropped: canonical emotions left out on purpose; with ``class_of`` they cover ``EMOTIONS``.
        source: the paper that defines the scheme.
        max_labels: classes that one clip may have; a clip with more is left out. Above 1 the scheme is
            multi-label.
    """

    name: str
    class_of: dict[str, str]
    dropped: frozenset[str]
    source: str
    max_labels: int = 1

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in alphabetical order: the order of every label, logit and table."""
        return tuple(sorted(set(self.class_of.values())))

    @property
    def multi_label(self) -> bool:
        """Whether a clip may have several classes."""
        return self.max_labels > 1

    def relabel(self, emotion: str) -> str | None:
        """Return the class of a canonical emotion, or None where the scheme drops it.

        Raises:
            UnknownEmotionError: ``emotion`` is not canonical.
        """
        if emotion in self.class_of:
            return self.class_of[emotion]
        if emotion in self.dropped:
            return None
        raise UnknownEmotionError(f"Emotion {emotion!r} is not canonical, expected one of {list(EMOTIONS)}.")

    def relabel_all(self, emotions: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of several canonical emotions, sorted, without those that the scheme drops.

        Raises:
            UnknownEmotionError: one of ``emotions`` is not canonical.
        """
        return tuple(sorted({name for emotion in emotions if (name := self.relabel(emotion)) is not None}))


def _scheme(name: str, kept: str, source: str, max_labels: int = 1, **merged: str) -> Scheme:
    """A scheme that keeps the emotions of ``kept`` under their own names and merges others into them."""
    class_of = {emotion: emotion for emotion in kept.split()} | merged
    return Scheme(name, class_of, frozenset(EMOTIONS) - class_of.keys(), source, max_labels)


_EKMAN = "angry disgust fearful happy neutral sad surprised"

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        _scheme("paper7", "angry calm disgust fearful happy sad surprised", "Sharma, table 3"),
        _scheme("ekman7", _EKMAN, "Pho et al., one emotion a clip", excited="happy"),
        _scheme("ekman7-multi", _EKMAN, "Pho et al.: clips with four or five left out", 3, excited="happy"),
        _scheme("ravdess8", "angry calm disgust fearful happy neutral sad surprised", "RAVDESS"),
        _scheme("ravdess4", "angry calm disgust fearful", "Yeralkhanova et al., abstract"),
        _scheme("ravdess4-surprised", "angry calm fearful surprised", "Yeralkhanova et al., experiments"),
        _scheme("iemocap4", "angry happy neutral sad", "IEMOCAP, the usual four", excited="happy"),
        _scheme("emodb7", "angry bored disgust fearful happy neutral sad", "EMO-DB"),
    )
}


def get_scheme(name: str) -> Scheme:
    """Return the scheme of that name.

    Raises:
        UnknownNameError: no scheme has that name.
    """
    if name not in SCHEMES:
        raise UnknownNameError("scheme", name, SCHEMES)
    return SCHEMES[name]
