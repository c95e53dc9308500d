"""`mmser timeline RUN FILE`: emotion through a long recording."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmser.cli.options import add_recognizer, load_recognizer
from mmser.errors import OutputExistsError

if TYPE_CHECKING:
    from mmser.inference.timeline import Timeline


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "timeline",
        help="emotion through a long recording",
        description="Go through a long recording with a trained run, in windows that overlap. Memory does "
        "not grow with the recording.",
    )
    add = parser.add_argument
    add("run", help="folder of a finished run, or its name on the Hub")
    add("recording", help="audio file, any rate and channel count, up to a day")
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write <recording>.timeline.json, .csv and .png there (default: print the segments alone)",
    )
    add("--window-s", type=float, default=4.0, help="seconds of a window (default: %(default)s)")
    add("--hop-s", type=float, default=2.0, help="seconds between windows (default: %(default)s)")
    add(
        "--voice",
        default="silero",
        help="who tells speech from the rest: silero, a small network, or energy, the level alone "
        "(default: %(default)s)",
    )
    add(
        "--min-pause-s",
        type=float,
        default=0.5,
        help="shorter pauses belong to speech (default: %(default)s)",
    )
    add_recognizer(add)
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the segments, and write the files."""
    from mmser.inference.timeline import TimelineSettings, build_timeline

    settings = TimelineSettings(
        window_s=arguments.window_s,
        hop_s=arguments.hop_s,
        min_pause_s=arguments.min_pause_s,
        voice=arguments.voice,
    )
    if arguments.out is not None and arguments.out.exists() and not arguments.out.is_dir():
        raise OutputExistsError(f"{arguments.out}: is a file, expected a folder for the timeline's files.")
    recognizer = load_recognizer(arguments)
    timeline = build_timeline(recognizer, arguments.recording, settings, progress=True)
    print_segments(timeline)
    if arguments.out is not None:
        for path in write_files(timeline, arguments.out):
            print(f"wrote {path}")
    return 0


def print_segments(timeline: "Timeline") -> None:
    """A line a segment, and how long each label lasts in all."""
    from mmser.inference.timeline_files import name_label
    from mmser.inference.timeline_picture import format_time

    seconds: dict[str, float] = {}
    for segment in timeline.segments:
        name = name_label(segment)
        seconds[name] = seconds.get(name, 0.0) + segment.duration_s
        sure = f"{100 * segment.probabilities[segment.label]:4.0f} %" if segment.label else " " * 6
        times = f"{format_time(segment.start_s, digits=1):>9} - {format_time(segment.end_s, digits=1):>9}"
        print(f"{times}  {name:<10} {sure}  {segment.transcript or ''}".rstrip())
    shares = sorted(seconds.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {100 * value / timeline.duration_s:.0f} %" for name, value in shares)
    print(f"{format_time(timeline.duration_s)} in all: {parts}")


def write_files(timeline: "Timeline", out: Path) -> list[Path]:
    """Write JSON, CSV and picture.

    Args:
        timeline: what to write.
        out: a folder; it is made where it is not there.

    Returns:
        The files.
    """
    from mmser.inference.timeline_files import write_csv, write_json
    from mmser.inference.timeline_picture import write_picture

    out.mkdir(parents=True, exist_ok=True)
    stem = Path(timeline.source).stem
    paths = [out / f"{stem}.timeline.{suffix}" for suffix in ("json", "csv", "png")]
    for write, path in zip((write_json, write_csv, write_picture), paths, strict=True):
        write(timeline, path)
    return paths
