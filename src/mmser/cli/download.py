"""`mmser download NAME…`: corpora from their publishers, into the folder that `mmser build` reads."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmser.corpora import Corpus


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "download",
        help="fetch corpora from their publishers",
        description="Fetch corpora from their publishers, check them and unpack them below ROOT. A download "
        "that was cut goes on from there when the command is run again; what is there is not fetched again. "
        "For a corpus that is given on request it says where to ask. Exit code 1 where one of the corpora "
        "could not be had; the others are fetched.",
    )
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="corpora, as `mmser corpora` names them; some are given on request only",
    )
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the corpora")
    parser.add_argument(
        "--accept-licence",
        "--accept-license",
        action="store_true",
        help="you have read the licences of these corpora and keep to them",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=8,
        metavar="N",
        help="files fetched at a time, where a corpus comes as single clips (default: %(default)s)",
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch what can be fetched, one corpus after the other."""
    from mmser.corpora import get_corpus
    from mmser.errors import SettingsError

    corpora = [get_corpus(name) for name in dict.fromkeys(arguments.names)]
    if arguments.jobs < 1:
        raise SettingsError(f"--jobs {arguments.jobs}: expected 1 or more.")
    if arguments.root.exists() and not arguments.root.is_dir():
        raise SettingsError(f"--root {arguments.root}: is a file, expected a folder.")
    free = [corpus for corpus in corpora if corpus.info.source is not None]
    for corpus in free:
        print(f"{corpus.info.title}: licence {corpus.info.license}, see {corpus.info.url}")
    if free and not arguments.accept_licence:
        names = " ".join(corpus.info.name for corpus in corpora)
        raise SettingsError(
            "nothing is fetched before the licences above are accepted. Read them, then run "
            f"`mmser download {names} --root {arguments.root} --accept-licence`."
        )
    results = [_download(corpus, arguments.root, arguments.jobs) for corpus in corpora]
    return 0 if all(results) else 1


def _download(corpus: "Corpus", root: Path, num_jobs: int) -> bool:
    """Fetch one corpus and say how that went; an error does not keep the others from being fetched."""
    from mmser.corpora.download import download_corpus
    from mmser.errors import MmserError
    from mmser.wording import count_of

    info = corpus.info
    try:
        fetched = download_corpus(corpus, root, num_jobs=num_jobs)
    except MmserError as error:
        print(f"error: {info.name}: {error}", file=sys.stderr)
        return False
    state = f"fetched to {root / info.source.folder}" if fetched and info.source else f"already in {root}"
    print(f"{info.name}: {count_of(info.num_clips, 'clip')}, {state}. Please cite: {info.citation}")
    return True
