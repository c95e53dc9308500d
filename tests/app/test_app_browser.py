"""The page in a real browser: Chromium without a window, on this machine alone."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from factories_app import M4A, make_recording, make_talk
from factories_audio import make_speech
from factories_runs import save_scores

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)"),
]
SOURCES = Path(__file__).parents[2] / "src"
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the server may leave files."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(speech_run, home):
    """A server of the page."""
    save_scores(speech_run, ("ravdess/01 angry angry", "ravdess/02 sad sad"), system="hubert")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    folders = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    command = [sys.executable, "-m", "mmser", "app", str(speech_run), "--no-browser", "--max-minutes", "1"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | folders | {"PYTHONPATH": str(SOURCES), "HF_HUB_OFFLINE": "1"},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def _wait_for(port, process):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    process.kill()
    pytest.fail(f"the page is not served:\n{process.communicate()[0]}")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Recordings, and a file that is none."""
    folder = tmp_path_factory.mktemp("clips")
    contents = {
        "short.wav": make_recording(make_speech(2.0)),
        "other.flac": make_recording(make_speech(4.0, seed=5), kind="FLAC"),
        "talk.flac": make_recording(make_talk(), kind="FLAC"),
        "memo.m4a": M4A,
        "spoken.wav": make_recording(make_speech(6.0), 48_000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def browse(address, clips):
    """Open pages in a browser that finds no other host; what they ask for is kept in ``asked``."""
    asked = []
    with sync_api.sync_playwright() as playwright:
        opened = []

        def browse(*flags, width=1200):
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *flags],
            )
            opened.append(browser)
            page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
            page.set_default_timeout(WAIT_MS)
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda websocket: asked.append(websocket.url))
            page.goto(address)
            page.get_by_text("Acted emotion is not felt emotion").wait_for()
            return page

        browse.asked = asked
        yield browse
        for browser in opened:
            browser.close()


def upload(page, path):
    page.locator("input[type=file]").set_input_files(path)
    page.locator(".mm-label, [data-testid=stAlert]").first.wait_for()


def overflow(page):
    """By how many pixels something is wider than the window, of the page and of all in it."""
    return page.evaluate(
        "Math.max(...[...document.querySelectorAll('body, body *')]"
        ".filter(e => e.clientWidth && !e.closest('[data-testid=stFileUploader] input'))"
        ".map(e => e.getBoundingClientRect().right)) - innerWidth"
    )


def test_a_clip_is_uploaded_and_answered_and_nobody_else_is_asked(browse, clips, address):
    page = browse()
    upload(page, clips / "short.wav")
    page.get_by_text("short.wav · 2.0 s").wait_for()
    assert page.locator(".mm-bars li").count() == 3
    assert page.get_by_role("img", name="Waveform and mel spectrogram").evaluate("e => e.naturalWidth") > 500
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as JSON").click()
    assert '"probabilities"' in download.value.path().read_text()
    page.get_by_text("About the model").click()
    page.get_by_text("UA 100.0 %").wait_for()
    assert len(browse.asked) > 5
    assert {urlsplit(url).netloc for url in browse.asked if not url.startswith(("data:", "blob:"))} == {
        urlsplit(address).netloc
    }


def test_a_file_that_cannot_be_read_is_told_and_the_next_one_is_answered(browse, clips):
    page = browse()
    upload(page, clips / "memo.m4a")
    assert "memo.m4a: not audio" in page.get_by_test_id("stAlert").inner_text()
    page.get_by_role("button", name="Remove memo.m4a").click()
    page.get_by_test_id("stAlert").wait_for(state="detached")
    upload(page, clips / "short.wav")
    page.get_by_text("short.wav · 2.0 s").wait_for()


def test_three_seconds_are_recorded_and_answered(browse, clips):
    sound = f"--use-file-for-fake-audio-capture={clips / 'spoken.wav'}"
    page = browse("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", sound)
    page.get_by_text("Record", exact=True).click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_text("recording.wav · ").wait_for()
    assert page.locator(".mm-label").inner_text().lower() in ("angry", "happy", "sad")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (
            ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
            "would like to use your microphone",
        ),
        ([], "An error has occurred"),  # of a machine without a microphone
    ],
)
def test_a_microphone_that_is_not_allowed_or_not_there_is_told(browse, flags, told):
    page = browse(*flags)
    page.get_by_text("Record", exact=True).click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_test_id("stAudioInput").get_by_text(told).wait_for()
    assert "Allow it for this page" in page.get_by_test_id("stCaptionContainer").inner_text()
    assert not page.get_by_test_id("stException").count()


def test_nothing_is_wider_than_a_phone(browse, clips):
    page = browse(width=390)
    assert overflow(page) <= 0
    upload(page, clips / "short.wav")
    assert overflow(page) <= 0
    page.get_by_text("About the model").click()
    page.get_by_text("UA 100.0 %").wait_for()
    assert overflow(page) <= 0
    page.get_by_role("button", name="Remove short.wav").click()
    page.locator(".mm-label").wait_for(state="detached")
    upload(page, clips / "talk.flac")
    page.locator("img.mm-narrow").wait_for()
    assert page.locator("img.mm-wide").is_hidden()
    assert overflow(page) <= 0
    page.get_by_text("Record", exact=True).click()
    page.get_by_test_id("stAudioInput").wait_for()
    assert overflow(page) <= 0


def test_visitors_at_once_get_their_own_answers(browse, clips):
    pages = [browse(), browse()]
    names = ["short.wav", "other.flac"]
    for page, name in zip(pages, names, strict=True):
        page.locator("input[type=file]").set_input_files(clips / name)
    for page, text in zip(pages, ["short.wav · 2.0 s", "other.flac · 4.0 s"], strict=True):
        page.get_by_text(text).wait_for()
        assert page.locator(".mm-over").count() == 1


def test_nothing_stays_on_disk(browse, clips, home):
    page = browse()
    upload(page, clips / "short.wav")
    before = {path for path in home.rglob("*") if path.is_file()}
    page.get_by_role("button", name="Remove short.wav").click()
    page.locator(".mm-label").wait_for(state="detached")
    upload(page, clips / "other.flac")
    page.get_by_text("other.flac · 4.0 s").wait_for()
    assert {path for path in home.rglob("*") if path.is_file()} == before


def test_uploads_without_the_pages_token_are_refused(address):
    answers = [
        requests.put(f"{address}/_stcore/upload_file/session/{number}", files={"f": b"x"}, timeout=10)
        for number in range(2)
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
