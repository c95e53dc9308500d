"""Count what a build did.  clips after each step -> counts, and tables 1 to 4 of Sharma for this corpus."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Table = list[list[object]]

TITLES = {
    "1_relabelled": "Table 1: clips of the chosen classes",
    "2_cleaned": "Table 2: clips after cleaning",
    "3_test": "Table 3: test split",
    "4_train_and_validation": "Table 4: train and validation, after balancing",
}
STEPS = ("read", "relabel", "clean", "train", "validation", "test")


@dataclass(frozen=True)
class StepCount:
    """How many clips a step left.

    Attributes:
        clips: corpus -> clips.
        classes: corpus -> class (emotion, at "read") -> clips; a clip of several classes counts in each, one
            without a label in none.
    """

    clips: dict[str, int]
    classes: dict[str, dict[str, int]]

    @property
    def total(self) -> int:
        """Clips of all corpora."""
        return sum(self.clips.values())


Counts = Mapping[str, StepCount]  # by step


def count_clips(clips: Iterable[tuple[str, Sequence[str]]]) -> StepCount:
    """Count (corpus, classes) pairs, one a clip; corpora and classes are in sorted order."""
    num_clips: Counter[str] = Counter()
    cells: Counter[tuple[str, str]] = Counter()
    for corpus, classes in clips:
        num_clips[corpus] += 1
        cells.update((corpus, name) for name in classes if name)
    by_class: dict[str, dict[str, int]] = {}
    for (corpus, name), count in sorted(cells.items()):
        by_class.setdefault(corpus, {})[name] = count
    return StepCount(dict(sorted(num_clips.items())), by_class)


def describe_counts(counts: Counts) -> dict[str, Any]:
    """Return what corpus.json says of counts, in full."""
    return {
        "counts": {step: counts[step].total for step in STEPS},
        "counts_by_corpus": {step: counts[step].clips for step in STEPS},
        "counts_by_corpus_and_class": {step: counts[step].classes for step in STEPS},
    }


def of_class(classes: Mapping[str, Mapping[str, int]], name: str) -> int:
    """Sum the counts of a class over corpora."""
    return sum(of.get(name, 0) for of in classes.values())


def make_tables(counts: Counts, classes: Sequence[str]) -> dict[str, Table]:
    """Make the tables of the corpus, each with its header first.

    Args:
        counts: by step, corpus and class.
        classes: all classes.

    Returns:
        Name -> table: 1, clips of the chosen classes; 2, clips left after cleaning (both corpus by class);
        3, the test split; 4, train and validation after balancing. Totals are of clips.
    """
    return {
        "1_relabelled": _corpus_by_class(counts["relabel"], classes),
        "2_cleaned": _corpus_by_class(counts["clean"], classes),
        "3_test": _class_by_split(counts, classes, ("test",)),
        "4_train_and_validation": _class_by_split(counts, classes, ("train", "validation")),
    }


def _corpus_by_class(counted: StepCount, classes: Sequence[str]) -> Table:
    table: Table = [["corpus", *classes, "total"]]
    for corpus, of in counted.classes.items():
        table.append([corpus, *(of.get(name, 0) for name in classes), counted.clips[corpus]])
    table.append(["all", *(of_class(counted.classes, name) for name in classes), counted.total])
    return table


def _class_by_split(counts: Counts, classes: Sequence[str], splits: Sequence[str]) -> Table:
    table: Table = [["class", *splits]]
    for name in classes:
        table.append([name, *(of_class(counts[split].classes, name) for split in splits)])
    table.append(["all", *(counts[split].total for split in splits)])
    return table
