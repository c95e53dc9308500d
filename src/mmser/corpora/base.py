"""What a corpus reader is and what it yields.  corpus folder -> Clip rows"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


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


@dataclass(frozen=True)
class CorpusInfo:
    """The sheet of a corpus: published figures, licence and where to get it."""

    name: str
    title: str
    num_clips: int
    num_speakers: int
    language: str
    license: str
    url: str
    how_to_get: str
    citation: str


@dataclass(frozen=True)
class Corpus:
    """A corpus that mmser can read: its sheet and its reader.

    ``iter_clips(root)`` yields the clips of this corpus found anywhere below ``root``, sorted by id, each
    published clip once; it yields nothing where the corpus is not there.
    """

    info: CorpusInfo
    iter_clips: Callable[[Path], Iterator[Clip]]


def iter_files(root: Path, pattern: re.Pattern[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    """Walk ``root`` and yield the files whose whole name matches ``pattern``, in sorted order.

    Names that begin with "." are skipped. Linked folders are followed, each real folder once.
    """
    seen: set[Path] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
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
