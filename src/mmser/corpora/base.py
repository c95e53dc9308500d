"""What a corpus reader is, what it yields and what readers share.  corpus folder -> Clip rows"""

import csv
import io
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmser.corpora.sources import Source
from mmser.errors import LabelFileError, UnknownEmotionError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clip:
    """One published recording, before anything is done to it.

    Attributes:
        id: "<corpus>/<published name without suffix>", unique and the same under any folder layout.
        path: the audio file.
        corpus: name in ``mmser.corpora.CORPORA``; the part of ``id`` before the slash.
        emotion: canonical emotion (``mmser.labels.EMOTIONS``); "" where the label files do not list the clip.
        speaker: "<corpus>/<speaker>", e.g. "ravdess/16".
        gender: "female", "male" or "" where the corpus does not say.
        sentence: id of the prompt that was spoken, within the corpus; "" where it is free speech.
        reference: the sentence as the corpus gives it, or "".
        votes: canonical emotion -> number of raters who heard it; empty where the corpus has no raters.
        heard: canonical emotions that count as what its raters heard, sorted: the labels of a multi-label
            scheme; empty where the corpus has no raters.
        split: "train", "validation" or "test" where the corpus divides itself, else "".
    """

    id: str
    path: Path
    corpus: str
    emotion: str
    speaker: str
    gender: str
    sentence: str = ""
    reference: str = ""
    votes: dict[str, int] = field(default_factory=dict)
    heard: tuple[str, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class CorpusInfo:
    """The sheet of a corpus: published figures, licence and where to get it.

    ``sharing`` is what the licence says of publishing clips that were cleaned and cut, and ``may_be_shared``
    whether they may be. ``source`` is what ``mmser download`` fetches, or None where the corpus is given on
    request.
    """

    name: str
    title: str
    num_clips: int
    num_speakers: int
    language: str
    license: str
    may_be_shared: bool
    sharing: str
    url: str
    how_to_get: str
    citation: str
    source: Source | None = None


@dataclass(frozen=True)
class Naming:
    """How a corpus names its audio files.

    Attributes:
        pattern: matches the whole file name.
        name_of: the published name, without suffix, of a file that matches; None where the file is not the
            corpus's after all.
    """

    pattern: re.Pattern[str]
    name_of: Callable[[Path, re.Match[str]], str | None]

    def read_name(self, path: Path) -> str | None:
        """Return the published name of a file, or None where the corpus does not name files so."""
        match = self.pattern.fullmatch(path.name)
        return self.name_of(path, match) if match else None


@dataclass(frozen=True)
class Corpus:
    """A corpus that mmser can read: its sheet and its reader.

    ``iter_clips(root)`` yields the clips of this corpus found anywhere below ``root``, sorted by id, each
    published clip once; it yields nothing where the corpus is not there. ``emotions`` are the canonical
    emotions that it can yield. ``naming`` is how the reader knows its files; None where a table lists them.
    """

    info: CorpusInfo
    iter_clips: Callable[[Path], Iterator[Clip]]
    emotions: frozenset[str] = frozenset()
    naming: Naming | None = None


def iter_files(
    root: Path, pattern: re.Pattern[str], on_unlisted: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, re.Match[str]]]:
    """Walk ``root`` and yield the files whose whole name matches ``pattern``, in sorted order.

    Names that begin with "." and pipes are skipped. Linked folders are followed, each real folder once. A
    folder that cannot be listed is given to ``on_unlisted``, or logged as a warning.
    """
    seen: set[Path] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=on_unlisted or _warn_unlisted):
        real = Path(folder).resolve()
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            match, path = pattern.fullmatch(name), Path(folder, name)
            is_special = path.exists() and not path.is_file()  # a pipe, whose reader would wait for ever
            if match and not name.startswith(".") and not is_special:
                yield path, match


def iter_published(
    root: Path, pattern: re.Pattern[str], name_of: Callable[[Path, re.Match[str]], str | None]
) -> Iterator[tuple[str, Path, re.Match[str]]]:
    """Yield (published name, file, match) below ``root``, sorted by published name, each name once.

    Archives that hold a corpus twice, and two layouts of one corpus side by side, are read once: of the
    copies the one with the fewest folders above it is taken, and of those the first by path.

    Args:
        root: the folder to search, with everything below it.
        pattern: matches the whole file name.
        name_of: the published name of a file, or None where the file is not the corpus's after all.
    """
    found: dict[str, tuple[Path, re.Match[str]]] = {}
    for path, match in iter_files(root, pattern):
        name = name_of(path, match)
        if name is None:
            continue
        if name not in found or copy_order(path) < copy_order(found[name][0]):
            found[name] = path, match
    for name in sorted(found):
        yield name, *found[name]


def emotion_of(code: str, emotions: Mapping[str, str], where: Path | str) -> str:
    """Look up the canonical emotion of a corpus's own code.

    Raises:
        UnknownEmotionError: the corpus does not define ``code``.
    """
    if code not in emotions:
        raise UnknownEmotionError(
            f"{where}: emotion code {code!r} is not one of {sorted(emotions)}. "
            "Correct it, or move the file out of the corpus folder if it is not part of the corpus."
        )
    return emotions[code]


def decode_text(content: bytes) -> str:
    """Decode a text file: UTF-8 with or without its mark, else Windows-1252, which is Latin-1 with quotes."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_text(path: Path) -> str:
    """Read a label file or table, decoded by :func:`decode_text`.

    Raises:
        LabelFileError: the file cannot be read.
    """
    try:
        return decode_text(path.read_bytes())
    except OSError as error:
        raise LabelFileError(
            f"{path}: cannot be read ({error.strerror}). Copy it again, or mend its permissions."
        ) from error


def read_table(root: Path, name: str, columns: Iterable[str]) -> tuple[Path, list[dict[str, str]]] | None:
    """Read a CSV table of that file name found below ``root``, or return None where there is none.

    Args:
        root: the folder to search.
        name: file name; upper and lower case are the same. Of several files one is taken as for clips.
        columns: columns that the caller needs.

    Returns:
        The file and its rows, column -> value.

    Raises:
        LabelFileError: it cannot be read, is no table, or one of ``columns`` is missing.
    """
    pattern = re.compile(re.escape(name), re.IGNORECASE)
    for _, path, _ in iter_published(root, pattern, lambda *_: name):
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="")
        try:
            found = list(reader.fieldnames or ())
            rows = list(reader)
        except csv.Error as error:
            raise LabelFileError(
                f"{path}, line {reader.line_num}: {error}. Put back the published table, or remove the file."
            ) from error
        missing = sorted(set(columns) - set(found))
        if missing:
            raise LabelFileError(
                f"{path}: has no column {missing}, found {found}. "
                "Put back the published table (in a Git clone, `git lfs pull`), or remove the file."
            )
        return path, rows
    return None


def copy_order(path: Path) -> tuple[int, Path]:
    """Return the key by which copies of one clip are sorted, the one that is read first."""
    return len(path.parts), path


def _warn_unlisted(error: OSError) -> None:
    logger.warning("%s: cannot be listed (%s); nothing below it is read.", error.filename, error.strerror)
