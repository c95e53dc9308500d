"""One shortcut probe.  what is read, what is told from it -> how well that goes, beside chance

The classifier is the same small one for every probe, a logistic regression whose classes weigh the same:
probes measure what can be read off an input, not what a good model makes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmser.evaluation.bootstrap import bootstrap_intervals
from mmser.evaluation.scores import compute_accuracies, compute_confusion_matrix

_MAX_ITERATIONS = 2000
_LEARNT_FROM = "clips to learn from"


@dataclass(frozen=True)
class ProbeTask:
    """What a probe reads and tells, of the clips it is fitted on and of those it is judged on.

    Attributes:
        kind: the group that it belongs to: text, corpus, speaker or silence.
        reads: what the classifier sees, in words.
        predicts: emotion, corpus or speaker.
        features: of both sets of clips, (N, D) and (M, D); dense ones are scaled, sparse ones are not.
        targets: names of what is to be told, (N,) and (M,).
        speakers: of the clips that it is judged on, (M,).
        judged_on: which clips these are, in words.
        missing: why there is nothing to read, where that is so; features and targets are empty then.
    """

    kind: str
    reads: str
    predicts: str
    features: tuple[Any, Any] = ((), ())
    targets: tuple[npt.ArrayLike, npt.ArrayLike] = ((), ())
    speakers: npt.ArrayLike = ()
    judged_on: str = "test clips"
    missing: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """How well a probe went.

    Attributes:
        kind: as the task's.
        reads: as the task's.
        predicts: as the task's.
        judged_on: as the task's.
        ua: in percent; None where the probe was left out.
        interval: 95 % of the resamples of the speakers, in percent; None with fewer than two speakers.
        chance: UA in percent of one answer to everything: 100 / the classes among the clips judged.
        n: clips judged.
        num_speakers: of these clips.
        left_out: clips of which the target is unknown to the clips fitted on.
        skipped: why the probe was left out, or "".
    """

    kind: str
    reads: str
    predicts: str
    judged_on: str
    ua: float | None = None
    interval: tuple[float, float] | None = None
    chance: float | None = None
    n: int = 0
    num_speakers: int = 0
    left_out: int = 0
    skipped: str = ""


def measure_probe(task: ProbeTask, *, seed: int) -> ProbeResult:
    """Fit the classifier and judge it; or say why that cannot be done.

    Args:
        task: what is read and told.
        seed: of the bootstrap.
    """
    result = ProbeResult(task.kind, task.reads, task.predicts, task.judged_on)
    fitted_on, judged, speakers = (np.asarray(names, dtype=str) for names in (*task.targets, task.speakers))
    classes, known = sorted(set(fitted_on.tolist())), np.isin(judged, fitted_on)
    reason = task.missing or _find_obstacle(task, classes, judged[known])
    if reason:
        return replace(result, skipped=reason)
    classifier: Any = LogisticRegression(max_iter=_MAX_ITERATIONS, class_weight="balanced")
    if not issparse(task.features[0]):
        classifier = make_pipeline(StandardScaler(), classifier)
    answers = classifier.fit(task.features[0], fitted_on).predict(task.features[1][known])
    labels, predictions = np.searchsorted(classes, judged[known]), np.searchsorted(classes, answers)
    ua, _ = compute_accuracies(compute_confusion_matrix(labels, predictions, classes))
    heard = speakers[known].tolist()
    interval = None
    if len(set(heard)) > 1:
        low, high = bootstrap_intervals(labels, predictions, heard, len(classes), seed=seed)["ua"]
        interval = (low, high)
    return replace(
        result,
        ua=float(ua),
        interval=interval,
        chance=100 / len(set(judged[known])),
        n=int(known.sum()),
        num_speakers=len(set(heard)),
        left_out=int((~known).sum()),
    )


def _find_obstacle(task: ProbeTask, classes: Sequence[str], judged: npt.NDArray[Any]) -> str:
    """Why there is nothing to tell apart, or ""."""
    for clips, found in ((_LEARNT_FROM, classes), (task.judged_on, sorted(set(judged.tolist())))):
        if len(found) < 2:
            of_them = f"only {found[0]!r}" if found else "none that can be learnt"
            return f"{task.predicts}: two or more are needed to tell apart, and the {clips} hold {of_them}"
    return ""
