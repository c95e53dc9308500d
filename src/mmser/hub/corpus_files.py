"""Choose what of a built corpus is published, or refuse.  folder -> files by their names on the Hub"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute
import pyarrow.parquet

from mmser.corpora import CORPORA
from mmser.curation.schema import CORPUS_JSON, DATA_FOLDER, SPLITS, read_corpus_json
from mmser.errors import NotForPublicationError, SettingsError
from mmser.hub.privacy import without_private_parts
from mmser.hub.run_files import Files

_CARD = "README.md"
_TABLES = (
    "tables/*.csv",
    "dropped.csv",
    "transcripts.csv",
)  # page.html plays clips as they were: it stays here


def choose_corpus_files(folder: Path, own: Collection[str] = ()) -> Files:
    """Choose card, record, tables and clips of a corpus that ``mmser build`` wrote.

    Args:
        folder: of the corpus.
        own: tables of the user's own in it, whose clips are the user's to publish.

    Raises:
        DatasetFormatError: the folder is no corpus, or of another version.
        NotForPublicationError: the licence of a corpus in it does not allow that, or files are missing.
        SettingsError: ``own`` names a corpus that has a licence, or none of this folder.
    """
    record = read_corpus_json(folder)
    _check_licences(folder, record, own)
    data = sorted((folder / DATA_FOLDER).glob("*.parquet"))
    absent = [split for split in SPLITS if not any(path.name.startswith(f"{split}-") for path in data)]
    missing = [f"{DATA_FOLDER}/{split}-*.parquet" for split in absent]
    missing += [name for name in (_CARD, "dropped.csv") if not (folder / name).is_file()]
    if missing:
        raise NotForPublicationError(f"{folder}: lacks {', '.join(missing)}. Build the corpus again.")
    tables = [path for pattern in _TABLES for path in sorted(folder.glob(pattern))]
    texts = [folder / _CARD, folder / CORPUS_JSON, *tables]
    files: Files = {path.relative_to(folder).as_posix(): _read_text(path) for path in texts}
    return files | {path.relative_to(folder).as_posix(): path for path in data}


def _check_licences(folder: Path, record: Mapping[str, Any], own: Collection[str]) -> None:
    found = sorted({*record["corpora"], *_list_corpora(folder)})
    for name in own:
        if name in CORPORA or name not in found:
            tables = [each for each in found if each not in CORPORA]
            raise SettingsError(
                f"--own {name}: names tables of your own in this corpus, expected some of {tables}. The "
                "licence of a published corpus is its makers' to give."
            )
    refused = [
        name for name in found if not (CORPORA[name].info.may_be_shared if name in CORPORA else name in own)
    ]
    if refused:
        allowed = [name for name in found if name not in refused]
        raise NotForPublicationError(_refuse(folder, refused, allowed))


def _list_corpora(folder: Path) -> set[str]:
    """The corpora that the clips themselves name, whatever the record says."""
    found: set[str] = set()
    for path in sorted((folder / DATA_FOLDER).glob("*.parquet")):
        try:
            column = pyarrow.parquet.read_table(path, columns=["corpus"])["corpus"]
        except (OSError, KeyError, pyarrow.ArrowInvalid) as error:
            raise NotForPublicationError(
                f"{path}: cannot be read ({error}). Build the corpus again."
            ) from error
        found |= {str(name) for name in pyarrow.compute.unique(column).to_pylist()}
    return found


def _refuse(folder: Path, refused: Collection[str], allowed: Collection[str]) -> str:
    """IEMOCAP first: who publishes it by mistake does the most harm."""
    lines = []
    for name in sorted(refused, key=lambda name: (name != "iemocap", name)):
        if name in CORPORA:
            info = CORPORA[name].info
            lines.append(f"  {info.title}, licence {info.license}: {info.sharing}.")
        else:
            lines.append(
                f"  {name}, a table: its owner alone can allow it. If its clips are yours, say --own {name}."
            )
    remedy = (
        f"Build without them and push that: mmser build --corpora {' '.join(allowed)} …" if allowed else ""
    ) or "Nothing of it may be published."
    return "\n".join(
        [
            f"{folder}: is not published, since clips in it may not be:",
            *lines,
            f"{remedy} Or give others README.md and the command of your build instead: with their own copies "
            "of the corpora they get the same clips, and the fingerprint tells that they have.",
        ]
    )


def _read_text(path: Path) -> bytes:
    text = without_private_parts(path.read_text(encoding="utf-8"))
    if path.suffix == ".json":
        json.loads(text)
    return text.encode()
