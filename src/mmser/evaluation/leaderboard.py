"""Rank runs that can be compared, and no others.  runs -> groups of rows, beside published figures

Rows stand in one group when protocol, scheme, corpora and the test clips themselves are the same, and either
all of them leak or none does. Ranks are given within a group. A model that was trained for another corpus
folder says so in its name, and no published figure stands beside it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.collecting import Run
from mmser.evaluation.folds import EVALUATED_RUN
from mmser.evaluation.predictions import score_predictions
from mmser.evaluation.published import Published, find_published
from mmser.evaluation.scores import TESS
from mmser.evaluation.summary import describe_folds

_FINGERPRINT_LETTERS = 8


@dataclass(frozen=True)
class View:
    """Which test clips count: all, those of one corpus, or those of all but one.

    Attributes:
        only: the one corpus that counts.
        without: the corpus that does not count.
    """

    only: str | None = None
    without: str | None = None

    @property
    def title(self) -> str:
        """What is seen, in words."""
        if self.only:
            return f"{self.only} clips alone"
        return f"without the clips of {self.without}" if self.without else "all test clips"

    def keeps(self, corpus: str) -> bool:
        """Whether clips of a corpus count."""
        return corpus != self.without and self.only in (None, corpus)


@dataclass(frozen=True)
class Row:
    """A run among those that it may be compared with.

    Attributes:
        name: of the system, with what it was trained on where that is another corpus folder, and with its
            own folder where several rows have one name.
        run: the run.
        scores: what ``score_predictions`` gives over the clips of the view.
        published: figures of the same system, or None.
        alike: whether those were measured as these were.
        num_speakers: of the clips of the view.
    """

    name: str
    run: Run
    scores: dict[str, Any]
    published: Published | None
    alike: bool
    num_speakers: int

    @property
    def trained_elsewhere(self) -> bool:
        """Whether the model was trained for another corpus folder than that of the test clips."""
        return EVALUATED_RUN in self.run.metrics

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of UA; None for a single speaker, who cannot be resampled."""
        low, high = self.scores["intervals"]["ua"]
        return None if self.num_speakers == 1 else (low, high)

    def difference(self, key: str) -> float | None:
        """Ours less the published figure, "ua" or "wa", in points; None where there is none."""
        figure = getattr(self.published, key) if self.published else None
        return None if figure is None else self.scores[key] - figure


@dataclass(frozen=True)
class Group:
    """Rows that are ranked together, the highest UA+WA first.

    Attributes:
        protocol: of the split.
        scheme: of the classes.
        corpora: of the corpus folder that the test clips are from.
        clips: short fingerprint of the test clips and their labels.
        leaks: whether splits share what their protocol promises not to.
        rows: the ranked rows.
    """

    protocol: str
    scheme: str
    corpora: tuple[str, ...]
    clips: str
    leaks: bool
    rows: tuple[Row, ...]

    @property
    def folds(self) -> str:
        """Which folds the rows are, "folds 0, 1 of 3 pooled (2 missing)"."""
        return " / ".join(
            dict.fromkeys(text for row in self.rows if (text := describe_folds(row.run.metrics)))
        )

    @property
    def num_clips(self) -> int:
        """Test clips."""
        return self.rows[0].scores["n"]

    @property
    def absent(self) -> list[str]:
        """Classes without a test clip."""
        return self.rows[0].scores["absent_classes"]

    @property
    def has_tess(self) -> bool:
        """Whether scores without TESS say something new."""
        judged = set(self.rows[0].scores["per_corpus"])
        return TESS in judged and len(judged) > 1

    @property
    def found_leaks(self) -> list[str]:
        """What the splits share, each sentence once."""
        return list(dict.fromkeys(leak for row in self.rows for leak in row.run.metrics["leaks"]))


@dataclass(frozen=True)
class Leaderboard:
    """Groups of rows, those without leaks first, then the larger test split.

    Attributes:
        view: the clips that count.
        groups: that have a row.
        left_out: runs that have no clip in the view.
    """

    view: View
    groups: tuple[Group, ...]
    left_out: tuple[Run, ...]


