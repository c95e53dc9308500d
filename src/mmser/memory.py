"""What happens to memory that is freed.  to the system, or kept for what comes next

glibc returns the memory of a large array when it is freed, and the system hands it out again page by page,
wiped: an activation over some megabytes can wait longer for its pages than for its numbers. Other C libraries
are left alone.
"""

import contextlib
import ctypes
import platform
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in bytes
_OF_OLD = 2**25  # larger thresholds for mmap are refused before glibc 2.35
_KEEPING = (2**30, 2**31 - 1)
_WORKING = (_OF_OLD, 2**28)
_RELEASING = (_OF_OLD, 2**26)  # where glibc's own adjustment ends
_lock = threading.Lock()
_keepers = 0


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep what is freed for the next array, until the end; then glibc returns it as arrays are freed.

    Is put around many batches. May be entered again within itself, and in several threads. Thresholds that
    the environment sets (``MALLOC_TRIM_THRESHOLD_``) are overruled for the rest of the process.
    """
    _count_keepers(1)
    try:
        yield
    finally:
        _count_keepers(-1)


def keep_memory() -> None:
    """Keep some of what is freed for good: for a worker, whose arrays are of clips."""
    _set_thresholds(*_WORKING)


def release_memory() -> None:
    """Give the system what was freed: Arrow keeps it, and glibc what lies below anything that is in use."""
    pa.default_memory_pool().release_unused()
    if (libc := _find_glibc()) is not None:
        libc.malloc_trim(0)


def _count_keepers(change: int) -> None:
    """Count who wants memory kept; the first begins, the last ends it."""
    global _keepers
    with _lock:
        before, _keepers = _keepers, _keepers + change
        if not before:
            _set_thresholds(*_KEEPING)
        elif not _keepers:
            _set_thresholds(*_RELEASING)


def _set_thresholds(mmap_bytes: int, trim_bytes: int) -> None:
    """Up to what size an array comes from the heap, and how much of its free end the heap keeps."""
    if (libc := _find_glibc()) is not None:
        libc.mallopt(_MMAP_THRESHOLD, mmap_bytes) or libc.mallopt(_MMAP_THRESHOLD, _OF_OLD)
        libc.mallopt(_TRIM_THRESHOLD, trim_bytes)


@cache
def _find_glibc() -> Any:
    """The C library, if it is glibc."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
