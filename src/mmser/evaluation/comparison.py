"""Hold two systems against each other, clip by clip.  two runs -> difference, test, clips that differ"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from mmser.errors import OutputExistsError, SettingsError
from mmser.evaluation.bootstrap import LEVEL, NUM_RESAMPLES, paired_intervals
from mmser.evaluation.collecting import Run
from mmser.evaluation.layout import text_table, wrap
from mmser.evaluation.predictions import classes_of, label_indices, predicted_indices, probabilities_of
from mmser.evaluation.scores import compute_accuracies, compute_confusion_matrix
from mmser.evaluation.summary import describe_run
from mmser.evaluation.writing import replacing

ONLY_FIRST, ONLY_SECOND, BOTH_WRONG = "only A right", "only B right", "both wrong, differently"
KINDS = (ONLY_FIRST, ONLY_SECOND, BOTH_WRONG)
_NUM_SHOWN = 3  # clips of each kind, in a terminal
_SCORES = {"ua": "UA", "wa": "WA", "ua_plus_wa": "UA+WA"}
_FINGERPRINT_LETTERS = 12


@dataclass(frozen=True)
class Comparison:
    """How B differs from A on the same clips.

    Attributes:
        scores: "ua", "wa" and "ua_plus_wa" -> that of A and that of B, in percent.
        intervals: the same keys -> [low, high] of B less A, in points.
        counts: clips that are "both right", "only A right", "only B right", "both wrong".
        p_value: of McNemar's exact test, two-sided.
        num_speakers: of the clips.
        differing: clips that the two predict differently: id, corpus, speaker, label, kind, predicted_a,
            predicted_b, and the probability that each gave its prediction.
    """

    scores: dict[str, tuple[float, float]]
    intervals: dict[str, list[float]]
    counts: dict[str, int]
    p_value: float
    num_speakers: int
    differing: pd.DataFrame


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Two-sided p value of McNemar's exact test.

    Under the hypothesis that neither system is better, each clip that one alone has right is a fair coin
    (McNemar 1947, in its exact binomial form).

    Args:
        only_first: clips that the first system alone has right.
        only_second: clips that the second system alone has right.

    Returns:
        Between 0 and 1; 1 where there is no such clip.
    """
    num_discordant = only_first + only_second
    return float(binomtest(only_first, num_discordant).pvalue) if num_discordant else 1.0


def compare(first: Run, second: Run, *, seed: int = 0) -> Comparison:
    """Compare two runs clip by clip.

    Args:
        first: A.
        second: B.
        seed: of the bootstrap.

    Returns:
        The comparison; differences are B less A.

    Raises:
        SettingsError: they were judged on different clips, corpora or classes.
    """
    check_same_clips(first, second)
    frame, other = (run.frame.sort_values("id", ignore_index=True) for run in (first, second))
    classes, labels = classes_of(first.frame), label_indices(frame)
    predicted = predicted_indices(frame), predicted_indices(other)
    speakers = frame["speaker"].tolist()
    accuracies = [compute_accuracies(compute_confusion_matrix(labels, each, classes)) for each in predicted]
    (ua_a, wa_a), (ua_b, wa_b) = ((float(ua), float(wa)) for ua, wa in accuracies)
    right = predicted[0] == labels, predicted[1] == labels
    counts = {
        "both right": int((right[0] & right[1]).sum()),
        ONLY_FIRST: int((right[0] & ~right[1]).sum()),
        ONLY_SECOND: int((~right[0] & right[1]).sum()),
        "both wrong": int((~right[0] & ~right[1]).sum()),
    }
    return Comparison(
        scores={"ua": (ua_a, ua_b), "wa": (wa_a, wa_b), "ua_plus_wa": (ua_a + wa_a, ua_b + wa_b)},
        intervals=paired_intervals(labels, *predicted, speakers, len(classes), seed=seed),
        counts=counts,
        p_value=mcnemar_p_value(counts[ONLY_FIRST], counts[ONLY_SECOND]),
        num_speakers=frame["speaker"].nunique(),
        differing=_list_differing(frame, other),
    )


