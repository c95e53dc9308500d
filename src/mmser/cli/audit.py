"""`mmser audit DATASET`: are the promises of a dataset's protocol kept?"""

import argparse
import json
import os
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "audit",
        help="what the splits of a dataset share, against what its protocol promised",
        description="Listen to every clip and look for speakers, sources, sentences, copies and sounds "
        "(equal, or one recording after gain, noise, re-encoding or trimming) that stand in two splits. "
        "Exit code 1 where the protocol promised that there are none; other overlap is a note.",
    )
    add = parser.add_argument
    add("dataset", type=Path, help="a corpus folder, or any folder that `datasets` opens with its columns")
    add(
        "--protocol",
        metavar="P",
        help="whose promises are checked (default: the one it was built under, else speaker)",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--first", type=int, default=5, metavar="N", help="things named of each leak (default: %(default)s)"
    )
    shown.add_argument("--all", action="store_true", help="name all of them, with all their clips")
    add("--json", action="store_true", help="print all that was found as JSON")
    add("--num-proc", type=int, default=os.cpu_count() or 1, help="worker processes (default: one a core)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 where a promise is broken."""
    from mmser.curation.audit import audit
    from mmser.curation.audit_input import read_promises, read_splits
    from mmser.curation.audit_report import to_dict, to_text
    from mmser.curation.splitting import get_protocol
    from mmser.errors import SettingsError
    from mmser.wording import count_of

    for name in ("first", "num_proc"):
        if getattr(arguments, name) < 1:
            raise SettingsError(f"--{name.replace('_', '-')} {getattr(arguments, name)}: expected 1 or more.")
    corpus = read_splits(arguments.dataset)
    name, promises = read_promises(arguments.dataset)
    if arguments.protocol:
        name, promises = arguments.protocol, get_protocol(arguments.protocol).promises
    result = audit(corpus, promises, num_proc=arguments.num_proc)
    if arguments.json:
        about = {"dataset": str(arguments.dataset), "protocol": name}
        print(json.dumps(about | to_dict(result, corpus, promises), indent=2, ensure_ascii=False))
    else:
        num_clips = sum(len(rows) for rows in corpus.values())
        print(f"{arguments.dataset}: {count_of(num_clips, 'clip')}, protocol {name}")
        num_shown = None if arguments.all else arguments.first
        print(to_text(result, corpus, promises, num_shown))
    return 1 if result.broken else 0
