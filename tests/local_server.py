"""A server of this machine alone, in a thread, while a test asks it."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class LocalServer:
    """Serves between ``with`` and its end; its handlers find it under ``name``."""

    name: str
    handler: type[BaseHTTPRequestHandler]

    def __enter__(self):
        handler = type("Handler", (self.handler,), {self.name: self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        try:
            socket.create_connection(self._server.server_address, timeout=5).close()
        except OSError as error:
            self._server.server_close()
            skip_without_loopback(error)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


def find_port() -> int:
    """A port of this machine that is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            socket.create_connection(listener.getsockname(), timeout=5).close()
        except OSError as error:
            skip_without_loopback(error)
        return listener.getsockname()[1]


def skip_without_loopback(error: OSError):
    """Skip the test: a network namespace of its own, before `ip link set lo up`."""
    pytest.skip(f"no local server can be asked: the loopback interface is down ({error})")
