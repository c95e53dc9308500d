"""Cleaning ahead of Whisper and the model, against one after the other.  ratio of seconds on the same clips

    python benchmarks/bench_prediction.py RUN --root data/ [--whisper base] [--clips 128] [--rounds 3]

Both answer the same files with the same recognizer. The plain way asks for one group of clips at a time, so
that nothing can be cleaned ahead. Rounds alternate; the median counts.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from mmser import EmotionRecognizer
from mmser.corpora import read_clips
from mmser.inference.recognizer import BATCHES_AHEAD

CORPORA = ("cremad", "ravdess", "tess")
BATCH_SIZE = 8


def main() -> None:
    """Print the seconds of each round and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("run", help="folder of a finished run")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--whisper", help="name or .pt file, for a model that reads text")
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = read_clips(Path(arguments.root), CORPORA)[0]
    paths = [clip.path for clip in found[:: max(1, len(found) // arguments.clips)][: arguments.clips]]
    recognizer = EmotionRecognizer.from_pretrained(arguments.run, whisper=arguments.whisper)
    recognizer.predict(paths[:BATCH_SIZE])  # loads Whisper
    size, ratios = BATCHES_AHEAD * BATCH_SIZE, []
    for number in range(arguments.rounds):
        started = time.perf_counter()
        for start in range(0, len(paths), size):
            recognizer.predict(paths[start : start + size], batch_size=BATCH_SIZE)
        between = time.perf_counter()
        recognizer.predict(paths, batch_size=BATCH_SIZE)
        ended = time.perf_counter()
        ratios.append((between - started) / (ended - between))
        print(
            f"round {number}: one after the other {between - started:.1f} s, cleaning ahead "
            f"{ended - between:.1f} s; ratio {ratios[-1]:.2f}"
        )
    print(f"{len(paths)} clips: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
