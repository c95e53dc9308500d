"""Fetch one file over HTTP, going on after a cut, and check it.  RemoteFile, folder -> file

What has arrived lies in ``<name>.part`` until it is whole, over as many runs as it takes. A file that is
whole but wrong is set aside as ``<name>.wrong``.
"""

import errno
import logging
import re
import shutil
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from mmser import __version__
from mmser.corpora.sources import RemoteFile
from mmser.errors import DiskFullError, DownloadError

logger = logging.getLogger(__name__)

MAX_FAILURES = 5  # in a row, without a byte more than before
PAUSE_S = 1.0  # before the second attempt; doubled before each further one
MAX_PAUSE_S = 60.0  # also where a server asks for more
TIMEOUT_S = (15.0, 60.0)  # to connect; between two bytes
BLOCK_BYTES = 1 << 14  # a cut loses the block that was on its way

NO_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # what zipfile raises; it has no base
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_FAILED_CONNECTION = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
_THREAD = threading.local()


class _CutError(Exception):
    """An attempt that did not get the file whole and may be made again."""

    def __init__(self, reason: str, pause_s: float = 0.0):
        super().__init__(reason)
        self.pause_s = pause_s


def fetch_file(
    remote: RemoteFile,
    store: Path,
    progress: Callable[[int], object] = lambda _: None,
    pause: Callable[[float], object] = time.sleep,
) -> Path:
    """Fetch a file unless it is there already, whole.

    Args:
        remote: what to fetch.
        store: the folder to keep it in, under ``remote.path``.
        progress: told the number of bytes of each block that arrives. An error that it raises ends the fetch.
        pause: waits so many seconds, before another attempt. So does an error that this raises.

    Returns:
        The file, whole and checked.

    Raises:
        DownloadError: it cannot be had, or is not what its publisher states. What has arrived is kept.
        DiskFullError: there is no room for it. What has arrived is kept.
    """
    path = store / remote.path
    pooch.get_logger().setLevel(logging.WARNING)
    with naming_os_errors(f"{remote.url} to {path}", store):
        pooch.retrieve(
            url=remote.url,
            known_hash=remote.checksum or None,
            fname=path.name,
            path=path.parent,
            downloader=ResumingDownloader(remote, path.with_name(f"{path.name}.part"), progress, pause),
        )
    return path


