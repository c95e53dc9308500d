"""How far probabilities can be taken at their word.  predictions -> ECE, NLL, one temperature

A model that says 80 % should be right in 80 % of such clips. The expected calibration error (ECE) is how far
it is from that; dividing the logits by one temperature, fitted on the validation split, mends most of it and
leaves every decision as it was (Guo et al., "On Calibration of Modern Neural Networks", sections 2 and 4.2).
The probabilities that a run stores are those of the model itself; the temperature stands beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from mmser.errors import SettingsError
from mmser.evaluation.predictions import label_indices, probabilities_of, softmax

CALIBRATION_HEADER = ("split", "ECE", "NLL", "ECE at temperature", "NLL at temperature")
NUM_BINS = 15
TEMPERATURE_BOUNDS = (0.05, 100.0)
_LEAST_PROBABILITY = 1e-12  # a zero, of a tree or of a float that ran out, counts as this
_COLUMNS = {"ece": ".2f", "nll": ".3f", "ece_calibrated": ".2f", "nll_calibrated": ".3f"}
_AS_GOOD = 1e-9  # nats a clip: a bound that comes so near to the best is the best
_WHY_BOUND = {
    "lower": "the surer the better, because (nearly) every validation clip is right",
    "upper": "the less sure the better, because how sure the model is says nothing of whether it is right",
    "none": "any temperature does as well, because the model tells no class from another",
}


@dataclass(frozen=True)
class Bin:
    """Clips whose top probability lies in one of ``NUM_BINS`` equal parts of 0 to 1.

    Attributes:
        n: clips.
        confidence: mean of their top probabilities, in percent.
        accuracy: share of them that are right, in percent.
    """

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by.

    Attributes:
        value: above 1 makes a model less sure, below 1 surer.
        bound: "lower" or "upper" where the best value lies at or beyond a bound of the search, "none" where
            all values are as good and 1 is taken, else "".
    """

    value: float
    bound: str = ""


