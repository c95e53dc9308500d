"""Clean clips once and keep them.  rows -> the same rows with hash and duration, or the reason why not

A cleaned clip lies at ``<cache-dir>/clean/<settings>/<aa>/<SHA-256 of its file>.flac``, written beside and
moved into place: a killed build leaves whole files, and the next one, of any protocol, goes on from there.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from datasets import Dataset, Features, List, Value

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import SAMPLE_RATE_HZ, decode_flac, encode_flac, hash_waveform, quantize, read_waveform
from mmser.curation.rows import map_rows
from mmser.errors import AudioError

_CLEANING_VERSION = 3  # raise it when clean_waveform gives other samples for the same settings
_TEXT = Value("string")
_TEXT_COLUMNS = (
    *("id", "path", "label", "corpus", "speaker", "gender", "sentence", "reference", "emotion", "split"),
)
ROW_FEATURES = Features(
    dict.fromkeys(_TEXT_COLUMNS, _TEXT)
    | {"labels": List(_TEXT), "votes": List({"emotion": _TEXT, "count": Value("int32")})}
)
_FOUND_FEATURES = Features(
    dict.fromkeys(("file_sha256", "sha256", "reason", "detail"), _TEXT) | {"duration_s": Value("float64")}
)


def default_cache_dir() -> Path:
    """Return ``$MMSER_CACHE``, else ``~/.cache/mmser``."""
    return Path(os.environ.get("MMSER_CACHE") or Path.home() / ".cache" / "mmser")


def opened_dir(cache_dir: str | Path | None = None) -> Path:
    """Return where ``datasets`` unpacks the corpora that are opened: a copy of each as large as itself.

    Args:
        cache_dir: the cache folder; None for :func:`default_cache_dir`.
    """
    return Path(cache_dir or default_cache_dir()) / "opened"


@dataclass(frozen=True)
class CleanStore:
    """The cleaned clips of one cache folder under one set of settings."""

    cache_dir: Path
    settings: CleaningSettings

    @cached_property
    def folder(self) -> Path:
        """Where the clips lie: the settings, and the versions of what carries them out, are in its name."""
        parts = self.settings.to_dict() | {name: version(name) for name in ("noisereduce", "soxr")}
        del parts["min_duration_s"]  # decides what a corpus keeps, not how a clip sounds
        content = json.dumps(parts | {"version": _CLEANING_VERSION}, sort_keys=True)
        return self.cache_dir / "clean" / hashlib.sha256(content.encode()).hexdigest()[:16]

    def path_of(self, file_sha256: str) -> Path:
        """Return where the cleaned clip of a source file lies, or will."""
        return self.folder / file_sha256[:2] / f"{file_sha256}.flac"

    def read_waveform(self, file_sha256: str) -> np.ndarray:
        """Read a cleaned clip, float32 (S,), at 16 kHz."""
        return decode_flac(self.path_of(file_sha256).read_bytes())

    def clean_file(self, path: Path) -> tuple[str, np.ndarray]:
        """Clean a recording, or find it cleaned.

        Args:
            path: the recording.

        Returns:
            SHA-256 of the file, and the cleaned waveform as stored, float32 (S,), at 16 kHz.

        Raises:
            AudioError: it cannot be read or cleaned.
            OSError: the cache folder cannot be written.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise AudioError("unreadable", f"{path}: cannot be read ({error.strerror}).") from error
        file_sha256 = hashlib.sha256(content).hexdigest()
        stored = self._read(file_sha256)
        if stored is None:
            stored = self._clean(content, path, file_sha256)
        return file_sha256, stored

    def _read(self, file_sha256: str) -> np.ndarray | None:
        """What the store has of a file; None where it has nothing, or something damaged."""
        path = self.path_of(file_sha256)
        refusal = path.with_suffix(".json")
        try:
            return decode_flac(path.read_bytes())
        except (FileNotFoundError, soundfile.SoundFileError):
            pass
        try:
            known = json.loads(refusal.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        raise AudioError(known["reason"], known["detail"])

    def _clean(self, content: bytes, source: Path, file_sha256: str) -> np.ndarray:
        waveform, rate_hz = read_waveform(content, where=str(source))
        path = self.path_of(file_sha256)
        try:
            cleaned = clean_waveform(waveform, rate_hz, self.settings)
        except AudioError as error:
            refusal = json.dumps({"reason": error.reason, "detail": str(error)})
            _write_whole(path.with_suffix(".json"), refusal.encode())
            raise
        except Exception as error:  # one odd clip among thousands must not end a build
            raise AudioError("cleaning-failed", f"{source}: {type(error).__name__}: {error}") from error
        _write_whole(path, encode_flac(cleaned))
        return quantize(cleaned)


def clean_clips(rows: Dataset, store: CleanStore, *, num_proc: int, cache_file: Path) -> Dataset:
    """Clean the clips of all rows, in parallel, with a progress bar.

    Args:
        rows: with the columns of ``ROW_FEATURES``.
        store: where cleaned clips are found and kept.
        num_proc: worker processes.
        cache_file: where ``datasets`` keeps the result.

    Returns:
        The rows with ``file_sha256``, ``sha256`` (of the cleaned waveform), ``duration_s``, and ``reason``
        and ``detail``, which are "" where the clip can be used.
    """
    return map_rows(
        rows,
        partial(_clean_row, store=store),
        num_proc=num_proc,
        features=Features(dict(ROW_FEATURES) | dict(_FOUND_FEATURES)),
        cache_file_name=str(cache_file),
        new_fingerprint="cleaned",
        desc="Cleaning",
    )


def find_same_bytes(
    paths: Iterable[Path], sizes: Collection[int], hashes: Collection[str]
) -> dict[Path, str]:
    """Find the files that hold the same bytes as one of some others.

    Args:
        paths: the files; only those of the size of another are read, and what cannot be read is like none.
        sizes: of the others, in bytes.
        hashes: their SHA-256.

    Returns:
        File -> its SHA-256, of those that are found.
    """
    found = {}
    for path in paths:
        try:
            if path.stat().st_size not in sizes:
                continue
            with path.open("rb") as file:
                file_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
        if file_sha256 in hashes:
            found[path] = file_sha256
    return found


def _clean_row(row: dict[str, Any], store: CleanStore) -> dict[str, Any]:
    found = {"file_sha256": "", "sha256": "", "reason": "", "detail": "", "duration_s": 0.0}
    try:
        found["file_sha256"], waveform = store.clean_file(Path(row["path"]))
    except AudioError as error:
        return found | {"reason": error.reason, "detail": str(error)}
    return found | {"sha256": hash_waveform(waveform), "duration_s": len(waveform) / SAMPLE_RATE_HZ}


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also with several writers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
