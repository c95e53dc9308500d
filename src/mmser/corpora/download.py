"""Fetch a corpus from its publisher.  corpus, root -> the published files below the root

A corpus goes to the folder that its source names. What is not yet whole lies in ``.download/<corpus>``, which
readers pass over, and which goes away when the corpus is complete.
"""

import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pooch
from tqdm.auto import tqdm

from mmser.corpora.base import Corpus, iter_files
from mmser.corpora.fetching import fetch_file, naming_os_errors
from mmser.corpora.sources import Archive, Dataverse, LfsRepository, RemoteFile, Source
from mmser.corpora.unpacking import is_pointer, is_safe, read_pointers, strip_top, unpack
from mmser.errors import DownloadError
from mmser.wording import count_of

STORE = ".download"
MAX_FAILED_FILES = 8  # of one corpus; after that many the rest is not tried

_CSV = re.compile(r".+\.csv", re.IGNORECASE)


def download_corpus(corpus: Corpus, root: Path, *, num_jobs: int = 8) -> bool:
    """Fetch what is missing of a corpus.

    Args:
        corpus: the corpus.
        root: the folder that holds the corpora; made where it is not there.
        num_jobs: files fetched at a time, where a corpus is published as single clips.

    Returns:
        False where the corpus was there already, complete, and nothing was done.

    Raises:
        DownloadError: the corpus is given on request only, or a file cannot be had, is not as published, or
            cannot be written, or clips are missing in the end. What has arrived is kept.
        DiskFullError: there is no room. What has arrived is kept.
    """
    info = corpus.info
    if info.source is None:
        raise DownloadError(f"{info.title} cannot be downloaded freely. {info.how_to_get}")
    if is_complete(corpus, root):
        return False
    store = root / STORE / info.name
    with naming_os_errors(f"{info.title} to {root}", root):
        store.mkdir(parents=True, exist_ok=True)
    files = _list_files(info.source, store)
    if isinstance(info.source, LfsRepository) and count_clips(corpus, root) >= info.num_clips:
        files = []  # the tables alone were missing
    _fetch_all(files, store, root / info.source.folder, num_jobs)
    _check_clips(corpus, root)
    shutil.rmtree(store, ignore_errors=True)
    if not any((root / STORE).iterdir()):
        (root / STORE).rmdir()
    return True


def is_complete(corpus: Corpus, root: Path) -> bool:
    """Whether every published clip lies below ``root``, in any layout, with the tables that go with it."""
    if not root.is_dir() or count_clips(corpus, root) < corpus.info.num_clips:
        return False
    if not isinstance(corpus.info.source, LfsRepository):
        return True
    tables = {Path(table).name for table in corpus.info.source.tables if _CSV.fullmatch(table)}
    return tables <= {path.name for path, _ in iter_files(root, _CSV)}


def count_clips(corpus: Corpus, root: Path) -> int:
    """Count the clips of a corpus below ``root``, without Git LFS pointers in place of audio."""
    return sum(not is_pointer(clip.path) for clip in corpus.iter_clips(root))


def _check_clips(corpus: Corpus, root: Path) -> None:
    """Make sure that a corpus of which everything was fetched is complete."""
    info = corpus.info
    num_clips = count_clips(corpus, root)
    if num_clips >= info.num_clips:
        return
    pointer = next((clip.path for clip in corpus.iter_clips(root) if is_pointer(clip.path)), None)
    next_step = (
        f"{pointer} is a Git LFS pointer, read before the clip that was fetched: remove that clone."
        if pointer
        else f"`mmser check --root {root}` names what is missing; see {info.url}."
    )
    raise DownloadError(
        f"{root}: everything published of {info.title} was fetched, and {count_of(num_clips, 'clip')} found, "
        f"expected {info.num_clips:,}. {next_step}"
    )


