"""Work on the rows of a dataset.  rows -> rows."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from datasets import Dataset, Features


def read_columns(rows: Dataset, names: Sequence[str]) -> list[list[Any]]:
    """Return some columns as lists, in the order of their names."""
    columns = rows.select_columns(list(names)).to_dict()
    return [columns[name] for name in names]


def add_column(rows: Dataset, name: str, values: Sequence[Any], feature: Any) -> Dataset:
    """Return the rows with one more column, in memory."""
    columns = rows.to_dict() | {name: list(values)}
    return Dataset.from_dict(columns, features=Features(dict(rows.features) | {name: feature}))


def map_rows(rows: Dataset, function: Callable[[Any], Any], *, num_proc: int, **options: Any) -> Dataset:
    """Call ``rows.map`` with a progress bar and without its cache of earlier results.

    Args:
        rows: what to map over.
        function: of one row, or of a batch, as ``options`` say.
        num_proc: processes; with one, all is done in this process.
        options: of ``datasets.Dataset.map``.

    Raises:
        KeyboardInterrupt: the user interrupted; ``datasets`` itself ends with an error of its pool then.
    """
    try:
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


def _call(rows: Any, function: Callable[[Any], Any], parent_pid: int) -> Any:
    """The function, in a worker that leaves interrupts to its parent."""
    if os.getpid() != parent_pid:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return function(rows)


def _follows_interrupt(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