def build_leaderboard(runs: Sequence[Run], view: View | None = None) -> Leaderboard:
    """Group and rank runs.

    Args:
        runs: of any systems, protocols and corpora.
        view: the clips that count; all if None.

    Returns:
        The leaderboard.

    Raises:
        SettingsError: ``only`` and ``without`` at once.
        EmptySplitError: no run has a clip in the view.
    """
    view = view or View()
    if view.only and view.without:
        raise SettingsError("A view shows one corpus only or leaves one out, not both at once.")
    rows: dict[_Key, list[Row]] = {}
    left_out = []
    for run in runs:
        frame = run.frame[run.frame["corpus"].map(view.keeps).astype(bool)]
        if frame.empty:
            left_out.append(run)
        else:
            rows.setdefault(_group_key(run, frame), []).append(_make_row(run, frame, view))
    if not rows:
        there = sorted({corpus for run in runs for corpus in run.frame["corpus"]})
        raise EmptySplitError(f"No test clip is left ({view.title}): the runs were judged on {there}.")
    groups = [Group(**key._asdict(), rows=tuple(_rank(_tell_apart(found)))) for key, found in rows.items()]
    groups.sort(key=lambda group: (group.leaks, -group.num_clips, group.protocol, group.clips))
    return Leaderboard(view, tuple(groups), tuple(left_out))


class _Key(NamedTuple):
    """What rows of one group have in common."""

    protocol: str
    scheme: str
    corpora: tuple[str, ...]
    clips: str
    leaks: bool


def _group_key(run: Run, frame: pd.DataFrame) -> _Key:
    metrics = run.metrics
    clips = sorted(f"{clip}\t{label}" for clip, label in zip(frame["id"], frame["label"], strict=True))
    fingerprint = hashlib.sha256("\n".join(clips).encode()).hexdigest()[:_FINGERPRINT_LETTERS]
    corpora = tuple(sorted(metrics["corpora"]))
    return _Key(metrics["protocol"], metrics["scheme"], corpora, fingerprint, bool(metrics["leaks"]))


def _make_row(run: Run, frame: pd.DataFrame, view: View) -> Row:
    metrics = run.metrics
    whole = len(frame) == len(run.frame)
    scores = metrics["test"] if whole else score_predictions(frame, seed=metrics["seed"] or 0)
    judged = [corpus for corpus in metrics["corpora"] if view.keeps(corpus)]
    hidden = [corpus for corpus in metrics["corpora"] if not view.keeps(corpus)]
    published = None
    if EVALUATED_RUN not in metrics:
        size = metrics["num_parameters"]
        published = find_published(metrics["system"], metrics["scheme"], judged, hidden, num_parameters=size)
    alike = published is not None and published.is_like(
        metrics["protocol"], metrics["scheme"], judged, scores["n"]
    )
    return Row(_name(metrics), run, scores, published, alike, frame["speaker"].nunique())


def _name(metrics: dict[str, Any]) -> str:
    """The system, and the corpus folder that it was trained on where that is another one, or else its run."""
    system = str(metrics["system"])
    if EVALUATED_RUN not in metrics:
        return system
    trained = metrics["settings"].get("corpus") or metrics[EVALUATED_RUN]
    folders = [str(folder) for folder in (trained if isinstance(trained, list) else [trained])]
    return f"{system}, trained on {', '.join(Path(folder).name or folder for folder in folders)}"


def _rank(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.scores["ua_plus_wa"], -row.scores["ua"], row.name))


def _tell_apart(rows: Sequence[Row]) -> list[Row]:
    """Add as much of the folder to rows of one name as tells them apart."""
    named = []
    for row in rows:
        same = [other.run for other in rows if other.name == row.name]
        depth, most = 1, max(len(folder.resolve().parts) for run in same for folder in run.folders)
        while len({run.name(depth) for run in same}) < len(same) and depth < most:
            depth += 1
        named.append(row if len(same) == 1 else replace(row, name=f"{row.name} ({row.run.name(depth)})"))
    return named
