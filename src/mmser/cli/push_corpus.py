"""`mmser push-corpus FOLDER NAME`: a built corpus to the Hub, where its licences allow that."""

import argparse
from pathlib import Path

from mmser.cli.push import add_options, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "push-corpus",
        help="publish a built corpus on the Hub, where its licences allow that",
        description="Publish a corpus that `mmser build` wrote as a dataset on the Hub. It is refused where "
        "the licence of a corpus in it does not allow cleaned clips to be published, as that of IEMOCAP "
        "does not.",
    )
    parser.add_argument("folder", type=Path, help="corpus folder that `mmser build` wrote")
    parser.add_argument("name", help="on the Hub: user/name, or organization/name")
    parser.add_argument(
        "--own",
        nargs="+",
        default=[],
        metavar="TABLE",
        help="tables of your own in it, whose clips are yours to publish",
    )
    add_options(parser)
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Push, and print the address."""
    from mmser.hub.place import Place
    from mmser.hub.publishing import push_corpus

    place = Place(arguments.name, "dataset", private=arguments.private)
    address = push_corpus(arguments.folder, place, own=arguments.own, dry_run=arguments.dry_run)
    tell(address, is_dry=arguments.dry_run is not None)
    return 0
