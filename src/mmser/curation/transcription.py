"""Transcribe cleaned clips with Whisper, each once.  waveform hash -> Transcript, kept in the cache folder"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from mmser.curation.listeners import Listener, TranscriptionSettings, make_listener
from mmser.curation.transcripts import Transcript, TranscriptCache

BATCH_SIZE = 16


class Share(NamedTuple):
    """The part of the clips that one of several processes transcribes; by default all."""

    process: int = 0
    num_processes: int = 1

    def has(self, key: str) -> bool:
        """Whether the clip of a hash belongs to it, whatever is in the cache already."""
        return int(key[:8], 16) % self.num_processes == self.process


EVERYTHING = Share()


def fetch_listener(settings: TranscriptionSettings, cache_dir: Path) -> None:
    """Fetch the checkpoint before the work that comes before it, not after.

    Where the cache has transcripts of it already it is not asked for: they may be all.

    Raises:
        MmserError: as for :func:`mmser.curation.listeners.make_listener`, or it cannot be fetched.
    """
    listener = make_listener(settings)
    if not _cache_file(cache_dir, listener).exists():
        listener.fetch()


def transcribe_waveforms(
    load: Callable[[str], np.ndarray],
    durations_s: Mapping[str, float],
    settings: TranscriptionSettings,
    cache_dir: Path | None,
    *,
    share: Share = EVERYTHING,
    progress: bool = True,
) -> dict[str, Transcript]:
    """Transcribe clips; those that the cache knows are not heard again.

    Every batch is in the cache before the next begins: a run that was killed goes on where it was.

    Args:
        load: hash of a clip -> its waveform (S,), full scale 1, at 16 kHz.
        durations_s: hash of each clip, hexadecimal -> its seconds.
        settings: backend, checkpoint and language.
        cache_dir: the cache folder; None keeps nothing.
        share: what of it this process hears.
        progress: whether to show a progress bar.

    Returns:
        Hash -> transcript, for every clip of the share.

    Raises:
        MmserError: as for :func:`mmser.curation.listeners.make_listener`, or the checkpoint cannot be loaded.
    """
    listener = make_listener(settings)
    cache = TranscriptCache(cache_dir and _cache_file(cache_dir, listener))
    own = {key: seconds for key, seconds in durations_s.items() if share.has(key)}
    missing = {key: seconds for key, seconds in own.items() if key not in cache.transcripts}
    with tqdm(
        total=len(missing), desc="Transcribing", unit="clip", disable=not (progress and missing)
    ) as bar:
        for keys in _iter_batches(listener, missing):
            seeds = [int(key[:8], 16) for key in keys]
            cache.write(keys, listener.decode([load(key) for key in keys], seeds))
            bar.update(len(keys))
    return {key: cache.transcripts[key] for key in own}


def _cache_file(cache_dir: Path, listener: Listener) -> Path:
    return cache_dir / "transcripts" / f"{listener.identity}.jsonl"


def _iter_batches(listener: Listener, durations_s: Mapping[str, float]) -> Iterator[list[str]]:
    """Clips of one bucket together, the longest first: memory peaks at the start, not at the end."""
    buckets: dict[float, list[str]] = {}
    for key in sorted(durations_s):
        buckets.setdefault(listener.bucket_s(durations_s[key]), []).append(key)
    for bucket in sorted(buckets, reverse=True):
        keys = buckets[bucket]
        for start in range(0, len(keys), BATCH_SIZE):
            yield keys[start : start + BATCH_SIZE]
