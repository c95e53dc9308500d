"""A publisher's server in a thread, which serves, cuts, corrupts, redirects and refuses as it is told."""

import re
import threading
import time
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path

from local_server import LocalServer


@dataclass
class Answer:
    """One answer other than the file in order.

    Attributes:
        status: status to send in place of the file.
        headers: headers to add.
        cut_after: bytes of the body to send before the connection is closed.
        stall_after: bytes of the body to send before nothing more comes.
        ranges: whether a Range is honoured.
        start: byte to start at, whatever was asked.
        body: another body.
        chunked: whether the size is left unsaid.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    stall_after: int | None = None
    ranges: bool = True
    start: int | None = None
    body: bytes | None = None
    chunked: bool = False


class Publisher(LocalServer):
    """Files by address, answers to give first, and the requests that came: (address, Range)."""

    name = "publisher"

    def __init__(self):
        self.handler = _Handler
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.always: dict[str, Answer] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()

    def __exit__(self, *about):
        self.closing.set()
        super().__exit__(*about)

    def url(self, address: str) -> str:
        return f"{self.endpoint}{address}"

    def publish(self, address: str, content: bytes, *answers: Answer) -> str:
        self.files[address] = content
        self.answers[address] = list(answers)
        return self.url(address)

    def ranges(self, address: str) -> list[str | None]:
        """What was asked of an address, request by request."""
        return [range_ for asked, range_ in self.requests if asked == address]

    def wait_for(self, address: str) -> None:
        """Wait until an address has been asked for."""
        deadline = time.monotonic() + 30
        while not self.ranges(address) and time.monotonic() < deadline:
            time.sleep(0.01)


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and what it holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


class _Handler(BaseHTTPRequestHandler):
    publisher: Publisher

    def do_GET(self):
        publisher = self.publisher
        publisher.requests.append((self.path, self.headers.get("Range")))
        queue = publisher.answers[self.path]
        answer = queue.pop(0) if queue else publisher.always.get(self.path, Answer())
        content = publisher.files.get(self.path) if answer.body is None else answer.body
        if content is None and not answer.status:
            answer = Answer(status=404)
        if answer.status:
            self.send_response(answer.status)
            for name, value in {"Content-Length": "0", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            return
        self._send(content, answer)

    def _send(self, content: bytes, answer: Answer) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if answer.ranges else None
        start = int(asked[1]) if asked else 0
        if asked and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = start if answer.start is None else answer.start
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if not answer.chunked:
            self.send_header("Content-Length", str(len(content) - start))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.stall_after is not None:
            self.wfile.write(content[start:][: answer.stall_after])
            self.wfile.flush()
            self.publisher.closing.wait()
        else:
            self.wfile.write(content[start:][: answer.cut_after])

    def log_message(self, *_):
        pass


def make_zip(members: dict[str, bytes]) -> bytes:
    """A zip archive of these members, uncompressed."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def make_pointer(content: bytes) -> bytes:
    """The Git LFS pointer that stands for a file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content).hexdigest()}\n"
        f"size {len(content)}\n"
    ).encode()


def md5_of(content: bytes) -> str:
    return f"md5:{md5(content, usedforsecurity=False).hexdigest()}"
