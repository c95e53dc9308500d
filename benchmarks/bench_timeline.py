"""`mmser timeline` over a long recording.  clips of a corpus -> seconds, real-time factor, peak memory

    python benchmarks/bench_timeline.py RUN --root data/ [--hours 2] [--voice silero energy] [--whisper base]

The recording is made in a temporary folder: speech of the corpora with pauses, noise behind it, 44.1 kHz and
two channels, 1.3 GB for two hours. Each voice detector runs in a process of its own; its memory is the most
that was resident at once, as Linux counts it, libraries and weights included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from mmser.audio.io import read_waveform, resample
from mmser.corpora import read_clips

RATE_HZ = 44_100
CORPORA = ("cremad", "ravdess", "tess")
NOISE_LEVEL = 0.002


def write_recording(path: Path, root: Path, hours: float) -> float:
    """Write clips in an order drawn at random with pauses of up to five seconds; the share that is clips."""
    generator = np.random.default_rng(0)
    clips = read_clips(root, CORPORA)[0]
    num_samples, num_sounding, wanted = 0, 0, round(hours * 3600 * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, channels=2, subtype="PCM_16", format="RF64") as file:
        while num_samples < wanted:
            clip = clips[generator.integers(len(clips))]
            sound = resample(*read_waveform(clip.path), RATE_HZ)
            pause = np.zeros(round(generator.uniform(0.2, 5) * RATE_HZ), np.float32)
            mono = np.concatenate([sound, pause])
            mono += generator.normal(0, NOISE_LEVEL, len(mono)).astype(np.float32)
            file.write(np.stack([mono, 0.7 * mono], axis=1))
            num_samples += len(mono)
            num_sounding += len(sound)
    return num_sounding / num_samples


def run_timeline(recording: Path, run: str, voice: str, whisper: str | None) -> tuple[float, float]:
    """Go through a recording in a process of its own; (seconds, megabytes)."""
    command = [sys.executable, "-m", "mmser", "timeline", run, str(recording)]
    command += ["--out", str(recording.parent), "--voice", voice]
    command += ["--whisper", whisper] if whisper else []
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"mmser timeline failed: {errors.decode()[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Print a line a voice detector."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("run", help="folder of a finished run")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--voice", nargs="+", default=["silero", "energy"])
    parser.add_argument("--whisper", help="name or .pt file, for a model that reads text")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "long.wav"
        share = write_recording(recording, Path(arguments.root), arguments.hours)
        size_mb = recording.stat().st_size / 1e6
        print(f"{arguments.hours:g} h, {size_mb:,.0f} MB, {100 * share:.0f} % of it clips", flush=True)
        for voice in arguments.voice:
            seconds, megabytes = run_timeline(recording, arguments.run, voice, arguments.whisper)
            found = json.loads(recording.with_name("long.timeline.json").read_text())
            factor = found["duration_s"] / seconds
            spoken_s = sum(end_s - start_s for start_s, end_s in found["speech"])
            print(
                f"{voice}: {seconds:.0f} s, {factor:.0f} times as fast as it plays, peak {megabytes:.0f} MB; "
                f"{len(found['windows']):,} windows, {len(found['segments']):,} segments, "
                f"{100 * spoken_s / found['duration_s']:.0f} % speech",
                flush=True,
            )


if __name__ == "__main__":
    main()
