"""`mmser compare A B`: two systems on the same clips, and the clips on which they differ."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "compare",
        help="two systems on the same clips, and where they differ",
        description="Compare two systems clip by clip: the difference of UA and WA with an interval by a "
        "paired bootstrap over speakers, McNemar's exact test, and the clips on which they differ. Runs that "
        "were judged on different clips or corpora are refused.",
    )
    several = "a run, folders of its folds with commas between them, or a folder that holds its folds"
    parser.add_argument("first", metavar="A", help=several)
    parser.add_argument("second", metavar="B", help="the same of another system")
    parser.add_argument("--out", type=Path, help="CSV file for the clips that the two predict differently")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison, and write the clips where asked to."""
    from mmser.evaluation.collecting import collect_one
    from mmser.evaluation.comparison import compare, summarize_comparison, write_differing

    runs = []
    for text in (arguments.first, arguments.second):
        found, unfinished = collect_one(text)
        for folder in unfinished:
            print(f"warning: {folder}: a run that is not finished, it is left out.", file=sys.stderr)
        runs.append(found)
    first, second = runs
    comparison = compare(first, second)
    if arguments.out:
        write_differing(arguments.out, comparison)
    print(summarize_comparison(first, second, comparison))
    if arguments.out:
        print(f"\nwritten: {arguments.out} ({len(comparison.differing):,} clips)")
    return 0
