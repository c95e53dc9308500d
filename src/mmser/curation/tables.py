"""Count what a build did.  clips after each step -> counts, and tables 1 to 4 of Sharma for this corpus."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mmser.curation.splitting import ClipKey

Counts = dict[str, dict[str, dict[str, int]]]  # step -> corpus -> class (emotion, at "read") -> clips
Table = list[list[object]]

TITLES = {
    "1_relabelled": "Table 1: clips of the chosen classes",
    "2_cleaned": "Table 2: clips after cleaning",
    "3_test": "Table 3: test split",
    "4_train_and_validation": "Table 4: train and validation, after balancing",
}
STEPS = ("read", "relabel", "clean", "train", "validation", "test")


def count_clips(clips: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Count (corpus, class) pairs: corpus -> class -> clips, both in sorted order."""
    counted: dict[str, dict[str, int]] = {}
    for (corpus, label), count in sorted(Counter(clips).items()):
        counted.setdefault(corpus, {})[label] = count
    return counted


def count_keys(clips: Iterable[ClipKey]) -> dict[str, dict[str, int]]:
    """Count clips by corpus and class."""
    return count_clips((clip.corpus, clip.label) for clip in clips)


def total(counted: Mapping[str, Mapping[str, int]]) -> int:
    """Sum the counts of one step."""
    return sum(sum(classes.values()) for classes in counted.values())


def of_class(counted: Mapping[str, Mapping[str, int]], name: str) -> int:
    """Sum the counts of a class over corpora."""
    return sum(classes.get(name, 0) for classes in counted.values())


def make_tables(counts: Counts, classes: Sequence[str]) -> dict[str, Table]:
    """Make the tables of the corpus, each with its header first.

    Args:
        counts: by step, corpus and class.
        classes: all classes.

    Returns:
        Name -> table: 1, clips of the chosen classes; 2, clips left after cleaning (both corpus by class);
        3, the test split; 4, train and validation after balancing.
    """
    return {
        "1_relabelled": _corpus_by_class(counts["relabel"], classes),
        "2_cleaned": _corpus_by_class(counts["clean"], classes),
        "3_test": _class_by_split(counts, classes, ("test",)),
        "4_train_and_validation": _class_by_split(counts, classes, ("train", "validation")),
    }


def _corpus_by_class(counted: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> Table:
    table: Table = [["corpus", *classes, "total"]]
    for corpus, of in counted.items():
        table.append([corpus, *(of.get(name, 0) for name in classes), sum(of.values())])
    table.append(["all", *(of_class(counted, name) for name in classes), total(counted)])
    return table


def _class_by_split(counts: Counts, classes: Sequence[str], splits: Sequence[str]) -> Table:
    table: Table = [["class", *splits]]
    for name in classes:
        table.append([name, *(of_class(counts[split], name) for split in splits)])
    table.append(["all", *(total(counts[split]) for split in splits)])
    return table
