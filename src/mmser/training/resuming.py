"""Begin a run, or go on with an interrupted one.  folder, settings -> folder ready, checkpoint or None"""

import json
import logging
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from mmser.errors import SettingsError
from mmser.evaluation.writing import SETTINGS_FILE, check_run_folder, replacing

logger = logging.getLogger(__name__)

_FINGERPRINT = "corpus_fingerprint"
MAY_CHANGE_ON_RESUME = (
    "corpus",  # may have been moved: its fingerprint tells whether it is the same
    "resume",
    "overwrite",
    "cache_dir",
    "cache_limit_gb",
    "embedding_batch_size",
    "report_to",
    "logging_steps",
)
_STATE_FILE = "trainer_state.json"  # Trainer writes it last


def prepare_folder(out: Path, settings: Mapping[str, Any], corpus_fingerprint: str) -> None:
    """Make a run's folder, or refuse; keep the settings so that a resumed run can be held to them.

    Args:
        out: the folder.
        settings: of the run, by name; ``resume``, where there is one, goes on with what is there,
            ``overwrite`` deletes it.
        corpus_fingerprint: of the corpus that it trains on.

    Raises:
        OutputExistsError: the folder holds a run and neither ``overwrite`` nor ``resume`` is set, or holds
            anything else.
        SettingsError: a resumed run was begun with other settings or on another corpus.
    """
    settings_file = out / SETTINGS_FILE
    if settings.get("resume") and settings_file.exists():
        begun = json.loads(settings_file.read_text(encoding="utf-8"))
        _check_same_corpus(out, begun, str(settings["corpus"]), corpus_fingerprint)
        _check_same_settings(out, begun, settings)
        return
    check_run_folder(out, overwrite=settings["overwrite"])
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    content = {**settings, _FINGERPRINT: corpus_fingerprint}
    with replacing(settings_file) as part:
        part.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def find_checkpoint(folder: Path) -> Path | None:
    """Find the newest checkpoint that is whole; those that a kill left half written are named and passed by.

    Args:
        folder: of the checkpoints.

    Returns:
        The checkpoint to go on from, or None where the run has to start at the beginning, which is logged.
    """
    for checkpoint in iter_checkpoints(folder):
        if is_complete(checkpoint):
            logger.warning("%s: the run goes on from here.", checkpoint)
            return checkpoint
        logger.warning("%s: not complete, the run was killed while writing it; it is passed by.", checkpoint)
    logger.warning("%s: holds no complete checkpoint; the run starts at the beginning.", folder)
    return None


def iter_checkpoints(folder: Path) -> Iterator[Path]:
    """Yield the checkpoints of a folder, newest first."""
    found = {
        int(match[1]): path
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name)) and path.is_dir()
    }
    for _, checkpoint in sorted(found.items(), reverse=True):
        yield checkpoint


def is_complete(checkpoint: Path) -> bool:
    """Whether Trainer finished writing a checkpoint: its state, which comes last, and no file cut short."""
    try:
        json.loads((checkpoint / _STATE_FILE).read_text(encoding="utf-8"))
        for path in checkpoint.rglob("*.safetensors"):
            with safe_open(path, framework="pt"):
                pass
    except (OSError, ValueError, SafetensorError):
        return False
    pickled = [path for path in checkpoint.rglob("*") if path.suffix in (".pt", ".pth")]
    return all(zipfile.is_zipfile(path) for path in pickled)


def _check_same_corpus(out: Path, begun: Mapping[str, Any], corpus: str, fingerprint: str) -> None:
    if begun.get(_FINGERPRINT) != fingerprint:
        raise SettingsError(
            f"{out}: begun on the corpus {begun.get('corpus')} of fingerprint {begun.get(_FINGERPRINT)}, but "
            f"{corpus} is of fingerprint {fingerprint}. Resume with the corpus that it was begun on, or "
            "start anew with --overwrite."
        )


def _check_same_settings(out: Path, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    given = json.loads(json.dumps(settings))  # as they were read back: tuples are lists, keys are text
    known = (begun.keys() | given.keys()) - {_FINGERPRINT, *MAY_CHANGE_ON_RESUME}
    changed = sorted(key for key in known if begun.get(key) != given.get(key))
    if changed:
        raise SettingsError(
            f"{out}: begun with other values of {changed} ({[begun.get(key) for key in changed]}). "
            "Resume with those, or start anew with --overwrite."
        )
