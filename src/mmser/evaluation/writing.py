"""Write what a run leaves and hurt nothing that stands there.  folder -> checked; path -> a part file"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmser.errors import OutputExistsError

SETTINGS_FILE = "settings.json"  # of a training run, written as it begins
METRICS_FILE = "metrics.json"  # of a finished run or a report, written last
MODEL_CONFIG_FILE = "config.json"  # of a model, a run's or one from the Hub
_REPORT_KEYS = ("system", "seed", "settings", "protocol", "fold", "pooled_folds", "corpus_fingerprint")
_KEYS = {SETTINGS_FILE: {"corpus", "out"}, METRICS_FILE: {"schema_version", "system"}}


def check_run_folder(out: Path, *, overwrite: bool) -> None:
    """Make sure that a run may take the place of what ``out`` holds.

    Raises:
        OutputExistsError: it is a file, or a folder that holds something: a run without ``overwrite``, or
            anything else, which is never deleted.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputExistsError(f"{out}: is a file, expected a folder to write to.")
    if not any(out.iterdir()):
        return
    if not any(_is_written_by_a_run(out / name) for name in _KEYS):
        raise OutputExistsError(
            f"{out}: holds files that are no run, and they are never deleted. Choose another --out, or empty "
            "that folder."
        )
    if not overwrite:
        raise OutputExistsError(f"{out}: is not empty. Pass --resume, --overwrite or another --out.")


def check_report_folder(out: Path, facts: Mapping[str, Any]) -> None:
    """Make sure that a report may be written to ``out``: there is nothing, or an earlier report of the same.

    Args:
        out: the folder.
        facts: what metrics.json will hold but the scores.

    Raises:
        OutputExistsError: it is a file, or a folder that holds a run, the report of another run or corpus,
            or anything else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise OutputExistsError(f"{out}: is a file, expected a folder for a report.")
    if any((out / name).exists() for name in (SETTINGS_FILE, MODEL_CONFIG_FILE)):
        raise OutputExistsError(f"{out}: holds a run or a model, whose scores stay. Choose another --out.")
    if not _is_written_by_a_run(out / METRICS_FILE):
        raise OutputExistsError(f"{out}: holds files that are no report. Choose another --out.")
    there = json.loads((out / METRICS_FILE).read_text(encoding="utf-8"))
    differing = [key for key in _REPORT_KEYS if there.get(key) != facts.get(key)]
    if differing:
        raise OutputExistsError(
            f"{out}: holds the report of another run or corpus ({', '.join(differing)} differ). Choose "
            "another --out, or delete that report."
        )


def is_begun_run(folder: Path) -> bool:
    """Whether a training run was begun here and has not finished: it has settings and no metrics.json."""
    return _is_written_by_a_run(folder / SETTINGS_FILE) and not (folder / METRICS_FILE).exists()


def _is_written_by_a_run(path: Path) -> bool:
    """Whether a file of a name as common as settings.json holds what a run writes there."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and _KEYS[path.name] <= content.keys()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield ``<name>.part`` to write to; it replaces ``path`` at the end, and is removed after an error."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
