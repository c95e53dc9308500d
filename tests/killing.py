"""Kill a build at random moments and begin it again.  folder of corpora -> the same corpus, or an error

By hand, on real clips, with any options of ``mmser build``:

    python tests/killing.py ROOT WORK 20 --transcripts reference --num-proc 2
"""

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


class Moment(NamedTuple):
    """A build that was killed: after how many seconds, and what lay there then."""

    seconds: float
    was_running: bool
    names: tuple[str, ...]
    num_cleaned: int


@dataclass(frozen=True)
class KilledBuild:
    """One build, done again and again, each time in a folder with a cache of its own."""

    root: Path
    options: Sequence[str]

    def _start(self, folder: Path) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        places = ("--root", self.root, "--out", folder / "out", "--cache-dir", folder / "cache")
        command = [sys.executable, "-m", "mmser", "build", *map(str, places), "--overwrite", *self.options]
        return subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def finish(self, folder: Path) -> tuple[dict, str]:
        """Run it to its end: what corpus.json and dropped.csv say, and nothing else may be left."""
        process = self._start(folder)
        errors = process.communicate(timeout=LIMIT_S)[1]
        if process.returncode:
            raise RuntimeError(errors)
        left = {path.name for path in folder.iterdir()} - {"cache", "out"}
        if left:
            raise RuntimeError(f"left behind: {left}")
        record = json.loads((folder / "out" / "corpus.json").read_text())
        return record, (folder / "out" / "dropped.csv").read_text()

    def kill(self, folder: Path, seconds: float, *, workers_too: bool) -> Moment:
        """Run it for so many seconds; kill -9 then, of the process alone or of its workers too."""
        process = self._start(folder)
        time.sleep(seconds)
        was_running = process.poll() is None
        if workers_too and was_running:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        names = tuple(sorted(path.name for path in folder.iterdir())) if folder.exists() else ()
        return Moment(seconds, was_running, names, len(list(folder.rglob("*.flac"))))


def iter_kills(build: KilledBuild, work: Path, num_moments: int, seed: int) -> Iterator[tuple[Moment, bool]]:
    """Yield each moment at which a build was killed, and whether its rerun gave the corpus of a whole one."""
    build.finish(work / "first")  # libraries are in memory from here on
    started = time.monotonic()
    expected = build.finish(work / "whole")
    duration_s = time.monotonic() - started
    draw = random.Random(seed)  # noqa: S311
    for number in range(num_moments):
        folder = work / f"killed-{number}"
        moment = build.kill(folder, draw.uniform(0, duration_s), workers_too=number % 2 == 0)
        yield moment, build.finish(folder) == expected


def main(root: str, work: str, num_moments: str, *options: str) -> int:
    """Print a line for each moment; 1 where a rerun gave another corpus."""
    build = KilledBuild(Path(root).absolute(), options)
    same = True
    for moment, is_same in iter_kills(build, Path(work), int(num_moments), seed=0):
        same &= is_same
        state = "running" if moment.was_running else "done"
        result = "the same corpus" if is_same else "ANOTHER CORPUS"
        found = f"{moment.num_cleaned} clips cleaned, {' '.join(moment.names)}"
        print(f"{moment.seconds:5.1f} s, {state}, {found} -> {result}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
