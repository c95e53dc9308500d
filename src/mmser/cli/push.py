"""`mmser push RUN NAME`: a finished run to the Hub, with a card that was measured."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "push",
        help="publish a finished run on the Hub",
        description="Publish a finished run on the Hub in one commit: weights, configuration, code, "
        "processor, scores, pictures, and a card written from metrics.json. Log in once by `hf auth login`, "
        "or set HF_TOKEN.",
    )
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="on the Hub: user/name, or organization/name")
    add_options(parser)
    parser.set_defaults(run_command=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--private`` and ``--dry-run``."""
    parser.add_argument("--private", action="store_true", help="seen by its owners alone")
    parser.add_argument(
        "--dry-run",
        type=Path,
        metavar="DIR",
        help="write to this folder what would be uploaded, and ask no network",
    )


def run(arguments: argparse.Namespace) -> int:
    """Push, and print the address."""
    from mmser.hub.place import Place
    from mmser.hub.publishing import push_run

    place = Place(arguments.name, private=arguments.private)
    tell(push_run(arguments.run, place, dry_run=arguments.dry_run), is_dry=arguments.dry_run is not None)
    return 0


def tell(address: str, *, is_dry: bool) -> None:
    """Print where it is now; for a folder, what it holds."""
    if not is_dry:
        print(address)
        return
    for path in sorted(Path(address).rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>14,}  {path.relative_to(address).as_posix()}")
    print(f"nothing was uploaded: this is in {address}", file=sys.stderr)
