"""A whole build without transcription, against the script that people write.  ratio of seconds, same clips

    python benchmarks/bench_build.py --root data/ [--clips 2000] [--rounds 3]

The script: librosa.load at 16 kHz, noisereduce with its defaults, librosa.effects.trim, soundfile.write, one
process. The build: `mmser build --transcripts none --balance-to none` without anything in its cache, which
also finds duplicates, splits, audits, and writes Parquet, card and page. Rounds alternate; the median counts.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import librosa
import noisereduce
import soundfile

from mmser import build_corpus
from mmser.corpora import PAPER_CORPORA, read_clips
from mmser.corpora.base import Clip


def run_plain(clips: Sequence[Clip], out: Path) -> None:
    """Clean clips one after another, as notebooks do."""
    for number, clip in enumerate(clips):
        waveform, rate_hz = librosa.load(clip.path, sr=16_000)
        waveform = noisereduce.reduce_noise(y=waveform, sr=rate_hz)
        waveform, _ = librosa.effects.trim(waveform, top_db=30)
        soundfile.write(out / f"{number}.wav", waveform, 16_000)


def link_clips(clips: Sequence[Clip], root: Path, sample: Path) -> None:
    """Give a folder with the chosen clips alone, at the places where they lie below ``root``."""
    for clip in clips:
        link = sample / clip.path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(clip.path)


def measure(function: Callable[..., object], *arguments: object, **options: object) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - started


def main() -> None:
    """Print seconds of each round and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--clips", type=int, default=2000, help="clips at most, spread over all")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    source = Path(arguments.root).resolve()
    clips = read_clips(source, PAPER_CORPORA)[0]
    clips = clips[:: max(1, len(clips) // arguments.clips)][: arguments.clips]
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        link_clips(clips, source, work / "data")
        librosa.load(clips[0].path, sr=16_000)  # what is loaded on first use is in neither's seconds
        for number in range(arguments.rounds):
            (work / f"plain{number}").mkdir()
            plain = measure(run_plain, clips, work / f"plain{number}")
            ours = measure(
                build_corpus,
                work / "data",
                work / f"out{number}",
                transcripts="none",
                balance_to="none",
                protocol="stratified",
                cache_dir=str(work / f"cache{number}"),
            )
            ratios.append(plain / ours)
            seconds = f"script {plain:.1f} s, mmser build {ours:.1f} s"
            print(f"round {number}: {len(clips)} clips, {seconds}: {ratios[-1]:.2f} times")
    print(f"median: {statistics.median(ratios):.2f} times as fast")


if __name__ == "__main__":
    main()
