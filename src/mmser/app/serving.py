"""Serve the page.  settings, host, port -> a server on this machine, until it is stopped"""

import errno
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmser.app.equipment import AppSettings
from mmser.app.style import THEME
from mmser.errors import SettingsError

_PORTS_TRIED = 100
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    Attributes:
        host: name or address of this machine; "0.0.0.0" for all of its addresses.
        port: 1 to 65535.
    """

    host: str = "localhost"
    port: int = 8501

    @property
    def is_local(self) -> bool:
        """Whether no other machine can reach it."""
        return self.host in _LOOPBACK

    def __str__(self) -> str:
        """What to type into a browser on this machine."""
        host = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - it is compared
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def check_address(address: Address) -> None:
    """Make sure that the page can be served there.

    Raises:
        SettingsError: the port is none or taken, or the host is not this machine.
    """
    if not 1 <= address.port <= 65535:
        raise SettingsError(f"--port is {address.port}, expected 1 to 65535.")
    try:
        _bind(address.host, address.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _find_free_port(address)
            advice = f"The next free one is {free}: mmser app … --port {free}" if free else "Give another."
            raise SettingsError(f"--port {address.port} is taken on {address.host}. {advice}") from error
        raise SettingsError(
            f"Nothing can be served at {address.host}, port {address.port} ({error.strerror or error}). Give "
            "a name or address of this machine, and a port from 1024: --host localhost --port 8501."
        ) from error


def serve(settings: AppSettings, address: Address, *, opens_browser: bool) -> None:
    """Serve until the process is told to stop (Ctrl-C); nothing is reported to anybody.

    Args:
        settings: for the page; its equipment is loaded already.
        address: checked.
        opens_browser: whether the page is opened in this machine's browser.
    """
    from streamlit.web import bootstrap

    keep_uploads_in_memory(settings.limits.max_upload_mb)
    options = make_options(settings, address, opens_browser=opens_browser)
    bootstrap.load_config_options(options)
    bootstrap.run(str(Path(__file__).with_name("page.py")), False, [settings.to_json()], options)


def make_options(settings: AppSettings, address: Address, *, opens_browser: bool) -> dict[str, Any]:
    """Streamlit's options; they go before its files and environment variables."""
    return {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "logger.hideWelcomeMessage": True,  # it would ask the network for this machine's address
        "server.address": address.host,
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.headless": not opens_browser,
        "server.maxUploadSize": settings.limits.max_upload_mb,
        "server.port": address.port,
        "server.showEmailPrompt": False,
        **THEME,
    }


def keep_uploads_in_memory(max_upload_mb: int) -> None:
    """Stop the parser of uploads from writing what is over a megabyte to a temporary file."""
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = (max_upload_mb + 1) * 2**20


def _bind(host: str, port: int) -> None:
    """Listen for a moment at every address that a host has; OSError where one is taken or none is there."""
    failures = []
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, place in places:
        try:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(place)
                listener.listen()
        except OSError as error:
            failures.append(error)
    taken = [error for error in failures if error.errno == errno.EADDRINUSE]
    if taken or len(failures) == len(places):
        raise (taken or failures)[0]


def _find_free_port(address: Address) -> int | None:
    """The first port above that is free."""
    for port in range(address.port + 1, min(address.port + _PORTS_TRIED, 65536)):
        try:
            _bind(address.host, port)
        except OSError:
            continue
        return port
    return None
