"""Say what an audit found.  audit result -> text, or plain values for JSON"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datasets import ClassLabel, Dataset

from mmser.curation.audit import AuditResult, Leak
from mmser.curation.rows import read_columns

ClassCounts = dict[str, dict[str, int]]  # split -> class -> clips

_NUM_IDS = 3  # of a split, shown for each thing found


def count_classes(corpus: Mapping[str, Dataset]) -> ClassCounts:
    """Count the clips of each class in each split, copies included; a clip of several classes counts in each.

    Args:
        corpus: split -> rows; ``label`` and ``labels`` may be missing.

    Returns:
        Split -> class -> clips, the classes in alphabetical order.
    """
    counts = {split: Counter(_iter_labels(rows)) for split, rows in corpus.items()}
    names = sorted(set().union(*counts.values()))
    return {split: {name: count[name] for name in names} for split, count in counts.items()}


def to_dict(result: AuditResult, corpus: Mapping[str, Dataset], promises: Sequence[str]) -> dict[str, Any]:
    """Return all that was found as plain values."""
    return {
        "promises": list(promises),
        "kept": not result.broken,
        "clips": {split: len(rows) for split, rows in corpus.items()},
        "classes": count_classes(corpus),
        "leaking_clips": {split: len(ids) for split, ids in result.leaking_clips.items()},
        "broken": [_leak_to_dict(leak) for leak in result.broken],
        "notes": [_leak_to_dict(leak) for leak in result.notes],
    }


def to_text(
    result: AuditResult, corpus: Mapping[str, Dataset], promises: Sequence[str], num_shown: int | None
) -> str:
    """Write what was found for a terminal.

    Args:
        result: what :func:`mmser.curation.audit.audit` returned.
        corpus: split -> rows.
        promises: the checks that were to find nothing.
        num_shown: things named of each leak; None for all.

    Returns:
        Class balance, promises kept and broken, and notes, without a newline at the end.
    """
    broken = {leak.check for leak in result.broken}
    kept = [name for name in promises if name not in broken]
    lines = [*_balance_lines(count_classes(corpus), corpus), f"kept: {', '.join(kept) or 'none'}"]
    for title, leaks in (("BROKEN", result.broken), ("note", result.notes)):
        for leak in leaks:
            lines += _leak_lines(title, leak, num_shown if title == "BROKEN" or num_shown is None else 0)
    leaking = result.leaking_clips
    shares = [f"{len(ids):,} of {len(corpus[split]):,} {split}" for split, ids in leaking.items()]
    lines.append(f"leaking clips: {', '.join(shares) or 'none'}")
    return "\n".join(lines)


def _iter_labels(rows: Dataset) -> Iterable[str]:
    """The classes of all rows, by name."""
    there = [name for name in ("label", "labels") if name in rows.column_names]
    features = [rows.features[name] for name in there]
    features = [getattr(feature, "feature", feature) for feature in features]
    for feature, values in zip(features, read_columns(rows.with_format(None), there), strict=True):
        for value in values:
            for label in value if isinstance(value, list) else [value]:
                if label is not None:
                    yield feature.int2str(label) if isinstance(feature, ClassLabel) else str(label)


def _balance_lines(classes: ClassCounts, corpus: Mapping[str, Dataset]) -> list[str]:
    """A table, class by split, with the share of each class."""
    table = [["class", *classes]]
    for name in next(iter(classes.values()), {}):
        counts = [(counts[name], len(corpus[split])) for split, counts in classes.items()]
        table.append([name, *(f"{count:,} ({count / max(1, of):4.0%})" for count, of in counts)])
    table.append(["all", *(f"{len(rows):,}       " for rows in corpus.values())])
    width = max(len(row[0]) for row in table) + 2
    return [f"{row[0]:<{width}}" + "".join(f"{cell:>20}" for cell in row[1:]).rstrip() for row in table]


def _leak_lines(title: str, leak: Leak, num_shown: int | None) -> list[str]:
    if num_shown == 0:
        return [f"{title} {leak}"]
    lines = [f"{title} {leak.extent}"]
    for overlap in leak.overlaps[:num_shown]:
        of_split = "; ".join(
            f"{split}: {_name(ids, num_shown)}" for split, ids in sorted(overlap.clips.items())
        )
        lines.append(f"  {overlap.what}  [{of_split}]")
    if num_shown is not None and leak.count > num_shown:
        lines.append(f"  and {leak.count - num_shown:,} more")
    return lines


def _name(ids: Sequence[str], num_shown: int | None) -> str:
    """Ids, or the first few of them."""
    if num_shown is None or len(ids) <= _NUM_IDS:
        return ", ".join(ids)
    return f"{', '.join(ids[:_NUM_IDS])} and {len(ids) - _NUM_IDS:,} more"


def _leak_to_dict(leak: Leak) -> dict[str, Any]:
    return {
        "check": leak.check,
        "where": leak.where,
        "count": leak.count,
        "clips": {split: len(ids) for split, ids in leak.clips.items()},
        "found": [{"what": overlap.what, "clips": overlap.clips} for overlap in leak.overlaps],
    }
