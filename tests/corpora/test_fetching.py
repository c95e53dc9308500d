import errno
import logging
import shutil
import subprocess
import sys
import time

import pytest

from factories_http import Answer, Publisher, make_zip, md5_of
from mmser.corpora import fetching
from mmser.corpora.fetching import fetch_file
from mmser.corpora.sources import RemoteFile
from mmser.errors import DiskFullError, DownloadError

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE_S", 0)
    monkeypatch.setattr(fetching, "BLOCK_BYTES", 1_000)  # what a cut loses at most


@pytest.fixture
def pauses(monkeypatch):
    """Seconds that were to be waited, and were not."""
    monkeypatch.setattr(fetching, "PAUSE_S", 1)
    return []


@pytest.fixture
def publisher():
    with Publisher() as publisher:
        yield publisher


@pytest.fixture
def remote(publisher):
    """A file of which size and checksum are published."""
    url = publisher.publish("/clips.bin", CONTENT)
    return RemoteFile(url, "clips.bin", len(CONTENT), md5_of(CONTENT))


def test_a_file_is_fetched_once(publisher, remote, tmp_path):
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert fetch_file(remote, tmp_path) == tmp_path / "clips.bin"
    assert publisher.ranges("/clips.bin") == [None]
    assert [path.name for path in tmp_path.iterdir()] == ["clips.bin"]


def test_progress_is_told_every_byte(remote, tmp_path):
    told = []
    fetch_file(remote, tmp_path, told.append)
    assert sum(told) == 10_240


def test_a_cut_is_resumed_from_the_byte_that_arrived(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(cut_after=4_000), Answer(cut_after=6_000)]
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == [None, "bytes=4000-", "bytes=10000-"]


def test_more_cuts_than_failures_allowed_are_survived_while_bytes_arrive(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(cut_after=1_000)] * 9
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT


def test_another_run_goes_on_from_what_a_failed_one_left(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(cut_after=4_000), *[Answer(status=503)] * 5]
    with pytest.raises(DownloadError, match=r"4,000 bytes are kept in .*clips\.bin\.part"):
        fetch_file(remote, tmp_path)
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin")[-1] == "bytes=4000-"


def test_a_killed_download_is_resumed(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(stall_after=4_000)]
    script = (
        "from pathlib import Path; from mmser.corpora import fetching; fetching.BLOCK_BYTES = 100; "
        "from mmser.corpora.sources import RemoteFile; "
        f"fetching.fetch_file({remote!r}, Path({str(tmp_path)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    part = tmp_path / "clips.bin.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size):
        assert process.poll() is None
    process.kill()
    process.wait()
    kept = part.stat().st_size
    assert 0 < kept <= 4_000
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == [None, f"bytes={kept}-"]


def test_a_server_that_ignores_range_sends_the_file_anew(publisher, remote, tmp_path, caplog):
    publisher.answers["/clips.bin"] = [Answer(cut_after=4_000), Answer(ranges=False)]
    with caplog.at_level(logging.INFO):
        assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert "sends only whole files" in caplog.text


def test_a_server_that_ignores_range_and_cuts_at_one_byte_is_given_up(publisher, remote, tmp_path):
    publisher.always["/clips.bin"] = Answer(ranges=False, cut_after=4_000)
    with pytest.raises(DownloadError, match=r"the connection failed \(.*\), 5 times in a row"):
        fetch_file(remote, tmp_path)
    assert len(publisher.requests) == 6  # the first gets further than nothing


def test_another_range_than_asked_for_begins_anew(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(cut_after=4_000), Answer(start=3_999)]
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == [None, "bytes=4000-", None]


@pytest.mark.parametrize("size", [None, 10_240])
def test_a_part_that_is_whole_already_is_taken(publisher, remote, tmp_path, size):
    (tmp_path / "clips.bin.part").write_bytes(CONTENT)
    fetched = fetch_file(RemoteFile(remote.url, "clips.bin", size), tmp_path)
    assert fetched.read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == ([] if size else ["bytes=10240-"])


@pytest.mark.parametrize("size", [None, 10_240])
def test_a_part_longer_than_the_file_begins_anew(publisher, remote, tmp_path, size):
    (tmp_path / "clips.bin.part").write_bytes(CONTENT + b"more")
    fetched = fetch_file(RemoteFile(remote.url, "clips.bin", size), tmp_path)
    assert fetched.read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin")[-1] is None


def test_a_part_of_another_file_is_found_by_the_checksum_and_set_aside(publisher, remote, tmp_path):
    (tmp_path / "clips.bin.part").write_bytes(b"x" * 4_000)
    with pytest.raises(
        DownloadError, match=r"has md5 [0-9a-f]{32}, expected [0-9a-f]{32}\. .*clips\.bin\.wrong"
    ):
        fetch_file(remote, tmp_path)
    assert (tmp_path / "clips.bin.wrong").stat().st_size == 10_240
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT


def test_a_file_corrupted_on_the_way_is_refused_and_fetched_anew_by_the_next_run(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(body=CONTENT[:-1] + b"!")]
    with pytest.raises(DownloadError, match=rf"{remote.url} \(for clips\.bin\): has md5 .*fetch it anew"):
        fetch_file(remote, tmp_path)
    assert not (tmp_path / "clips.bin").exists()
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT


def test_a_damaged_file_in_place_is_fetched_anew(remote, tmp_path):
    (tmp_path / "clips.bin").write_bytes(b"damaged")
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT


