"""The parser of ``mmser``, without a command that is run."""

import argparse
from unittest.mock import patch

from mmser import cli


class _FoundError(Exception):
    """Ends ``main`` where it has its parser."""


def parser_of_mmser() -> argparse.ArgumentParser:
    """What ``mmser`` reads its command line with, with all commands."""

    def stop(self: argparse.ArgumentParser, *_: object) -> None:
        raise _FoundError(self)

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            cli.main([])
        except _FoundError as found:
            return found.args[0]
    raise AssertionError("mmser read no command line.")