def _list_files(source: Source, store: Path) -> list[RemoteFile]:
    """The files of a corpus. What lists them is fetched first; tables that come with it are unpacked."""
    if isinstance(source, Archive):
        return [source.file]
    if isinstance(source, Dataverse):
        return _list_dataverse(source, store)
    archive = fetch_file(RemoteFile(source.archive_url, "repository.zip"), store)
    folder = store.parent.parent / source.folder
    unpack(archive, folder, lambda name: path if (path := strip_top(name)) in source.tables else None)
    pointers = read_pointers(archive, source.audio)
    if not pointers:
        raise DownloadError(
            f"{source.archive_url} ({archive}): holds no Git LFS pointer below {source.audio}, expected one "
            "a clip. Remove it and run the same command again."
        )
    return [
        RemoteFile(f"{source.media_url}{quote(path)}", path, size_bytes, f"sha256:{sha256}")
        for path, (sha256, size_bytes) in sorted(pointers.items())
    ]


def _list_dataverse(source: Dataverse, store: Path) -> list[RemoteFile]:
    """The public files of a dataset, as the repository lists them (Dataverse Native API, "List Files")."""
    url = (
        f"{source.api}/datasets/:persistentId/versions/:latest-published/files?persistentId=doi:{source.doi}"
    )
    listing = fetch_file(RemoteFile(url, "files.json"), store)
    try:
        entries = json.loads(listing.read_bytes())["data"]
        return [_read_entry(entry, source) for entry in entries if not entry.get("restricted")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        start = listing.read_bytes()[:60]
        listing.unlink()
        raise DownloadError(
            f"{url}: answers {start!r}, expected a list of files as Dataverse gives it "
            f"({type(error).__name__}: {error}). Try again later, or fetch the files by hand."
        ) from error


def _read_entry(entry: dict[str, Any], source: Dataverse) -> RemoteFile:
    file, folder = entry["dataFile"], entry.get("directoryLabel")
    path = "/".join(part for part in (folder, entry.get("label") or file["filename"]) if part)
    if not is_safe(path):
        raise ValueError(f"the file {path!r} would lie outside the corpus")
    stated = file.get("checksum") or {"type": "MD5", "value": file["md5"]}
    checksum = f"{stated['type'].replace('-', '').lower()}:{stated['value']}"
    return RemoteFile(f"{source.api}/access/datafile/{file['id']}", path, file.get("filesize"), checksum)


def _fetch_all(files: list[RemoteFile], store: Path, folder: Path, num_jobs: int) -> None:
    """Fetch files and put them in their places, several at a time.

    Raises:
        DownloadError: some cannot be had; the others are in place, unless too many fail.
        DiskFullError: there is no room.
    """
    sizes = [file.size_bytes for file in files]
    total = sum(size for size in sizes if size is not None) if None not in sizes else None
    with tqdm(total=total, desc=folder.name, unit="B", unit_scale=True, disable=None) as bar:
        if len(files) == 1:
            _place(files[0], store, folder, _Watch(bar))
            return
        failed, watch = [], _Watch(bar)
        with ThreadPoolExecutor(num_jobs) as pool:
            futures = [pool.submit(_place, file, store, folder, watch) for file in files]
            try:
                for future in as_completed(futures):
                    try:
                        future.result()
                    except DownloadError as error:
                        failed.append(error)
                        if len(failed) >= MAX_FAILED_FILES:
                            break
            finally:
                watch.stop()
                pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        num_files = count_of(len(files), "file")
        raise DownloadError(f"{len(failed)} of {num_files} failed, the first: {failed[0]}")


class _Watch:
    """What the threads of one corpus share: the bar, and the word to stop at the next block or pause."""

    def __init__(self, bar: tqdm):
        self._bar, self._stopped = bar, threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def progress(self, num_bytes: int) -> None:
        self.pause(0)
        self._bar.update(num_bytes)

    def pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise DownloadError("Stopped. What has arrived is kept.")


def _place(remote: RemoteFile, store: Path, folder: Path, watch: _Watch) -> None:
    """Fetch one file and put it below ``folder``; an archive is unpacked there."""
    if remote.path.endswith(".zip"):
        unpack(fetch_file(remote, store, watch.progress, watch.pause), folder)
        return
    target = folder / remote.path
    with naming_os_errors(f"{remote.url} to {target}", folder):
        if target.is_file() and pooch.hashes.hash_matches(str(target), remote.checksum or "none stated"):
            watch.progress(target.stat().st_size)
            return
        fetched = fetch_file(remote, store, watch.progress, watch.pause)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fetched, target)
