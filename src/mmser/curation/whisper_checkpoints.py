"""Find, name and load openai-whisper checkpoints.  name or .pt file -> identity, model"""

import hashlib
import os
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from mmser.errors import CheckpointError, SettingsError, UnknownNameError

_NUM_ENGLISH_TOKENS = 51864  # the vocabulary of checkpoints that know English alone
_UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError)


def identify_checkpoint(source: str) -> str:
    """First digits of the checkpoint's SHA-256: equal for a name and for the file that the name stands for.

    Raises:
        UnknownNameError: ``source`` is no file and no name of openai-whisper.
        SettingsError: ``source`` looks like a path, and there is no such file, or it is a folder.
    """
    path = _as_path(source)
    if path is None:
        return _digest_of_name(source)[:16]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check_checkpoint(source: str, language: str) -> None:
    """Look at a checkpoint and a language before the work begins, without network.

    Raises:
        UnknownNameError: no checkpoint or language of that name.
        SettingsError: no file at the path, or an English checkpoint for another language.
        CheckpointError: the file holds no openai-whisper checkpoint.
    """
    check_language(language)
    path = _as_path(source)
    if path is None:
        _digest_of_name(source)
        knows_english_alone = source.endswith(".en")
    else:
        knows_english_alone = _read_dims(path)["n_vocab"] == _NUM_ENGLISH_TOKENS
    if knows_english_alone and language != "en":
        raise SettingsError(
            f"Whisper {source!r} knows English alone, got language {language!r}. "
            "Choose a multilingual checkpoint, e.g. base."
        )


def check_language(language: str) -> None:
    """Make sure that Whisper knows a language.

    Raises:
        UnknownNameError: it does not.
    """
    from whisper.tokenizer import LANGUAGES

    if language not in LANGUAGES:
        raise UnknownNameError("language", language, LANGUAGES)


def fetch_checkpoint(source: str) -> None:
    """Download the checkpoint of a name to where openai-whisper keeps it, if it is not there.

    Raises:
        CheckpointError: it cannot be fetched.
    """
    if _as_path(source) is not None:
        return
    import whisper

    url = whisper._MODELS[source]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"
    if not (folder / Path(url).name).is_file():
        try:
            whisper._download(url, str(folder), in_memory=False)
        except _UNREADABLE as error:
            raise _cannot_load(source, error) from error


@cache
def load_whisper(source: str) -> Any:
    """Load an openai-whisper checkpoint once a process, on the process's own GPU where there is one.

    Raises:
        CheckpointError: it cannot be fetched or read.
    """
    import torch
    import whisper

    device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    try:
        return whisper.load_model(source, device=device).eval()
    except _UNREADABLE as error:
        raise _cannot_load(source, error) from error


def _cannot_load(source: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"Whisper {source!r} cannot be loaded ({error}). A name is downloaded once, from openai-whisper's own"
        " address; without network give the path of its .pt file."
    )


def _as_path(source: str) -> Path | None:
    """The file that ``source`` names, or None where it is a checkpoint's name."""
    path = Path(source)
    is_name = os.sep not in source and path.suffix in ("", ".en")  # "base", "tiny.en"
    if path.is_dir() and (not is_name or (path / "config.json").exists()):
        raise SettingsError(
            f"{source}: is a folder, expected a name of openai-whisper or one of its .pt files; a folder of"
            " transformers serves as audio tower (--audio-encoder), not to transcribe."
        )
    if is_name:
        return None
    if not path.is_file():
        raise SettingsError(
            f"{source}: no such file. Give a name of openai-whisper or the path of a .pt file."
        )
    return path


def _digest_of_name(name: str) -> str:
    import whisper

    if name not in whisper._MODELS:
        raise UnknownNameError("Whisper checkpoint", name, whisper.available_models())
    return whisper._MODELS[name].split("/")[-2]  # openai-whisper names the SHA-256 in each address


def _read_dims(path: Path) -> dict[str, int]:
    """The sizes of a checkpoint, without reading its weights."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)["dims"]
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path}: holds no openai-whisper checkpoint ({error}). Give the .pt file that openai-whisper"
            " downloads, or one of its names: base, tiny.en …"
        ) from error
