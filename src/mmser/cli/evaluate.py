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
    parser.add_argument("--out", type=Path, help="folder for the report (pooled folds: none unless given)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from mmser.training.scoring import evaluate_on, pool_runs

    if arguments.corpus is not None:
        for folder in arguments.runs:
            print(evaluate_on(folder, arguments.corpus, arguments.out))
    else:
        print(pool_runs(arguments.runs, arguments.out))
    return 0
