"""What a model says of one recording.  probabilities, threshold -> label or None; a record of plain values"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

UNCERTAIN = "uncertain"  # how a missing label is written for people


@dataclass(frozen=True)
class ClipWarning:
    """Something about a recording that makes its answer worth less.

    Attributes:
        kind: one of the kinds of :mod:`mmser.inference.inspection`: "quiet", "clipped", "too-short" …
        message: a sentence for people.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class Prediction:
    """What a model hears in one recording.

    Attributes:
        label: the most probable class; None where its probability lies below the model's threshold.
        probabilities: class -> probability; all classes, summing to 1, calibrated where the model has a
            temperature.
        transcript: what the text tower read; None for a model that hears sound alone.
        duration_s: seconds left after cleaning.
        warnings: what speaks against the answer, if anything.
    """

    label: str | None
    probabilities: dict[str, float]
    transcript: str | None
    duration_s: float
    warnings: tuple[ClipWarning, ...] = ()

    @property
    def best(self) -> str:
        """The most probable class, however sure."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of :attr:`best`, 0 to 1."""
        return max(self.probabilities.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        values = asdict(self)
        return {**values, "warnings": list(values["warnings"])}


def choose_label(probabilities: Mapping[str, float], threshold: float) -> str | None:
    """The most probable class, or None where its probability lies below a threshold.

    Args:
        probabilities: class -> probability.
        threshold: 0 to 1; 0 always answers.
    """
    best = max(probabilities, key=probabilities.__getitem__)
    return best if probabilities[best] >= threshold else None
