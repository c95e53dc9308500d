"""Peak memory and time of builds of growing size.  stand-in clips -> megabytes, seconds, clips a second

    python benchmarks/bench_memory.py [--sizes 1000 10000 50000]

The clips are seconds of noise under a table of one's own (`--corpora csv:…`), of twenty speakers. Each build
runs in a process of its own; its memory is the largest sum over the process and its workers, as Linux counts
it: a page that several share counts once, and mapped files, which the system takes back when it needs them,
do not count.
"""

import argparse
import csv
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile

EMOTIONS = ("angry", "disgust", "fearful", "happy", "sad", "surprised", "calm")
NUM_SPEAKERS = 20


def write_clips(folder: Path, num_clips: int) -> Path:
    """Write clips of 1.2 s of shaped noise and the table that names them."""
    folder.mkdir()
    rows = []
    for number in range(num_clips):
        generator = np.random.default_rng(number)
        waveform = generator.normal(size=19_200) * np.sin(np.linspace(0, 9 + number % 7, 19_200))
        name = f"{number:06d}.wav"
        soundfile.write(folder / name, (0.1 * waveform).astype(np.float32), 16_000, subtype="PCM_16")
        speaker = f"s{number // len(EMOTIONS) % NUM_SPEAKERS:02d}"
        rows.append({"path": name, "emotion": EMOTIONS[number % len(EMOTIONS)], "speaker": speaker})
    table = folder / "standins.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "emotion", "speaker"])
        writer.writeheader()
        writer.writerows(rows)
    return table


class PeakMemory(threading.Thread):
    """Watches a process and its children until it ends; ``megabytes`` is the most that they held at once."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.megabytes = 0.0

    def run(self) -> None:
        """Look ten times a second."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            try:
                processes = (self.process, *self.process.children(recursive=True))
                megabytes = sum(read_megabytes(process.pid) for process in processes)
            except (psutil.Error, OSError):  # one of them has ended
                continue
            self.megabytes = max(self.megabytes, megabytes)
            time.sleep(0.1)


def read_megabytes(pid: int) -> float:
    """Return the memory of a process without files, its part of what it shares with others included."""
    found = re.search(r"^Pss_Anon:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def build(table: Path, out: Path, cache: Path) -> tuple[float, float]:
    """Build a corpus in a process of its own; (seconds, megabytes)."""
    command = [sys.executable, "-c", "import sys, mmser.cli; sys.exit(mmser.cli.main())"]
    command += ["build", "--root", str(table.parent), "--out", str(out)]
    command += ["--corpora", f"csv:{table}", "--transcripts", "none", "--cache-dir", str(cache)]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        peak = PeakMemory(process.pid)
        peak.start()
        errors = process.communicate()[1]
    if process.returncode:
        sys.exit(f"The build of {table} failed: {errors[-2000:]}")
    return time.perf_counter() - started, peak.megabytes


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    for size in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            table = write_clips(work / "data", size)
            seconds, megabytes = build(table, work / "out", work / "cache")
        rate = f"{seconds:6.1f} s, {size / seconds:5.0f} clips/s"
        print(f"{size:>7,} clips: {rate}, peak {megabytes:5.0f} MB", flush=True)


if __name__ == "__main__":
    main()
