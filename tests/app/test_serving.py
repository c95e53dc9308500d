import asyncio
import socket
from pathlib import Path

import pytest

from mmser.app.answering import UploadLimits
from mmser.app.equipment import AppSettings
from mmser.app.serving import Address, check_address, keep_uploads_in_memory, make_options, serve
from mmser.errors import SettingsError

SETTINGS = AppSettings("run", limits=UploadLimits(max_upload_mb=7))


@pytest.fixture
def taken():
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_busy_port_is_told_with_the_next_free_one(taken):
    with pytest.raises(
        SettingsError, match=rf"--port {taken} is taken on 127\.0\.0\.1\. .* free one is (\d+)"
    ) as found:
        check_address(Address("127.0.0.1", taken))
    free = int(str(found.value).rpartition(" ")[2])
    assert taken < free <= taken + 100
    check_address(Address("127.0.0.1", free))


def test_a_port_that_is_taken_at_one_address_of_a_host_is_busy(taken):
    with pytest.raises(SettingsError, match="is taken on localhost"):
        check_address(Address("localhost", taken))


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_is_a_number_of_sixteen_bits(port):
    with pytest.raises(SettingsError, match=rf"--port is {port}, expected 1 to 65535"):
        check_address(Address(port=port))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_named(host):
    with pytest.raises(
        SettingsError, match=rf"Nothing can be served at {host}, port 8501 \(.*name or address of this"
    ):
        check_address(Address(host))


@pytest.mark.parametrize(
    ("host", "shown", "is_local"),
    [
        ("localhost", "http://localhost:80", True),
        ("0.0.0.0", "http://localhost:80", False),  # noqa: S104 - nothing listens
        ("::1", "http://[::1]:80", True),
        ("10.0.0.5", "http://10.0.0.5:80", False),
    ],
)
def test_an_address_is_shown_as_it_is_typed_into_a_browser(host, shown, is_local):
    assert str(Address(host, 80)) == shown
    assert Address(host, 80).is_local is is_local


def test_nothing_is_reported_and_forms_are_protected():
    from streamlit import config

    options = make_options(SETTINGS, Address(), opens_browser=False)
    known = config.get_config_options()
    assert set(options) <= set(known)
    assert options["browser.gatherUsageStats"] is False
    assert options["server.enableXsrfProtection"] is True
    assert options["server.headless"] is True
    assert options["server.maxUploadSize"] == 7
    assert make_options(SETTINGS, Address(), opens_browser=True)["server.headless"] is False


def test_uploads_stay_in_memory_and_the_page_has_its_settings_when_it_is_served(monkeypatch):
    from starlette.formparsers import MultiPartParser
    from streamlit.web import bootstrap

    served = []

    def run(page, is_hello, args, options):
        served.append((Path(page).name, args, options["server.port"], MultiPartParser.spool_max_size))

    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)
    monkeypatch.setattr(bootstrap, "load_config_options", lambda options: None)
    monkeypatch.setattr(bootstrap, "run", run)
    serve(SETTINGS, Address(port=8502), opens_browser=False)
    assert served == [("page.py", [SETTINGS.to_json()], 8502, 8 * 2**20)]  # the form's frame beside 7 MB


def test_uploads_are_parsed_in_memory(monkeypatch):
    from starlette.datastructures import Headers
    from starlette.formparsers import MultiPartParser

    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)
    keep_uploads_in_memory(4)

    async def body():
        yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.wav"\r\n\r\n'
        yield bytes(4 * 2**20)
        yield b"\r\n--x--\r\n"

    async def parse():
        headers = Headers({"content-type": "multipart/form-data; boundary=x"})
        return await MultiPartParser(headers, body()).parse()

    upload = asyncio.run(parse())["f"]
    assert upload.size == 4 * 2**20
    assert not upload.file._rolled  # into a file on disk