def test_another_size_than_published_stops_before_anything_is_fetched(publisher, remote, tmp_path):
    publisher.files["/clips.bin"] = CONTENT[:-1]
    with pytest.raises(DownloadError, match="the server has 10,239 bytes, expected 10,240"):
        fetch_file(remote, tmp_path)
    assert not (tmp_path / "clips.bin.part").exists()


def test_another_size_shows_in_the_end_where_the_server_does_not_say_it(publisher, remote, tmp_path):
    publisher.answers["/clips.bin"] = [Answer(body=CONTENT[:-1], chunked=True)]
    with pytest.raises(DownloadError, match="has 10,239 bytes, expected 10,240"):
        fetch_file(remote, tmp_path)


def test_redirects_are_followed_with_their_range(publisher, remote, tmp_path):
    moved = RemoteFile(publisher.url("/record"), "clips.bin", len(CONTENT), md5_of(CONTENT))
    publisher.always["/record"] = Answer(status=302, headers={"Location": "/clips.bin"})
    publisher.answers["/clips.bin"] = [Answer(cut_after=4_000)]
    assert fetch_file(moved, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == [None, "bytes=4000-"]


def test_a_circle_of_redirects_is_an_error(publisher, tmp_path):
    publisher.always["/a"] = Answer(status=302, headers={"Location": "/a"})
    with pytest.raises(DownloadError, match=r"/a \(for a\): Exceeded 30 redirects\. Look at the address"):
        fetch_file(RemoteFile(publisher.url("/a"), "a"), tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_names_url_file_answer_and_what_to_do(publisher, remote, tmp_path, status):
    (tmp_path / "clips.bin.part").write_bytes(CONTENT[:10])
    publisher.always["/clips.bin"] = Answer(status=status)
    with pytest.raises(
        DownloadError,
        match=rf"{remote.url} \(for clips\.bin\): the server answers {status} .*`mmser corpora`",
    ):
        fetch_file(remote, tmp_path)
    assert len(publisher.requests) == 1
    assert (tmp_path / "clips.bin.part").read_bytes() == CONTENT[:10]


def test_a_busy_server_is_asked_again_after_the_pause_it_wants(publisher, remote, tmp_path, pauses):
    publisher.answers["/clips.bin"] = [
        Answer(status=503),
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(status=429, headers={"Retry-After": "86400"}),
        Answer(status=502),
    ]
    assert fetch_file(remote, tmp_path, pause=pauses.append).read_bytes() == CONTENT
    assert pauses == [1, 7, 60, 8]


def test_a_connection_that_is_refused_is_an_error_that_says_so(remote, tmp_path, pauses):
    with Publisher() as gone:
        url = gone.url("/clips.bin")
    with pytest.raises(
        DownloadError, match=r"the connection failed \(.*refused\), 5 times in a row\. 0 bytes"
    ):
        fetch_file(RemoteFile(url, "clips.bin"), tmp_path, pause=pauses.append)
    assert pauses == [1, 2, 4, 8]


def test_a_server_that_falls_silent_is_asked_again(publisher, remote, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_S", (5, 0.2))
    publisher.answers["/clips.bin"] = [Answer(stall_after=4_000)]
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT


def test_an_archive_without_a_published_checksum_is_read_whole(publisher, tmp_path):
    archive = make_zip({"a.wav": b"a" * 1000, "b.wav": b"b" * 1000})
    remote = RemoteFile(publisher.publish("/wav.zip", archive), "wav.zip")
    publisher.answers["/wav.zip"] = [Answer(body=archive[:-30])]
    with pytest.raises(
        DownloadError, match=r"is no whole archive \(.*begins with b'PK.*expected a zip archive"
    ):
        fetch_file(remote, tmp_path)
    publisher.answers["/wav.zip"] = [Answer(body=archive.replace(b"b" * 1000, b"b" * 999 + b"c"))]
    with pytest.raises(DownloadError, match=r"has a damaged member, b\.wav, expected a whole zip archive"):
        fetch_file(remote, tmp_path)
    assert fetch_file(remote, tmp_path).read_bytes() == archive


def test_a_page_in_place_of_an_archive_is_shown(publisher, tmp_path):
    url = publisher.publish("/wav.zip", b"<!DOCTYPE html><title>Log in</title>")
    with pytest.raises(DownloadError, match="it begins with b'<!DOCTYPE html><'"):
        fetch_file(RemoteFile(url, "wav.zip"), tmp_path)


def test_a_disk_too_small_is_found_before_the_download(publisher, remote, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage._replace(free=10_239))
    with pytest.raises(
        DiskFullError,
        match=r"clips\.bin: the disk is full, 10,239 bytes are free for .*, 10,240 bytes are needed",
    ):
        fetch_file(remote, tmp_path)


def test_a_disk_that_fills_on_the_way_keeps_what_arrived(publisher, remote, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "BLOCK_BYTES", 4_000)

    def fill(_num_bytes):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError, match=rf"{remote.url} to .*clips\.bin: the disk is full.*by --root"):
        fetch_file(remote, tmp_path, fill)
    assert fetch_file(remote, tmp_path).read_bytes() == CONTENT
    assert publisher.ranges("/clips.bin") == [None, "bytes=4000-"]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(remote, tmp_path):
    (tmp_path / "sub").write_text("a file in place of a folder")
    with pytest.raises(
        DownloadError, match=r"cannot be written \(.*Mend that, or choose another folder by --root"
    ):
        fetch_file(remote, tmp_path / "sub")
