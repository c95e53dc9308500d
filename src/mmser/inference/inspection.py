"""Look for what makes an answer doubtful.  recording, and what is left after cleaning -> warnings"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.inference.prediction import ClipWarning

QUIET_PEAK = 6e-3  # the quietest labelled clip of the five corpora peaks here
CLIPPED_LEVEL, CLIPPED_RUN, CLIPPED_SHARE = 0.99, 3, 1e-3
_STEREO = 2


@dataclass(frozen=True)
class Limits:
    """What a model knows.

    Attributes:
        min_duration_s: its corpus dropped clips that were shorter than this after cleaning.
        trained_s: seconds of the shortest and the longest clip that it was trained on; None where the model
            does not say.
        window_s: seconds that it hears at most; None where there is no such limit.
    """

    min_duration_s: float
    trained_s: tuple[float, float] | None
    window_s: float | None


def inspect_recording(waveform: np.ndarray, rate_hz: int, num_channels: int = 1) -> Iterator[ClipWarning]:
    """Warn of what is wrong with a recording as it came.

    Args:
        waveform: (S,), full scale 1, channels averaged.
        rate_hz: its sample rate.
        num_channels: of the file.

    Yields:
        Warnings of the kinds "many-channels", "narrow-band", "quiet" and "clipped".
    """
    if num_channels > _STEREO:
        yield ClipWarning("many-channels", f"{num_channels} channels were averaged, expected one or two.")
    if rate_hz < SAMPLE_RATE_HZ:
        yield ClipWarning(
            "narrow-band",
            f"Recorded at {rate_hz:,} Hz, expected {SAMPLE_RATE_HZ:,} or more: what lies above "
            f"{rate_hz // 2:,} Hz is missing.",
        )
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak < QUIET_PEAK:
        yield ClipWarning("quiet", f"Very quiet: it peaks at {peak:.1e} of full scale. Record it louder.")
    share = clipped_share(waveform)
    if share >= CLIPPED_SHARE:
        yield ClipWarning(
            "clipped", f"Overdriven: {100 * share:.1f} % of its samples are cut off. Record it less loud."
        )


def clipped_share(waveform: np.ndarray) -> float:
    """The share of samples (S,) that lie at full scale, three or more in a row."""
    at_limit = np.abs(waveform) >= CLIPPED_LEVEL
    edges = np.flatnonzero(np.diff(at_limit, prepend=False, append=False)).reshape(-1, 2)
    runs = edges[:, 1] - edges[:, 0]
    return float(runs[runs >= CLIPPED_RUN].sum() / max(1, len(waveform)))


def inspect_cleaned(duration_s: float, limits: Limits) -> Iterator[ClipWarning]:
    """Warn of a clip that is shorter or longer than what a model knows.

    Args:
        duration_s: seconds left after cleaning.
        limits: of the model.

    Yields:
        Warnings of the kinds "too-short", "out-of-range" and "longer-than-window".
    """
    if duration_s < limits.min_duration_s:
        yield ClipWarning(
            "too-short",
            f"{duration_s:.2f} s are left after cleaning: the model was trained on clips of "
            f"{limits.min_duration_s:g} s and more.",
        )
    elif limits.trained_s and not limits.trained_s[0] <= duration_s <= limits.trained_s[1]:
        shortest_s, longest_s = limits.trained_s
        yield ClipWarning(
            "out-of-range",
            f"{duration_s:.1f} s are left after cleaning: the model was trained on clips of "
            f"{shortest_s:.1f} to {longest_s:.1f} s.",
        )
    if limits.window_s and duration_s > limits.window_s:
        yield ClipWarning(
            "longer-than-window",
            f"The model hears the first {limits.window_s:g} s of {duration_s:.1f} s. `mmser timeline` goes "
            "through long recordings.",
        )


def inspect_transcript(transcript: str) -> Iterator[ClipWarning]:
    """Warn of a clip in which a model that reads text has nothing to read; of the kind "no-words"."""
    if not transcript.strip():
        yield ClipWarning("no-words", "No words were heard: the model goes by the sound and an empty text.")
