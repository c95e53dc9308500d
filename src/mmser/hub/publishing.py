"""Publish a run or a corpus: choose -> check -> write its card -> upload, or write to a folder instead."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from mmser.curation.schema import CORPUS_JSON
from mmser.errors import OutputExistsError
from mmser.evaluation.writing import METRICS_FILE
from mmser.hub.corpus_files import choose_corpus_files
from mmser.hub.model_card import make_model_card
from mmser.hub.place import Place
from mmser.hub.run_files import Files, choose_run_files
from mmser.hub.upload import upload
from mmser.models.loading import load_model

_CARD = "README.md"


def push_run(folder: str | Path, place: Place, *, dry_run: str | Path | None = None) -> str:
    """Publish a finished run as a model.

    Args:
        folder: of the run.
        place: on the Hub; a model that mmser pushed there before is replaced, in one commit.
        dry_run: a folder to write to in place of the Hub; nothing is asked of the network then.

    Returns:
        The address of the model, or the folder.

    Raises:
        NotForPublicationError: no finished run, pickles, or weights that are not safetensors.
        CheckpointError: a weight of the model is not in the run; it is named.
        HubError: the Hub cannot be reached, or does not let us write.
        OutputExistsError: ``dry_run`` holds something.
    """
    folder = Path(folder)
    files = choose_run_files(folder)
    load_model(folder)
    metrics = json.loads(_read_bytes(files[METRICS_FILE]))
    files[_CARD] = make_model_card(metrics, place.name, list(files)).encode()
    return _send(files, place, dry_run, marker=METRICS_FILE)


def push_corpus(
    folder: str | Path, place: Place, *, own: Collection[str] = (), dry_run: str | Path | None = None
) -> str:
    """Publish a built corpus as a dataset, where the licences of all corpora in it allow that.

    Args:
        folder: that ``mmser build`` wrote.
        place: on the Hub.
        own: tables of the user's own in it, whose clips are the user's to publish.
        dry_run: a folder to write to in place of the Hub.

    Returns:
        The address of the dataset, or the folder.

    Raises:
        NotForPublicationError: a licence forbids it, or files are missing.
        DatasetFormatError: the folder is no corpus.
        HubError: the Hub cannot be reached, or does not let us write.
        OutputExistsError: ``dry_run`` holds something.
    """
    return _send(choose_corpus_files(Path(folder), own), place, dry_run, marker=CORPUS_JSON)


def _send(files: Files, place: Place, dry_run: str | Path | None, *, marker: str) -> str:
    if dry_run is not None:
        return str(_write(files, Path(dry_run)))
    return upload(files, place, marker=marker, message="Push by mmser")


def _write(files: Files, out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out}: is not empty. Choose another folder for --dry-run.")
    for name, content in files.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)
    return out


def _read_bytes(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()