@contextmanager
def naming_os_errors(what: str, folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what was being written and what to do.

    Raises:
        DiskFullError: no room.
        DownloadError: any other error.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise _disk_full(what, folder) from error
        raise DownloadError(
            f"{what}: cannot be written ({error.strerror or error}). Mend that, or choose another folder "
            "by --root, and run the same command again; what has arrived is kept."
        ) from error


def check_room(what: str, folder: Path, needed_bytes: int) -> None:
    """Make sure that the disk has room.

    Raises:
        DiskFullError: it has not.
    """
    if needed_bytes > shutil.disk_usage(folder).free:
        raise _disk_full(what, folder, f", {needed_bytes:,} bytes are needed")


@dataclass
class ResumingDownloader:
    """A downloader for pooch that keeps what has arrived and asks for the rest (HTTP Range, RFC 9110 §14).

    Attributes:
        remote: what to fetch.
        part: where it grows; other attempts and other runs go on from there.
        progress: told the number of bytes of each block.
        pause: waits so many seconds.
    """

    remote: RemoteFile
    part: Path
    progress: Callable[[int], object]
    pause: Callable[[float], object]

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Fetch ``url``, check it and put it at ``output_file``."""
        num_failures, reached = 0, self._have()
        while True:
            try:
                self._fetch_rest(url)
                break
            except _CutError as cut:
                num_failures = 0 if self._have() > reached else num_failures + 1
                reached = max(reached, self._have())
                if num_failures >= MAX_FAILURES:
                    raise self._error(
                        f"{cut}, {MAX_FAILURES} times in a row",
                        f"{self._have():,} bytes are kept in {self.part}. Look at your connection and run "
                        "the same command again: it goes on from there.",
                    ) from cut
                pause_s = PAUSE_S * 2 ** max(num_failures - 1, 0)
                self.pause(max(cut.pause_s, min(pause_s, MAX_PAUSE_S)))
        self._check()
        self.part.replace(output_file)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _fetch_rest(self, url: str) -> None:
        """Add to the part what the server has beyond it.

        Raises:
            _CutError: it is not whole yet.
        """
        have, size = self._have(), self.remote.size_bytes
        if size is not None and have >= size > 0:
            if have == size:
                return
            have = 0  # more than the file: begin again
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with _session().get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
                rest = self._begin(response, have)
                if rest is not None:
                    self._write(response, *rest)
        except _FAILED_CONNECTION as error:
            raise _CutError(f"the connection failed ({_shorten(error)})") from error
        except requests.RequestException as error:
            raise self._error(_shorten(error), "Look at the address in a browser.") from error

    def _begin(self, response: requests.Response, have: int) -> tuple[int, int | None] | None:
        """The byte at which the answer starts and the size of the whole file; None where nothing is left."""
        status = response.status_code
        content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        total = _to_int(content_range["total"]) if content_range else None
        if status == requests.codes.requested_range_not_satisfiable and have:
            if total == have:
                return None
            self.part.unlink()
            raise _CutError(f"the server has other than the {have:,} bytes that were fetched")
        if status in _BUSY:
            asked_s = _to_int(response.headers.get("Retry-After", "")) or 0
            raise _CutError(f"the server answers {status} {response.reason}", min(asked_s, MAX_PAUSE_S))
        if status not in (requests.codes.ok, requests.codes.partial_content):
            raise self._error(
                f"the server answers {status} {response.reason}",
                "The publisher may have moved or closed it: see `mmser corpora` for the page of the corpus, "
                f"and fetch it by hand. What was fetched before is kept in {self.part.parent}.",
            )
        if status == requests.codes.partial_content:
            start = _to_int(content_range["start"] or "") if content_range else None
            if start != have:
                self.part.unlink(missing_ok=True)
                raise _CutError(f"the server sent another part than the one from byte {have:,} on")
            return have, total
        if have:
            logger.info("%s: the server sends only whole files, so it begins again.", response.url)
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        return 0, None if encoded else _to_int(response.headers.get("Content-Length", ""))

    def _write(self, response: requests.Response, start: int, total: int | None) -> None:
        expected = self.remote.size_bytes
        if total is not None and expected is not None and total != expected:
            raise self._error(
                f"the server has {total:,} bytes, expected {expected:,}",
                "The publisher changed the file, or a proxy answers in its place: open the address in a "
                "browser.",
            )
        if total is not None:
            check_room(self.remote.url, self.part.parent, total - start)
        with self.part.open("ab" if start else "wb", buffering=0) as file:
            for block in response.iter_content(BLOCK_BYTES):
                file.write(block)
                self.progress(len(block))
        if total is not None and self._have() != total:
            raise _CutError(f"{self._have():,} of {total:,} bytes arrived")

    def _check(self) -> None:
        """Hold the part against what is published.

        Raises:
            DownloadError: it is something else; it is set aside.
        """
        found, expected = self._find_fault()
        if not found:
            return
        aside = self.part.with_suffix(".wrong")
        self.part.replace(aside)
        raise self._error(
            f"{found}, expected {expected}",
            f"What arrived is set aside as {aside}. Run the same command again to fetch it anew; if that "
            "ends the same, the publisher changed the file or something on the way changes it.",
        )

    def _find_fault(self) -> tuple[str, str]:
        """What the part is and what it should be, or two empty strings."""
        size, checksum = self.remote.size_bytes, self.remote.checksum
        if size is not None and self._have() != size:
            return f"has {self._have():,} bytes", f"{size:,}"
        if checksum:
            algorithm, _, expected = checksum.partition(":")
            found = pooch.file_hash(str(self.part), alg=algorithm)
            return ("", "") if found == expected.lower() else (f"has {algorithm} {found}", expected)
        if self.remote.path.endswith(".zip"):
            return _find_archive_fault(self.part)
        return "", ""

    def _error(self, got: str, next_step: str) -> DownloadError:
        return DownloadError(f"{self.remote.url} (for {self.remote.path}): {got}. {next_step}")


def _find_archive_fault(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except NO_ARCHIVE as error:
        with path.open("rb") as file:
            return f"is no whole archive ({error}; it begins with {file.read(16)!r})", "a zip archive"
    return (f"has a damaged member, {broken}", "a whole zip archive") if broken else ("", "")


def _session() -> requests.Session:
    """The session of this thread: its connections are kept open from file to file."""
    if not hasattr(_THREAD, "session"):
        _THREAD.session = requests.Session()
        _THREAD.session.headers["User-Agent"] = f"mmser/{__version__}"
    return _THREAD.session


def _to_int(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _shorten(error: Exception) -> str:
    """The innermost reason of an error of requests, whose text repeats address and pool."""
    reason: BaseException = error
    while isinstance(inner := getattr(reason, "reason", None) or (reason.args or [None])[0], BaseException):
        reason = inner
    return str(reason).rpartition(": ")[2].rstrip(".") or type(reason).__name__


def _disk_full(what: str, folder: Path, needed: str = "") -> DiskFullError:
    free = shutil.disk_usage(folder).free
    return DiskFullError(
        f"{what}: the disk is full, {free:,} bytes are free for {folder}{needed}. What has arrived is kept. "
        "Make room, or choose another folder by --root, and run the same command again."
    )
