"""Write what a run leaves and hurt nothing that stands there.  folder -> checked; path -> a part file"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmser.errors import OutputExistsError

SETTINGS_FILE = "settings.json"  # of a training run, written as it begins
METRICS_FILE = "metrics.json"  # of a finished run or a report, written last
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
