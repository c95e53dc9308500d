"""Unpack a zip archive, no member outside its folder and no file half written.  archive -> files"""

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from mmser.corpora.fetching import NO_ARCHIVE, check_room, naming_os_errors
from mmser.errors import DownloadError

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d+)\n"
)
MAX_POINTER_BYTES = 1024

_BLOCK_BYTES = 1 << 20


def unpack(
    archive: Path,
    folder: Path,
    path_of: Callable[[str], str | None] = lambda name: name,
) -> None:
    """Unpack an archive; what is there already, byte for byte, is left as it is.

    Members that begin with "." and what macOS adds are left out.

    Args:
        archive: the zip file.
        folder: the folder to unpack into.
        path_of: name of a member -> where it belongs below ``folder``, or None to leave it out.

    Raises:
        DownloadError: it is no whole archive, or a member would lie outside ``folder``; in the second case
            nothing is unpacked.
        DiskFullError: there is no room.
    """
    try:
        with zipfile.ZipFile(archive) as opened, naming_os_errors(f"{archive} into {folder}", folder):
            members = list(_iter_members(opened, archive, folder, path_of))
            missing = [(member, path) for member, path in members if not _is_there(member, path)]
            folder.mkdir(parents=True, exist_ok=True)
            check_room(str(archive), folder, sum(member.file_size for member, _ in missing))
            for member, path in missing:
                _write_member(opened, member, path)
    except NO_ARCHIVE as error:
        raise DownloadError(
            f"{archive}: is no whole zip archive ({error}). Remove it and run the same command again."
        ) from error


def read_pointers(archive: Path, in_folder: str) -> dict[str, tuple[str, int]]:
    """Read the Git LFS pointers that the archive of a commit holds in one folder.

    Args:
        archive: the archive, with one folder around everything.
        in_folder: the folder in the repository.

    Returns:
        Path in the repository -> SHA-256 and size in bytes of the file that the pointer stands for.
    """
    pointers = {}
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            path = strip_top(member.filename)
            if path.startswith(f"{in_folder}/") and member.file_size <= MAX_POINTER_BYTES:
                match = _POINTER.match(opened.read(member))
                if match:
                    pointers[path] = match["sha256"].decode(), int(match["size"])
    return pointers


def is_pointer(path: Path) -> bool:
    """Whether a file is a Git LFS pointer in place of audio."""
    return path.stat().st_size <= MAX_POINTER_BYTES and bool(_POINTER.match(path.read_bytes()))


def strip_top(name: str) -> str:
    """The name of a member without the folder around everything."""
    return name.partition("/")[2]


def is_safe(path: str) -> bool:
    """Whether a published path stays below the folder that it is put into, on any system."""
    return bool(path) and ".." not in PurePosixPath(path).parts and not re.search(r"^/|[\\:\x00]", path)


def _iter_members(
    opened: zipfile.ZipFile, archive: Path, folder: Path, path_of: Callable[[str], str | None]
) -> Iterator[tuple[zipfile.ZipInfo, Path]]:
    """The files to unpack and where each belongs."""
    for member in opened.infolist():
        name = member.orig_filename.replace("\\", "/")  # some archives made on Windows hold "\\"
        if stat.S_ISLNK(member.external_attr >> 16) or not is_safe(name):
            raise DownloadError(
                f"{archive}: its member {member.orig_filename!r} would lie outside {folder} or is a link, "
                "expected files below it. Nothing was unpacked; do not trust this archive."
            )
        path = path_of(name)
        if path is None or name.endswith("/"):
            continue
        parts = PurePosixPath(path).parts
        if parts[0] != "__MACOSX" and not any(part.startswith(".") for part in parts):
            yield member, folder / path


def _is_there(member: zipfile.ZipInfo, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != member.file_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum == member.CRC


def _write_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write a member beside its place, then move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with opened.open(member) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, _BLOCK_BYTES)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
