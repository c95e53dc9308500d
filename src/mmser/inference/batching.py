"""Clips in groups, some made ahead of others.  items -> groups of them"""

from collections.abc import Callable, Iterable, Iterator
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
