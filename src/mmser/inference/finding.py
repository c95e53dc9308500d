"""Find the recordings that somebody means.  files, folders, patterns, a list on stdin -> paths"""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmser.errors import AudioError

STDIN = "-"
# What libsndfile reads and people record in; a file that is named itself may have any suffix.
SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav"}
)


class Found(NamedTuple):
    """A recording, or an input that stands for none.

    Attributes:
        name: path of the recording, or the input.
        error: what is wrong with the input; None of a recording.
    """

    name: str
    error: AudioError | None = None


def find_recordings(inputs: Sequence[str], stdin: Iterable[str]) -> Iterator[Found]:
    """Look up what was asked for.

    Args:
        inputs: files; folders, which stand for the recordings at any depth in them; patterns (``*``, ``?``,
            ``**``); "-" for a list on stdin.
        stdin: lines, a file, folder or pattern each; empty ones are passed by.

    Yields:
        Recordings, each once, in the order of the inputs and within one in that of names; and each input that
        stands for none.
    """
    seen: set[Path] = set()
    for each in _iter_lines(inputs, stdin):
        try:
            found = list(_expand(each))
            missing = "" if found else _say_missing(each)
        except OSError as error:  # a name too long, a folder that may not be read
            found, missing = [], f"{each}: cannot be looked up ({error.strerror}). Expected a file's name."
        if missing:
            yield Found(each, AudioError("not-found", missing))
        for path in found:
            if path not in seen:
                seen.add(path)
                yield Found(str(path))


def _iter_lines(inputs: Sequence[str], stdin: Iterable[str]) -> Iterator[str]:
    for each in inputs:
        if each == STDIN:
            yield from (line.rstrip("\r\n") for line in stdin if line.strip())
        else:
            yield each


def _expand(given: str) -> Iterator[Path]:
    path = Path(given)
    if path.is_dir():
        yield from sorted(
            each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file()
        )
    elif path.exists():
        yield path
    else:
        names = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - Path.glob knows no absolute ones
        yield from (Path(name) for name in names if Path(name).is_file())


def _say_missing(given: str) -> str:
    if Path(given).is_dir():
        return f"{given}: holds no recording; looked for {', '.join(sorted(SUFFIXES))}."
    kind = "no file matches this pattern" if glob.has_magic(given) else "no such file or folder"
    return f"{given}: {kind}."
