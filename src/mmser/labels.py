"""Canonical emotions and class schemes.  canonical emotion -> class of a scheme, or dropped by name."""

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
    """

    name: str
    class_of: dict[str, str]
    dropped: frozenset[str]
    source: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in alphabetical order: the order of every label, logit and table."""
        return tuple(sorted(set(self.class_of.values())))

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


def _scheme(name: str, kept: str, source: str, **merged: str) -> Scheme:
    """A scheme that keeps the emotions of ``kept`` under their own names and merges others into them."""
    class_of = {emotion: emotion for emotion in kept.split()} | merged
    return Scheme(name, class_of, frozenset(EMOTIONS) - class_of.keys(), source)


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        _scheme("paper7", "angry calm disgust fearful happy sad surprised", "Sharma, table 3"),
        _scheme("ekman7", "angry disgust fearful happy neutral sad surprised", "Pho et al.", excited="happy"),
        _scheme("ravdess8", "angry calm disgust fearful happy neutral sad surprised", "RAVDESS"),
        _scheme("ravdess4", "angry calm disgust fearful", "Yeralkhanova et al., abstract"),
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
