import stat
import zipfile
from types import SimpleNamespace

import pytest

from factories_http import files_below, make_pointer, make_zip
from mmser.corpora import fetching
from mmser.corpora.unpacking import is_pointer, read_pointers, strip_top, unpack
from mmser.errors import DiskFullError, DownloadError


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "corpus.zip"


def test_members_keep_their_folders(archive, tmp_path):
    archive.write_bytes(make_zip({"wav/": b"", "wav/a.wav": b"a", "read.me": b"b"}))
    unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {"wav/a.wav": b"a", "read.me": b"b"}


def test_members_with_the_separator_of_windows_keep_their_folders(archive, tmp_path):
    archive.write_bytes(make_zip({"wav\\a.wav": b"a"}))
    unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {"wav/a.wav": b"a"}


def test_what_macos_adds_is_left_out(archive, tmp_path):
    archive.write_bytes(make_zip({"__MACOSX/wav/._a.wav": b"x", "wav/.DS_Store": b"x", "wav/a.wav": b"a"}))
    unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {"wav/a.wav": b"a"}


def test_members_may_be_chosen_and_renamed(archive, tmp_path):
    archive.write_bytes(make_zip({"top/a.csv": b"a", "top/sub/b.csv": b"b"}))
    unpack(archive, tmp_path / "out", lambda name: strip_top(name) if "b" in name else None)
    assert files_below(tmp_path / "out") == {"sub/b.csv": b"b"}


def test_files_that_are_there_are_left_and_damaged_ones_replaced(archive, tmp_path):
    archive.write_bytes(make_zip({"same.wav": b"same", "short.wav": b"whole", "other.wav": b"right"}))
    out = tmp_path / "out"
    out.mkdir()
    for name, content in {"same.wav": b"same", "short.wav": b"who", "other.wav": b"wrong"}.items():
        (out / name).write_bytes(content)
    written_before = (out / "same.wav").stat().st_ino
    unpack(archive, out)
    assert files_below(out) == {"same.wav": b"same", "short.wav": b"whole", "other.wav": b"right"}
    assert (out / "same.wav").stat().st_ino == written_before


@pytest.mark.parametrize(
    "name",
    [
        "../evil.wav",
        "wav/../../evil.wav",
        "/evil.wav",
        "..\\evil.wav",
        "\\evil.wav",
        "C:\\evil.wav",
        "C:/evil",
    ],
)
def test_a_member_outside_the_folder_is_refused_and_nothing_unpacked(archive, tmp_path, name):
    archive.write_bytes(make_zip({"good.wav": b"good", name: b"evil"}))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(
        DownloadError, match=r"corpus\.zip: its member .*evil.* would lie outside .*do not trust"
    ):
        unpack(archive, tmp_path / "out")
    assert set(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_refused(archive, tmp_path):
    with zipfile.ZipFile(archive, "w") as opened:
        link = zipfile.ZipInfo("wav")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc")
    with pytest.raises(DownloadError, match=r"'wav' would lie outside .* or is a link"):
        unpack(archive, tmp_path / "out")


def test_a_damaged_member_is_an_error_and_leaves_no_half_file(archive, tmp_path):
    content = make_zip({"a.wav": b"a" * 100, "b.wav": b"b" * 100})
    archive.write_bytes(content.replace(b"b" * 100, b"b" * 99 + b"c"))
    with pytest.raises(DownloadError, match=r"corpus\.zip: is no whole zip archive \(Bad CRC-32 .*b\.wav"):
        unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {"a.wav": b"a" * 100}


def test_a_truncated_archive_is_an_error(archive, tmp_path):
    archive.write_bytes(make_zip({"a.wav": b"a" * 100})[:-10])
    with pytest.raises(DownloadError, match=r"is no whole zip archive .*Remove it and run the same command"):
        unpack(archive, tmp_path / "out")


def test_room_for_everything_is_looked_for_first(archive, tmp_path, monkeypatch):
    archive.write_bytes(make_zip({"a.wav": b"a" * 60, "b.wav": b"b" * 40}))
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: SimpleNamespace(free=99))
    with pytest.raises(DiskFullError, match=r"99 bytes are free for .*, 100 bytes are needed"):
        unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {}


def test_a_file_in_the_place_of_the_folder_is_an_error(archive, tmp_path):
    archive.write_bytes(make_zip({"wav/a.wav": b"a"}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "wav").touch()
    with pytest.raises(DownloadError, match=r"corpus\.zip into .*out: cannot be written"):
        unpack(archive, tmp_path / "out")


def test_pointers_state_checksum_and_size(archive):
    archive.write_bytes(
        make_zip(
            {
                "repo-1/AudioWAV/a.wav": make_pointer(b"audio"),
                "repo-1/AudioMP3/a.mp3": make_pointer(b"other"),
                "repo-1/AudioWAV/notes.txt": b"not a pointer",
            }
        )
    )
    # printf audio | sha256sum
    sha256 = "6ed8919ce20490a5e3ad8630a4fab69475297abd07db73918dd5f36fcfaeb11b"
    assert read_pointers(archive, "AudioWAV") == {"AudioWAV/a.wav": (sha256, 5)}


def test_a_pointer_is_told_from_audio(tmp_path):
    (tmp_path / "a.wav").write_bytes(make_pointer(b"audio"))
    (tmp_path / "b.wav").write_bytes(b"RIFF" + bytes(40))
    assert is_pointer(tmp_path / "a.wav")
    assert not is_pointer(tmp_path / "b.wav")
