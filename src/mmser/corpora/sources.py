"""Where a corpus is fetched from: facts alone, no network.

A checksum stands here only where its publisher states one. Where none is stated the size is checked if it is
known, and an archive is read whole against the checksums of its members.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        url: where it is.
        path: where it belongs below the folder of its corpus, with "/".
        size_bytes: as published, or None where that is not said.
        checksum: "md5:…", "sha1:…" or "sha256:…" as published, or "".
    """

    url: str
    path: str
    size_bytes: int | None = None
    checksum: str = ""


@dataclass(frozen=True)
class Archive:
    """One zip archive, unpacked as it is.

    Attributes:
        folder: the folder below the root.
        file: the archive.
    """

    folder: str
    file: RemoteFile


@dataclass(frozen=True)
class Dataverse:
    """A dataset of a Dataverse repository, which states name, size and checksum of each file.

    Attributes:
        folder: the folder below the root.
        api: address of the repository's API.
        doi: the dataset.
    """

    folder: str
    api: str
    doi: str


@dataclass(frozen=True)
class LfsRepository:
    """One commit of a Git repository whose audio is in Git LFS.

    The archive of the commit holds the tables, and in place of each clip a pointer that states its SHA-256
    and size.

    Attributes:
        folder: the folder below the root.
        archive_url: the archive of the commit, without the LFS files.
        media_url: address of the LFS files, to which their path is added.
        audio: the folder of the clips.
        tables: the other files to unpack.
    """

    folder: str
    archive_url: str
    media_url: str
    audio: str
    tables: tuple[str, ...]


Source = Archive | Dataverse | LfsRepository
