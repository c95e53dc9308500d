"""`mmser evaluate RUN…`: a run on another corpus, or several folds pooled."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="scores of a run, of several folds pooled, or of a run on another corpus",
        description="Without --corpus: print the test scores of one run, or the pooled out-of-fold scores of "
        "several folds of one system. With --corpus: run the model over the test split of another corpus; "
        "the report goes to RUN/on-<corpus folder>.",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--corpus", type=Path, help="another corpus folder, of classes that the model knows")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for the report; with --corpus and several runs, a sub-folder each (pooled folds: no "
        "report unless given)",
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from mmser.training.scoring import evaluate_each, pool_runs

    if arguments.corpus is None:
        print(pool_runs(arguments.runs, arguments.out))
        return 0
    for scores in evaluate_each(arguments.runs, arguments.corpus, arguments.out):
        print(scores)
    return 0
