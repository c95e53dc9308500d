"""What a corpus reader is, what it yields and what readers share.  corpus folder -> Clip rows"""

import csv
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
        emotion: canonical emotion (``mmser.labels.EMOTIONS``).
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

    ``source`` is what ``mmser download`` fetches, or None where the corpus is given on request.
    """

    name: str
    title: str
    num_clips: int
    num_speakers: int
    language: str
    license: str
    url: str
    how_to_get: str
    citation: str
    source: Source | None = None


@dataclass(frozen=True)
class Corpus:
    """A corpus that mmser can read: its sheet and its reader.

    ``iter_clips(root)`` yields the clips of this corpus found anywhere below ``root``, sorted by id, each
    published clip once; it yields nothing where the corpus is not there. ``emotions`` are the canonical
    emotions that it can yield.
    """

    info: CorpusInfo
    iter_clips: Callable[[Path], Iterator[Clip]]
    emotions: frozenset[str] = frozenset()


def iter_files(root: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    """Walk ``root`` and yield the files whose whole name matches ``pattern``, in sorted order.

    Names that begin with "." are skipped. Linked folders are followed, each real folder once. A folder that
    cannot be listed is logged as a warning.
    """
    seen: set[Path] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_warn_unlisted):
        real = Path(folder).resolve()
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            match = pattern.fullmatch(name)
            if match and not name.startswith("."):
                yield Path(folder, name), match


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
        if name not in found or _copy_order(path) < _copy_order(found[name][0]):
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


def read_table(root: Path, name: str, columns: Iterable[str]) -> tuple[Path, list[dict[str, str]]] | None:
    """Read a CSV table of that file name found below ``root``, or return None where there is none.

    Args:
        root: the folder to search.
        name: file name; upper and lower case are the same. Of several files one is taken as for clips.
        columns: columns that the caller needs.

    Returns:
        The file and its rows, column -> value.

    Raises:
        LabelFileError: one of ``columns`` is missing.
    """
    pattern = re.compile(re.escape(name), re.IGNORECASE)
    for _, path, _ in iter_published(root, pattern, lambda *_: name):
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                raise LabelFileError(
                    f"{path}: has no column {missing}, found {list(reader.fieldnames or ())}. "
                    "Put back the published table (in a Git clone, `git lfs pull`), or remove the file."
                )
            return path, list(reader)
    return None


def _copy_order(path: Path) -> tuple[int, Path]:
    """The order in which copies of one clip are preferred."""
    return len(path.parts), path


def _warn_unlisted(error: OSError) -> None:
    logger.warning("%s: cannot be listed (%s); nothing below it is read.", error.filename, error.strerror)
