"""`mmser leaderboard RUNS…`: every run beside the published figures, ranked where that is fair."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "leaderboard",
        help="every run beside the published figures",
        description="Find finished runs at any depth, pool the folds of each system, and rank those "
        "that were judged on the same clips of the same corpora under the same protocol. Unfinished runs are "
        "named and left out; so are runs that cannot be read, and the exit code is 1.",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or folders that hold some")
    parser.add_argument("--out", type=Path, help="folder for leaderboard.md and leaderboard.html")
    parser.add_argument(
        "--format",
        choices=("terminal", "markdown", "html"),
        default="terminal",
        help="what is printed (default: %(default)s)",
    )
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--only", metavar="CORPUS", help="score the clips of one corpus, e.g. ravdess")
    view.add_argument(
        "--without", metavar="CORPUS", help="score all clips but those of one corpus, e.g. tess"
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the leaderboard, and write it where asked to."""
    from mmser.evaluation.collecting import collect_runs
    from mmser.evaluation.leaderboard import View, build_leaderboard
    from mmser.evaluation.leaderboard_page import render_html, write_leaderboard
    from mmser.evaluation.leaderboard_text import render_markdown, render_terminal

    collection = collect_runs(arguments.runs)
    for line in collection.warnings:
        print(f"warning: {line}", file=sys.stderr)
    board = build_leaderboard(collection.finished(), View(arguments.only, arguments.without))
    renderers = {"terminal": render_terminal, "markdown": render_markdown, "html": render_html}
    written = write_leaderboard(arguments.out, board) if arguments.out else []
    print(renderers[arguments.format](board))
    for path in written:
        print(f"written: {path}", file=sys.stderr)
    return 1 if collection.broken else 0
