"""Clips in groups, some made ahead of others.  items -> groups of them; lengths -> batches of alike ones"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Group = TypeVar("Group")
Made = TypeVar("Made")


def iter_groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Take ``size`` items at a time; the last group may be smaller."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def iter_ahead(make: Callable[[Group], Made], groups: Iterable[Group]) -> Iterator[Made]:
    """Make something of each group in a thread, one group ahead of who takes the results.

    Args:
        make: called in the thread, with one group after another.
        groups: taken in the caller's thread.

    Yields:
        What was made of each, in order.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mmser-ahead") as pool:
        upcoming: Future[Made] | None = None
        for group in groups:
            following = pool.submit(make, group)
            if upcoming is not None:
                yield upcoming.result()
            upcoming = following
        if upcoming is not None:
            yield upcoming.result()


def iter_batches(lengths: Sequence[int], max_items: int, max_length: float) -> Iterator[list[int]]:
    """Put items of like length together, the shortest first.

    Args:
        lengths: of each item.
        max_items: in a batch.
        max_length: of a batch, its items padded to the longest; one item alone may be longer.

    Yields:
        Indices into ``lengths``; each occurs once.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        too_long = (len(batch) + 1) * lengths[index] > max_length
        if batch and (too_long or len(batch) == max_items):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
