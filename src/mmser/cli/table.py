"""`mmser table 6|8|9 RUNS…`: a table of Sharma, its figures and those of the runs."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "table",
        help="a table of the paper from runs, beside the published figures",
        description="Tables of Sharma from runs, beside what the paper prints: 6, the baselines; 8, HuBERT "
        "and HuBERT + BERT beside the best baselines; 9, RAVDESS clips alone. A system without a run has a "
        "dash. Runs that cannot be read are named, and the exit code is 1.",
    )
    parser.add_argument("number", choices=("6", "8", "9"), help="of the table")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or folders that hold some")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from mmser.evaluation.collecting import collect_runs
    from mmser.evaluation.paper_tables import render_paper_table

    collection = collect_runs(arguments.runs)
    for line in collection.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print(render_paper_table(arguments.number, collection.finished()))
    return 1 if collection.broken else 0
