"""Transcribe cleaned clips with Whisper, each once.  waveform hash -> Transcript, kept in the cache folder"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from mmser.curation.transcripts import Transcript, TranscriptCache
from mmser.errors import CheckpointError, SettingsError, UnknownNameError

BATCH_SIZE = 16
_RECIPE = "greedy-10s"  # changes with anything in whisper_decoding that changes transcripts


@dataclass(frozen=True)
class TranscriptionSettings:
    """Who transcribes.

    Attributes:
        whisper: name of an openai-whisper checkpoint ("base", "tiny.en" …) or path of a ``.pt`` file.
        language: code of the language that is spoken.
    """

    whisper: str = "base"
    language: str = "en"


def transcribe_waveforms(
    load: Callable[[str], np.ndarray],
    durations_s: Mapping[str, float],
    settings: TranscriptionSettings,
    cache_dir: Path | None,
    *,
    progress: bool = True,
) -> dict[str, Transcript]:
    """Transcribe clips; those that the cache knows are not heard again.

    Every batch is in the cache before the next begins: a run that was killed goes on where it was.

    Args:
        load: hash of a clip -> its waveform (S,), full scale 1, at 16 kHz.
        durations_s: hash of each clip -> its seconds.
        settings: checkpoint and language.
        cache_dir: the cache folder; None keeps nothing.
        progress: whether to show a progress bar.

    Returns:
        Hash -> transcript, for every clip of ``durations_s``.

    Raises:
        UnknownNameError: no checkpoint or language of that name.
        SettingsError: no file at the path, or an English checkpoint for another language.
        CheckpointError: the checkpoint cannot be fetched or read.
    """
    identity = identify_checkpoint(settings.whisper)
    cache = TranscriptCache(
        None
        if cache_dir is None
        else cache_dir / "transcripts" / f"{identity}-{settings.language}-{_RECIPE}.jsonl"
    )
    missing = {key: seconds for key, seconds in durations_s.items() if key not in cache.transcripts}
    if missing:
        model = _load_model(settings)
        with tqdm(total=len(missing), desc="Transcribing", unit="clip", disable=not progress) as bar:
            for keys in _iter_batches(missing):
                cache.write(keys, _decode(model, keys, load, settings.language))
                bar.update(len(keys))
    return {key: cache.transcripts[key] for key in durations_s}


def _decode(
    model: Any, keys: Sequence[str], load: Callable[[str], np.ndarray], language: str
) -> list[Transcript]:
    from mmser.curation.whisper_decoding import decode_clips

    seeds = [int(key[:8], 16) for key in keys]
    return decode_clips(model, [load(key) for key in keys], language, seeds=seeds)


def _iter_batches(durations_s: Mapping[str, float]) -> Iterator[list[str]]:
    """Clips of one bucket together, the longest first: memory peaks at the start, not at the end."""
    from mmser.curation.whisper_decoding import bucket_s

    def bucket_of(key: str) -> int:
        return bucket_s(durations_s[key])

    for _, group in groupby(sorted(durations_s, key=lambda key: (-bucket_of(key), key)), key=bucket_of):
        keys = list(group)
        for start in range(0, len(keys), BATCH_SIZE):
            yield keys[start : start + BATCH_SIZE]


def identify_checkpoint(source: str) -> str:
    """First digits of the checkpoint's SHA-256: equal for a name and for the file that the name stands for.

    Raises:
        UnknownNameError: ``source`` is no file and no name of openai-whisper.
        SettingsError: ``source`` looks like a path, and there is no such file.
    """
    path = Path(source)
    is_path = os.sep in source or path.suffix not in ("", ".en")  # names: "base", "tiny.en"
    if is_path and path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    if is_path:
        raise SettingsError(
            f"{source}: no such file. Give a name of openai-whisper or the path of a .pt file."
        )
    return _identify_name(source)


def _identify_name(name: str) -> str:
    import whisper

    if name not in whisper._MODELS:
        raise UnknownNameError("Whisper checkpoint", name, whisper.available_models())
    return whisper._MODELS[name].split("/")[-2][:16]  # openai-whisper names the SHA-256 in each address


def _load_model(settings: TranscriptionSettings) -> Any:
    from whisper.tokenizer import LANGUAGES

    from mmser.curation.whisper_decoding import load_whisper

    if settings.language not in LANGUAGES:
        raise UnknownNameError("language", settings.language, LANGUAGES)
    try:
        model = load_whisper(settings.whisper)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError) as error:
        raise CheckpointError(
            f"Whisper {settings.whisper!r} cannot be loaded ({error}). A name is downloaded once, from "
            "openai-whisper's own address; without network give the path of its .pt file."
        ) from error
    if not model.is_multilingual and settings.language != "en":
        raise SettingsError(
            f"Whisper {settings.whisper!r} knows English alone, got language {settings.language!r}. "
            "Choose a multilingual checkpoint, e.g. base."
        )
    return model