def check_same_clips(first: Run, second: Run) -> None:
    """Make sure that two runs were judged on the same clips of the same build, with the same classes.

    Raises:
        SettingsError: they were not; the message gives both fingerprints and how many clips they share.
    """
    clips = [dict(zip(run.frame["id"], run.frame["label"], strict=True)) for run in (first, second)]
    fingerprints = [_fingerprints(run.metrics) for run in (first, second)]
    shared = clips[0].keys() & clips[1].keys()
    known = all(None not in found.values() for found in fingerprints)
    if clips[0] == clips[1] and (not known or fingerprints[0] == fingerprints[1]):
        if classes_of(first.frame) == classes_of(second.frame):
            return
        raise SettingsError(
            f"A tells {classes_of(first.frame)} apart, B {classes_of(second.frame)}: not the same classes "
            "in one order. Compare runs of one scheme."
        )
    sides = (
        f"{name} ({run.name()}) was judged on {len(run.frame):,} clips of the corpus {_say(found)}"
        for name, run, found in zip("AB", (first, second), fingerprints, strict=True)
    )
    raise SettingsError(
        f"The runs cannot be paired: {', '.join(sides)}; {len(shared):,} clips are in both. Compare runs "
        "that were trained and judged on one corpus folder, and the same folds of it."
    )


def summarize_comparison(first: Run, second: Run, found: Comparison) -> str:
    """Lines for a terminal: both runs, their scores, the test, and some clips that they differ on."""
    num_clips = sum(found.counts.values())
    lines = []
    for name, run in (("A", first), ("B", second)):
        leaks = (
            f"  LEAKS ({len(run.metrics['leaks'])}): its scores are too high" if run.metrics["leaks"] else ""
        )
        lines.append(f"{name}: {describe_run(run.metrics)} ({run.name()}){leaks}")
    lines += [f"{num_clips:,} clips of {found.num_speakers} speakers", "", _score_table(found), ""]
    if found.num_speakers == 1:
        lines.append("One speaker cannot be resampled: the interval has no width and says nothing.")
    lines += [
        wrap(
            f"The interval holds {100 * LEVEL:.0f} % of {NUM_RESAMPLES:,} resamples of the speakers, the "
            "same for both; one that holds 0 shows no difference.",
            f"McNemar's exact test: p = {_p(found.p_value)} ({found.counts[ONLY_FIRST]:,} clips that only A "
            f"has right, {found.counts[ONLY_SECOND]:,} that only B has). It takes clips for independent, "
            "which those of one speaker are not.",
        ),
        "",
        *(f"{name:<24}{count:>8,}" for name, count in found.counts.items()),
        f"{'of these ' + BOTH_WRONG:<33}{(found.differing['kind'] == BOTH_WRONG).sum():>8,}",
        *_examples(found.differing),
    ]
    return "\n".join(lines)


def write_differing(path: Path, found: Comparison) -> None:
    """Write the clips that two runs differ on as CSV, whole or not at all.

    Raises:
        OutputExistsError: the file is there already.
    """
    if path.exists():
        raise OutputExistsError(f"{path}: is there already. Choose another name, or delete it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        found.differing.to_csv(part, index=False, float_format="%.4f")


def _fingerprints(metrics: Mapping[str, Any]) -> dict[str, str | None]:
    """Fold -> fingerprint of its corpus."""
    own = {str(metrics["fold"]): metrics["corpus_fingerprint"]}
    return metrics.get("corpus_fingerprints", own)


def _say(fingerprints: Mapping[str, str | None]) -> str:
    return ", ".join(
        dict.fromkeys(
            "(unknown)" if text is None else text[:_FINGERPRINT_LETTERS] for text in fingerprints.values()
        )
    )


def _list_differing(frame: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    table = frame.loc[:, ["id", "corpus", "speaker", "label"]].copy()
    for side, each in (("a", frame), ("b", other)):
        table[f"predicted_{side}"] = [classes_of(each)[index] for index in predicted_indices(each)]
        table[f"probability_{side}"] = probabilities_of(each).max(axis=1)
    right = table["predicted_a"] == table["label"], table["predicted_b"] == table["label"]
    table.insert(4, "kind", np.select(right, (ONLY_FIRST, ONLY_SECOND), BOTH_WRONG))
    table = table[table["predicted_a"] != table["predicted_b"]]
    order = table["kind"].map({kind: position for position, kind in enumerate(KINDS)})
    return table.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def _score_table(found: Comparison) -> str:
    rows = []
    for key, name in _SCORES.items():
        (one, two), (low, high) = found.scores[key], found.intervals[key]
        rows.append((name, f"{one:.2f}", f"{two:.2f}", f"{two - one:+.2f}", f"{low:+.2f} to {high:+.2f}"))
    return text_table(("percent", "A", "B", "B - A", f"{100 * LEVEL:.0f} %"), rows)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def _examples(differing: pd.DataFrame) -> list[str]:
    lines = []
    for kind in KINDS:
        rows = differing[differing["kind"] == kind].head(_NUM_SHOWN)
        if len(rows):
            lines += ["", f"{kind}, e.g."]
        lines += [
            f"  {row.id}: {row.label}; A {row.predicted_a} ({row.probability_a:.2f}), "
            f"B {row.predicted_b} ({row.probability_b:.2f})"
            for row in rows.itertuples()
        ]
    return lines
