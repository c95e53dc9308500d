"""Listen to the clips of a dataset.  rows with audio -> hash of each waveform, and its fingerprint"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset, Features, Value

from mmser.audio.fingerprint import Fingerprint, fingerprint_waveform
from mmser.audio.io import hash_waveform, read_waveform, resample
from mmser.curation.rows import map_rows
from mmser.errors import AudioError

_MIN_CLIPS_PER_PROCESS = 500  # a second of work: a process costs as much
_PRINTS = {"landmarks": np.uint32, "times": np.uint16, "rising": np.uint32, "strong": np.uint32}
_FEATURES = Features(
    {"sha256": Value("string"), "problem": Value("string")} | dict.fromkeys(_PRINTS, Value("binary"))
)
_SILENCE = np.zeros(0, np.float32)


class HeardClip(NamedTuple):
    """What listening to a clip told.

    Attributes:
        sha256: of the waveform, as :func:`mmser.audio.io.hash_waveform` gives it; "" where it is unreadable.
        fingerprint: of the waveform; that of silence where it is unreadable.
        problem: why the audio cannot be read, or "".
    """

    sha256: str
    fingerprint: Fingerprint
    problem: str


def hear_clips(rows: Dataset, *, num_proc: int) -> list[HeardClip]:
    """Decode, hash and fingerprint the clips of all rows, in parallel, with a progress bar.

    Args:
        rows: with ``audio`` as {"bytes", "path"}, in any format that libsndfile reads.
        num_proc: worker processes at most.

    Returns:
        One for each row, in their order.
    """
    if not len(rows):
        return []
    heard = map_rows(
        rows.select_columns(["audio"]).with_format(None),
        _hear,
        num_proc=min(num_proc, -(-len(rows) // _MIN_CLIPS_PER_PROCESS)),
        features=_FEATURES,
        remove_columns=["audio"],
        keep_in_memory=True,
        new_fingerprint="heard",
        desc="Listening",
    )
    return [_restore(row) for row in heard]


def _hear(row: Mapping[str, Any]) -> dict[str, Any]:
    audio = row["audio"] or {}
    problem = ""
    try:
        if audio.get("bytes"):
            source = audio["bytes"]
        elif audio.get("path"):
            source = Path(audio["path"])
        else:
            raise AudioError("empty", "holds neither bytes nor a path")
        waveform = resample(*read_waveform(source))
    except AudioError as error:
        problem, waveform = str(error), _SILENCE
    fingerprint = fingerprint_waveform(waveform)
    prints = {name: getattr(fingerprint, name).tobytes() for name in _PRINTS}
    return {"sha256": "" if problem else hash_waveform(waveform), "problem": problem} | prints


def _restore(row: Mapping[str, Any]) -> HeardClip:
    prints = {name: np.frombuffer(row[name], kind) for name, kind in _PRINTS.items()}
    return HeardClip(row["sha256"], Fingerprint(**prints), row["problem"])
