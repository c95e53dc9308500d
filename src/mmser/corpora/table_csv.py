"""Read a user's own table of recordings, named ``csv:mine.csv``.  CSV file -> Clip rows

Columns: path, emotion, speaker; and, where there are any, text, gender, split, language. Paths are relative
to the table. It may be separated by comma, semicolon, tab or "|", and written as UTF-8 or Latin-1.
"""

import csv
import io
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmser.corpora.base import Clip, Corpus, CorpusInfo, read_text
from mmser.corpora.emotion_words import find_map_beside, make_word_table, normalise_word
from mmser.errors import CorpusNotFoundError, LabelFileError, MmserError, SettingsError, UnknownEmotionError
from mmser.labels import EMOTIONS
from mmser.wording import count_of

logger = logging.getLogger(__name__)

PREFIX = "csv:"
REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("text", "gender", "split", "language")
GENDERS = {"f": "female", "female": "female", "w": "female", "m": "male", "male": "male"}
SPLITS = {
    "train": "train",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}

_SEPARATORS = ",;\t|"
_NAME = re.compile(r"[\w.-]+")
_LANGUAGE = re.compile(r"(?P<code>[a-z]{2,3})([-_]\w+)?", re.IGNORECASE)  # "en", "de-AT"
_MARKS = re.compile(r"[^\w\s']|_")
_NUM_SHOWN = 3


class _Row(NamedTuple):
    """A line of the table: its number, its cells by column ("" for a column that is not there), its file."""

    line: int
    cells: dict[str, str]
    path: Path


def open_table(path: Path, emotion_map: Mapping[str, str] | None = None) -> Corpus:
    """Read a table whole and check each line.

    Args:
        path: the CSV file; its name without suffix becomes the name of the corpus.
        emotion_map: the table's words -> canonical emotions. A map in ``<name>.json`` or ``<name>.yaml``
            beside the table comes next, then canonical emotions and common English words for them.

    Returns:
        The corpus; its reader yields the same clips for any root. ``sentence`` of a clip is its text in lower
        case without marks, so that clips of equal text have one sentence.

    Raises:
        CorpusNotFoundError: there is no such file.
        SettingsError: its name cannot name a corpus, or the map beside it holds no pairs.
        UnknownNameError: the map beside it names an emotion that is not canonical.
        LabelFileError: a column is missing, a line does not follow the header, a file is not there or named
            twice, a cell that must be filled is empty, or a split or language is unknown.
        UnknownEmotionError: an emotion is written in a word that no map knows.
    """
    if not path.is_file():
        raise CorpusNotFoundError(
            f"{path}: no such file, expected a table with the columns {', '.join(REQUIRED)}. "
            "Give its path from the folder in which the command is started."
        )
    name = path.stem
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{path}: {name!r} becomes part of each clip's id, expected letters, digits, '.', '_' and '-'. "
            "Rename the file."
        )
    rows = _read_rows(path)
    words = make_word_table(find_map_beside(path), emotion_map or {})
    _check_rows(path, rows, words)
    clips = sorted(
        (
            _make_clip(name, clip_name, row, words)
            for clip_name, row in zip(_clip_names(rows), rows, strict=True)
        ),
        key=lambda clip: clip.id,
    )
    info = _make_info(name, rows, clips)
    return Corpus(info, lambda root: iter(clips), frozenset(clip.emotion for clip in clips))


