"""Kill a build at random moments and begin it again.  folder of corpora -> the same corpus, or an error

By hand, on real clips, with any options of ``mmser build``:

    python tests/killing.py ROOT WORK 20 --transcripts reference --num-proc 2
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LIMIT_S = 600
Corpus = tuple[dict, str]  # what corpus.json and dropped.csv say


class Moment(NamedTuple):
    """When a build was killed, in seconds from its first work, and what lay there then."""

    seconds: float
    names: tuple[str, ...]
    num_cleaned: int


@dataclass(frozen=True)
class KilledBuild:
    """One build, done again and again, each time in a folder with a cache of its own."""

    root: Path
    options: Sequence[str]

    def begin(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start it in a process group of its own, and wait until its libraries are loaded and it works."""
        places = ("--root", self.root, "--out", folder / "out", "--cache-dir", folder / "cache")
        command = [sys.executable, "-m", "mmser", "build", *map(str, places), "--overwrite", *self.options]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with self._log(folder).open("w") as log:
            process = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)
        while process.poll() is None and not (folder / "out.work").exists():
            time.sleep(0.01)
        return process

    def _log(self, folder: Path) -> Path:
        return folder.with_suffix(".log")

    def finish(self, folder: Path, process: subprocess.Popen[bytes]) -> Corpus:
        """Let it come to its end, where nothing but the corpus and the cache may be left."""
        if process.wait(LIMIT_S):
            raise RuntimeError(self._log(folder).read_text())
        left = {path.name for path in folder.iterdir()} - {"cache", "out"}
        if left:
            raise RuntimeError(f"left behind: {left}")
        record = json.loads((folder / "out" / "corpus.json").read_text())
        return record, (folder / "out" / "dropped.csv").read_text()

    def kill(self, folder: Path, seconds: float, *, workers_too: bool) -> Moment | None:
        """Let it work for so many seconds and kill -9 it, alone or with its workers; None if it was done."""
        process = self.begin(folder)
        time.sleep(seconds)
        if process.poll() is not None:
            return None
        if workers_too:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        names = tuple(sorted(path.name for path in folder.iterdir()))
        return Moment(seconds, names, len(list(folder.rglob("*.flac"))))


def iter_kills(build: KilledBuild, work: Path, num_moments: int, seed: int) -> Iterator[tuple[Moment, bool]]:
    """Yield each moment at which a build was killed, and whether its rerun gave the corpus of a whole one."""
    process = build.begin(work / "whole")
    started = time.monotonic()
    expected = build.finish(work / "whole", process)
    duration_s = time.monotonic() - started
    draw = random.Random(seed)  # noqa: S311
    num_killed = 0
    for number in itertools.count():
        if num_killed == num_moments:
            return
        folder, seconds = work / f"killed-{number}", draw.uniform(0, duration_s)
        moment = build.kill(folder, seconds, workers_too=num_killed % 2 == 0)
        if moment is None:  # it was done: the machine is faster than it was
            duration_s = seconds
            continue
        num_killed += 1
        yield moment, build.finish(folder, build.begin(folder)) == expected


def main(root: str, work: str, num_moments: str, *options: str) -> int:
    """Print a line for each moment; 1 where a rerun gave another corpus."""
    build = KilledBuild(Path(root).absolute(), options)
    same = True
    for moment, is_same in iter_kills(build, Path(work), int(num_moments), seed=0):
        same &= is_same
        result = "the same corpus" if is_same else "ANOTHER CORPUS"
        found = f"{moment.num_cleaned} clips cleaned, {' '.join(moment.names)}"
        print(f"{moment.seconds:5.1f} s, {found} -> {result}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
