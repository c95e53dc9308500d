"""Let a folder appear whole or not at all.  part folder -> out folder."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from mmser.curation.schema import CORPUS_JSON
from mmser.errors import DiskFullError, OutputExistsError, SettingsError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_GB = 1e9


def check_out(out: Path, *, overwrite: bool) -> None:
    """Make sure that ``out`` may be written.

    Raises:
        OutputExistsError: it is a file, or a folder that holds something: a corpus without ``overwrite``, or
            anything else, which is never deleted.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputExistsError(f"{out}: is a file, expected a folder to write to.")
    if not any(out.iterdir()):
        return
    if not (out / CORPUS_JSON).is_file():
        raise OutputExistsError(f"{out}: holds files that are no corpus. Choose another folder, or empty it.")
    if not overwrite:
        raise OutputExistsError(f"{out}: holds a corpus already. Choose another folder, or give --overwrite.")


def check_parent(out: Path) -> None:
    """Make sure that several corpora may be written below ``out``.

    Raises:
        OutputExistsError: it is a file, or a corpus itself.
    """
    if out.exists() and not out.is_dir():
        raise OutputExistsError(f"{out}: is a file, expected a folder to write to.")
    if (out / CORPUS_JSON).exists():
        raise OutputExistsError(
            f"{out}: is a corpus itself, and several are to be written below it. Choose another folder."
        )


def check_writable(folder: Path, option: str) -> None:
    """Make a folder, with those above it, and make sure that it can be written to.

    Args:
        folder: the folder.
        option: that names it, for the error.

    Raises:
        SettingsError: it is a file, or may not be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"{option} {folder}: cannot be written to ({error.strerror}). Choose another, or mend that."
        ) from error


@contextmanager
def writing_to(out: Path, cache_dir: Path) -> Iterator[Path]:
    """Give a fresh folder that takes the place of ``out`` at the end, and goes away if that is not reached.

    Args:
        out: the folder to appear, checked by :func:`check_out`.
        cache_dir: named in the error of a full disk, since what lies there is kept.

    Raises:
        DiskFullError: there is no room, in either folder.
    """
    out = out.absolute()
    old = out.with_name(f"{out.name}.old")
    with working_beside(out, cache_dir, "part") as part:
        yield part
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
        part.rename(out)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def working_beside(out: Path, cache_dir: Path, suffix: str) -> Iterator[Path]:
    """Give a fresh folder "OUT.suffix", which goes away at the end.

    Args:
        out: the folder to stand beside.
        cache_dir: named in the error of a full disk, since what lies there is kept.
        suffix: the end of its name.

    Raises:
        DiskFullError: there is no room, in either folder.
    """
    out = out.absolute()
    work = out.with_name(f"{out.name}.{suffix}")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        yield work
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(
            f"The disk is full: {_free_gb(out)} free for {out}, {_free_gb(cache_dir)} free for the cache"
            f" {cache_dir}. What was cleaned and transcribed is kept there. Make room, or choose others"
            " by --out and --cache-dir, and run the same command again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _free_gb(folder: Path) -> str:
    """Room on the disk that a folder is on, or would be."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return f"{shutil.disk_usage(there).free / _GB:.1f} GB"