def compute_bins(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> list[Bin | None]:
    """Sort clips by their top probability into ``NUM_BINS`` bins of equal width, from unsure to sure.

    Args:
        labels: true class indices, (N,).
        probabilities: (N, C); bin i holds those above i / NUM_BINS, up to and with (i + 1) / NUM_BINS.

    Returns:
        A bin each, None where it holds no clip.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    top, right = values.max(axis=1), values.argmax(axis=1) == np.asarray(labels)
    # Stored probabilities are float32: 0.8 must not fall above 12 / 15 for its eighth digit.
    places = np.clip(np.ceil(np.round(top * NUM_BINS, 5)).astype(int) - 1, 0, NUM_BINS - 1)
    members = [places == place for place in range(NUM_BINS)]
    return [
        Bin(int(mask.sum()), float(100 * top[mask].mean()), float(100 * right[mask].mean()))
        if mask.any()
        else None
        for mask in members
    ]


def compute_ece(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Expected calibration error in percent: mean over clips of |accuracy - confidence| of their bin.

    Args:
        labels: true class indices, (N,).
        probabilities: (N, C).
    """
    bins = [each for each in compute_bins(labels, probabilities) if each is not None]
    return sum(each.n * abs(each.accuracy - each.confidence) for each in bins) / sum(each.n for each in bins)


def compute_nll(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Negative log-likelihood of the true classes, nats a clip; a probability of 0 counts as 1e-12."""
    return _nll_of_logits(labels, _logits(probabilities))


def apply_temperature(probabilities: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """Make probabilities what they are when the logits behind them are divided by a temperature.

    Args:
        probabilities: (N, C).
        temperature: above 0; 1 changes nothing.

    Returns:
        (N, C), float64; the order of the classes of a clip stays.

    Raises:
        SettingsError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise SettingsError(f"temperature is {temperature}, expected a number above 0; 1 changes nothing.")
    return softmax(_logits(probabilities) / temperature)


def fit_temperature(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Temperature:
    """Find the temperature of least negative log-likelihood, within ``TEMPERATURE_BOUNDS``.

    Args:
        labels: true class indices, (N,), of clips that the model was not trained on.
        probabilities: (N, C).
    """
    logits = _logits(probabilities)
    if not np.ptp(logits, axis=1).any():
        return Temperature(1.0, "none")

    def nll_at(log_t: float) -> float:
        return _nll_of_logits(labels, logits / np.exp(log_t))

    bounds = np.log(TEMPERATURE_BOUNDS)
    found = minimize_scalar(nll_at, bounds=bounds, method="bounded")
    for name, bound, value in zip(("lower", "upper"), bounds, TEMPERATURE_BOUNDS, strict=True):
        if nll_at(bound) <= found.fun + _AS_GOOD:
            return Temperature(value, name)
    return Temperature(float(np.exp(found.x)))


def calibrate(test: pd.DataFrame, validation: pd.DataFrame | None) -> dict[str, Any]:
    """Measure the calibration of a run, and fit its temperature where there is a validation split.

    Args:
        test: predictions frame of the test split.
        validation: of the validation split, or None.

    Returns:
        ``calibration`` of metrics.json: ``ece`` in percent and ``nll`` in nats, each {"test", "validation"};
        ``temperature`` and ``bound`` (see :class:`Temperature`); ``ece_calibrated`` and ``nll_calibrated``
        with that temperature. Without a validation split its figures and all that need a temperature are
        None.
    """
    frames = {"test": test, "validation": validation}
    splits = {
        name: (label_indices(frame), probabilities_of(frame))
        for name, frame in frames.items()
        if frame is not None
    }
    fitted = fit_temperature(*splits["validation"]) if "validation" in splits else None
    found: dict[str, Any] = {
        "temperature": fitted and fitted.value,
        "bound": fitted and fitted.bound,
        "num_bins": NUM_BINS,
    }
    for name, measure in (("ece", compute_ece), ("nll", compute_nll)):
        found[name] = dict.fromkeys(frames) | {
            split: measure(labels, values) for split, (labels, values) in splits.items()
        }
        found[f"{name}_calibrated"] = fitted and {
            split: measure(labels, apply_temperature(values, fitted.value))
            for split, (labels, values) in splits.items()
        }
    return found


def calibration_rows(calibration: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows below ``CALIBRATION_HEADER``, one a split."""
    rows = []
    for split in ("test", "validation"):
        if calibration["ece"][split] is None:
            continue
        cells = [
            format(calibration[name][split], digits) if calibration[name] else "-"
            for name, digits in _COLUMNS.items()
        ]
        rows.append((split, *cells))
    return rows


def explain_calibration(calibration: Mapping[str, Any], leaks: Sequence[str], *, binary: bool = False) -> str:
    """Say what the figures are, what the temperature is, and how far it can be trusted.

    Args:
        calibration: what :func:`calibrate` gives.
        leaks: of the run.
        binary: whether the model says yes or no to each class by itself.
    """
    value, bound = calibration["temperature"], calibration["bound"]
    sentences = [
        "ECE is how far the share of right clips lies from the probability of the predicted class, in "
        f"percent, averaged over {calibration['num_bins']} bins; NLL is in nats a clip."
    ]
    if binary:
        sentences.append(
            "The model says yes or no to each class by itself: the probabilities here are a softmax over its "
            "independent logits, so ECE, NLL and temperature are not of its own probabilities."
        )
    if value is None:
        sentences.append("No temperature was fitted: there was no validation split to fit it on.")
    elif bound:
        sentences.append(f"Temperature {value:.2f}, which is no measurement: {_WHY_BOUND[bound]}.")
    else:
        sentences.append(
            f"Temperature {value:.2f}, fitted on the validation split: the model is "
            f"{'over' if value > 1 else 'under'}confident there. Logits divided by it give the calibrated "
            "probabilities; no decision changes."
        )
    if value is not None and any("validation" in leak for leak in leaks):
        sentences.append("The validation split leaks, as said above, so the temperature is likely too low.")
    return " ".join(sentences)


def _logits(probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Logits up to a constant a clip, (N, C)."""
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _LEAST_PROBABILITY))


def _nll_of_logits(labels: npt.ArrayLike, logits: npt.NDArray[np.float64]) -> float:
    """Nats a clip, of logits (N, C)."""
    of_label = logits[np.arange(len(logits)), np.asarray(labels)]
    return float((logsumexp(logits, axis=1) - of_label).mean())
