"""Work on the rows of a dataset.  rows -> rows."""

import ctypes
import gc
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features
from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from threadpoolctl import threadpool_limits

from mmser.memory import keep_memory

_PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends
_parents: list[int] = []  # this process, while it starts workers


def read_columns(rows: Dataset, names: Sequence[str]) -> list[list[Any]]:
    """Return some columns as lists, in the order of their names."""
    columns = rows.select_columns(list(names)).to_dict()
    return [columns[name] for name in names]


def add_columns(rows: Dataset, columns: Mapping[str, Sequence[Any]], features: Features) -> Dataset:
    """Return the rows with more columns, of the types that ``features`` give, in memory.

    Nothing of the other columns becomes an object of Python, which takes many times the room.
    """
    table = rows.with_format("arrow")[:]
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, features.arrow_schema.field(name).type))
    return in_memory(table, Features(dict(rows.features) | dict(features)))


def take_rows(rows: Dataset, indices: Sequence[int]) -> Dataset:
    """Return some rows, in memory; of ``Dataset.select`` each row becomes a table of its own when read."""
    return in_memory(rows.with_format("arrow")[:].take(pa.array(indices, pa.int64())), rows.features)


def in_memory(table: pa.Table, features: Features) -> Dataset:
    """Return the rows of a table; ``datasets`` would copy them all to name them by a hash."""
    return Dataset(table, DatasetInfo(features=features), fingerprint=uuid.uuid4().hex)


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the progress bars of ``datasets`` off the terminal, unless the environment asks for them."""
    if are_progress_bars_disabled() or "HF_DATASETS_DISABLE_PROGRESS_BARS" in os.environ:
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def map_rows(
    rows: Dataset,
    function: Callable[[Any], Any],
    *,
    num_proc: int,
    progress: bool = True,
    **options: Any,
) -> Dataset:
    """Call ``rows.map`` without its cache of earlier results.

    Args:
        rows: what to map over.
        function: of one row, or of a batch, as ``options`` say.
        num_proc: processes; with one, all is done in this process.
        progress: whether to show a progress bar.
        options: of ``datasets.Dataset.map``.

    Raises:
        KeyboardInterrupt: the user interrupted; ``datasets`` itself ends with an error of its pool then.
    """
    try:
        with nullcontext() if progress else without_bars(), _workers_end_with_us():
            return rows.map(
                partial(_call, function=function, parent_pid=os.getpid()),
                num_proc=num_proc if num_proc > 1 else None,
                load_from_cache_file=False,
                **options,
            )
    except Exception as error:
        if _follows_interrupt(error):
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _workers_end_with_us() -> Iterator[None]:
    """Start processes that a ``kill -9`` of this one ends too, where the system can do so (Linux).

    Otherwise the pool of ``datasets``, and the server of its queue, would wait for this process for ever.
    """
    _parents.append(os.getpid())
    try:
        yield
    finally:
        _parents.pop()


def _follow_parent() -> None:
    """In a process that was just forked: end with the parent, if it is one of :func:`map_rows`.

    What the parent held stays out of searches for garbage, which write to each object and so copy its memory.
    """
    if not _parents:
        return
    gc.freeze()
    parent_pid = _parents[-1]
    _parents.clear()  # its own children are none of ours
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we could ask
        os._exit(1)


if sys.platform == "linux":
    os.register_at_fork(after_in_child=_follow_parent)


def _call(rows: Any, function: Callable[[Any], Any], parent_pid: int) -> Any:
    """The function, in a worker that leaves interrupts to its parent and other cores to other workers."""
    if os.getpid() != parent_pid:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _settle()
    return function(rows)


@cache
def _settle() -> None:
    """Make a worker fast, once.

    Linear algebra gets one thread, since those of several workers would only wait for one another; and what a
    clip's arrays took is kept for the next one's, since to get fresh memory costs more than to work on it.
    """
    threadpool_limits(1)
    keep_memory()


def _follows_interrupt(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
