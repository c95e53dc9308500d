"""Tell a full disk from other errors, whichever library met it.  error -> whether there was no room"""

import contextlib
import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from mmser.errors import DiskFullError

_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} | ({39, 112} if sys.platform == "win32" else set())
_TORCH_WRITER = "inline_container.cc"  # torch's errors of its files say no more than where they arose
_TORCH_READER = "PytorchStreamReader"


def is_full_disk(error: BaseException) -> bool:
    """Whether an error of the system, of safetensors or of torch says that there is no room."""
    if isinstance(error, OSError):
        return error.errno in _NUMBERS
    text = str(error)
    if isinstance(error, SafetensorError):
        return any(int(number) in _NUMBERS for number in re.findall(r"os error (\d+)", text))
    return isinstance(error, RuntimeError) and _TORCH_WRITER in text and _TORCH_READER not in text


@contextlib.contextmanager
def naming_full_disk(out: Path) -> Iterator[None]:
    """Say what can be done where no more can be written.

    Args:
        out: the folder of a run, or of a sweep.

    Raises:
        DiskFullError: there is no room for what is written.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if not is_full_disk(error):
            raise
        raise DiskFullError(
            f"{out}: no room for a file ({error}). Those before it are kept: make room, and begin again in "
            "the same folder, a run with --resume True."
        ) from error