def _read_rows(path: Path) -> list[_Row]:
    text = read_text(path)
    if "\0" in text:
        raise LabelFileError(f"{path}: holds zero bytes, expected text. Save the table as 'CSV UTF-8'.")
    if not text.strip():
        raise LabelFileError(f"{path}: is empty, expected a table with the columns {', '.join(REQUIRED)}.")
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    separator = max(_SEPARATORS, key=lambda each: len({*REQUIRED} & {*_split_header(header, each)}))
    columns = _split_header(header, separator)
    _check_columns(path, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = []
    try:
        next(reader)
        for record in reader:
            if not any(cell.strip() for cell in record):
                continue
            if len(record) != len(columns):
                remedy = (
                    f"Put a cell that holds {separator!r} in double quotes."
                    if len(record) > len(columns)
                    else "Leave a cell that is not known empty, but keep its place."
                )
                raise LabelFileError(
                    f"{path}, line {reader.line_num}: {count_of(len(record), 'cell')}, expected"
                    f" {len(columns)} as in the first line. {remedy}"
                )
            cells = zip(columns, (" ".join(cell.split()) for cell in record), strict=True)
            rows.append(_make_row(path, reader.line_num, dict(cells)))
    except csv.Error as error:
        raise LabelFileError(f"{path}, line {reader.line_num}: {error}. Correct the quotes there.") from error
    if not rows:
        raise LabelFileError(f"{path}: holds no line below the first, expected one a recording.")
    return rows


def _split_header(header: str, separator: str) -> list[str]:
    return [cell.strip(' \t\r"').lower() for cell in header.split(separator)]


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    known = (*REQUIRED, *OPTIONAL)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise LabelFileError(
            f"{path}, line 1: has no column {missing}, found {list(columns)}. The first line names the "
            f"columns: {', '.join(REQUIRED)}, and where there are any {', '.join(OPTIONAL)}."
        )
    twice = [name for name, count in Counter(columns).items() if count > 1 and name in known]
    if twice:
        raise LabelFileError(f"{path}, line 1: names the column {twice} twice. Rename one of the two.")


def _make_row(table: Path, line: int, cells: dict[str, str]) -> _Row:
    """A row with the file that it names; tables made under Windows part folders by a backslash."""
    path = table.parent / cells["path"]
    if "\\" in cells["path"] and not path.is_file():
        path = table.parent / cells["path"].replace("\\", "/")
    return _Row(line, dict.fromkeys(OPTIONAL, "") | cells, path)


def _check_rows(table: Path, rows: Sequence[_Row], words: Mapping[str, str]) -> None:
    def refuse(column: str, problem: str, bad: Sequence[_Row], next_step: str) -> None:
        if bad:
            raise _describe(table, column, problem, bad, next_step)

    for column in REQUIRED:
        refuse(column, "empty", [row for row in rows if not row.cells[column]], "Fill the cell.")
    lost = [row for row in rows if not row.path.is_file()]
    refuse("path", "no such file below the table's folder", lost, "Correct the line, or remove it.")
    seen: dict[Path, _Row] = {}
    again = [row for row in rows if seen.setdefault(row.path.resolve(), row) is not row]
    if again:
        first = seen[again[0].path.resolve()].line
        refuse("path", f"the file of line {first} again", again, "Remove one of the two lines.")
    unknown = [row for row in rows if normalise_word(row.cells["emotion"]) not in words]
    refuse(
        "emotion",
        f"unknown, expected one of {list(EMOTIONS)} or a common word for one",
        unknown,
        f"Say what it means: --emotion-map WORD=EMOTION,… or pairs in {table.stem}.json beside the table.",
    )
    odd = [row for row in rows if row.cells["split"] and row.cells["split"].lower() not in SPLITS]
    refuse("split", f"expected one of {list(SPLITS)}, or nothing", odd, "Correct the line.")
    odd = [row for row in rows if row.cells["language"] and not _LANGUAGE.fullmatch(row.cells["language"])]
    refuse("language", "expected a code such as 'en' or 'de', or nothing", odd, "Correct the line.")
    odd = [row for row in rows if row.cells["gender"] and row.cells["gender"].lower() not in GENDERS]
    if odd:
        logger.warning("%s", _describe(table, "gender", "kept as not said", odd, f"Known: {list(GENDERS)}."))


def _describe(table: Path, column: str, problem: str, bad: Sequence[_Row], next_step: str) -> MmserError:
    """What is wrong with the first of some rows, and where the others are."""
    more = f" (and lines {', '.join(str(row.line) for row in bad[1 : 1 + _NUM_SHOWN])}" if bad[1:] else ""
    more += f", {len(bad)} in all)" if bad[1 + _NUM_SHOWN :] else ")" if more else ""
    message = f"{table}, line {bad[0].line}{more}: {column} {bad[0].cells[column]!r}: {problem}. {next_step}"
    unknown_word = column == "emotion" and bad[0].cells[column]
    return UnknownEmotionError(message) if unknown_word else LabelFileError(message)


def _clip_names(rows: Sequence[_Row]) -> list[str]:
    """The clips' names: the file's without suffix; where several have it, with folders; else with suffix too.

    "#" is written "%23", since it marks copies in ids.
    """
    files = [Path(os.path.abspath(row.path)) for row in rows]  # noqa: PTH100  links stay as they are
    folder = os.path.commonpath([file.parent for file in files])
    places = [file.relative_to(folder) for file in files]
    forms = [[place.stem, place.with_suffix("").as_posix(), place.as_posix()] for place in places]
    taken = [Counter(each) for each in zip(*forms, strict=True)]
    names = []
    for each in forms:
        unique = (form for form, counts in zip(each, taken, strict=True) if counts[form] == 1)
        names.append(next(unique, each[-1]).replace("#", "%23"))
    return names


def _make_clip(corpus: str, name: str, row: _Row, words: Mapping[str, str]) -> Clip:
    cells = row.cells
    return Clip(
        id=f"{corpus}/{name}",
        path=row.path,
        corpus=corpus,
        emotion=words[normalise_word(cells["emotion"])],
        speaker=f"{corpus}/{cells['speaker']}",
        gender=GENDERS.get(cells["gender"].lower(), ""),
        sentence=" ".join(_MARKS.sub(" ", cells["text"].casefold()).split()),
        reference=cells["text"],
        split=SPLITS.get(cells["split"].lower(), ""),
    )


def _make_info(name: str, rows: Sequence[_Row], clips: Sequence[Clip]) -> CorpusInfo:
    found = (_LANGUAGE.fullmatch(row.cells["language"]) for row in rows)
    return CorpusInfo(
        name=name,
        title=name,
        num_clips=len(clips),
        num_speakers=len({clip.speaker for clip in clips}),
        language=", ".join(sorted({match["code"].lower() for match in found if match})),
        license="as its owner says",
        may_be_shared=False,
        sharing="its owner alone can allow it",
        url="",
        how_to_get="Ask whoever made this table.",
        citation="",
    )
