"""The command `mmser`: one file a command, each with ``add_parser`` and ``run``.

Exit codes: 0 done, 1 a check failed or some inputs were bad (the rest was done), 2 wrong usage,
130 interrupted.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from mmser import __version__
from mmser.cli import (
    app,
    audit,
    build,
    check,
    compare,
    corpora,
    demo,
    download,
    evaluate,
    export,
    features,
    leaderboard,
    predict,
    probe,
    push,
    push_corpus,
    sweep,
    table,
    timeline,
    transcribe,
)
from mmser.errors import MmserError, SettingsError, UnknownNameError

COMMANDS = (
    *(corpora, download, check, transcribe, build, audit, probe, features),
    *(sweep, evaluate, leaderboard, table, compare, predict, timeline, app, demo),
    *(export, push, push_corpus),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; those of the process unless given.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="mmser",
        description="Speech-and-text emotion recognition: public corpora in, an honest recognizer out.",
    )
    parser.add_argument("--version", action="version", version=f"mmser {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for library in ("httpx", "httpx2"):  # they tell of every request
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        return arguments.run_command(arguments)
    except MmserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError | UnknownNameError) else 1
    except BrokenPipeError:  # of `mmser … | head`: what reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, the same command goes on from there.", file=sys.stderr)
        return 130
