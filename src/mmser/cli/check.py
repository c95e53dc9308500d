"""`mmser check`: the corpus doctor says what is there, what is broken, and what to do."""

import argparse
import json
from pathlib import Path

from mmser.cli.options import split_commas


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "check",
        help="what is there of each corpus, what is missing or broken, and what to do",
        description="Examine the corpora below ROOT: clips found, missing and extra against the published "
        "counts, nested copies, LFS pointers, damaged, silent and clipped files, identical clips, sample "
        "rates, names and label files. Every audio file is read whole. Exit code 1 where a build would be "
        "spoilt (an error); missing clips and oddities that a build copes with do not change the exit code.",
    )
    parser.add_argument(
        "--root", type=Path, required=True, help="folder that holds the corpora, at any depth"
    )
    parser.add_argument(
        "--corpora",
        nargs="+",
        metavar="NAME",
        help="corpora to examine, or csv:PATH for a table of your own (default: all that mmser knows)",
    )
    parser.add_argument(
        "--emotion-map",
        metavar="WORD=EMOTION,…",
        help="what the emotion words of such tables mean, as for `mmser build`",
    )
    parser.add_argument("--num-proc", type=int, help="worker processes (default: one a core)")
    parser.add_argument("--json", action="store_true", help="as JSON, with the names of all missing clips")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    from mmser.curation.doctor import check_corpora
    from mmser.errors import SettingsError

    if arguments.num_proc is not None and arguments.num_proc < 1:
        raise SettingsError(f"--num-proc {arguments.num_proc}: expected 1 or more processes.")
    names = split_commas(arguments.corpora) if arguments.corpora else None
    report = check_corpora(
        arguments.root, names, emotion_map=arguments.emotion_map, num_proc=arguments.num_proc
    )
    print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if arguments.json else report)
    return 0 if report.ok else 1
