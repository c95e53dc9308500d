"""`mmser build`: raw corpora in, a Hub-ready dataset folder out."""

import argparse
import time
from pathlib import Path
from typing import Any, Literal

from mmser.cli import options

_SETTINGS = (
    *("folds", "scheme", "transcripts", "whisper", "language", "backend", "seed", "balance_to"),
    *("num_proc", "cache_dir", "noise_dir", "overwrite", "emotion_map"),
)  # arguments that are settings of a build, under the same names


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "build",
        help="raw corpora in, a Hub-ready dataset folder out",
        description="Read the corpora below ROOT, keep the emotions of one scheme, clean, transcribe, split, "
        "balance and audit the clips, and write a dataset folder with its card. Corpora that are not there "
        "are named and left out. Exit code 1 where files were damaged (unreadable, truncated, LFS pointers): "
        "the corpus is written without them. Clips left out for other reasons do not change the exit code; "
        "dropped.csv names all.",
    )
    _add_places(parser)
    _add_content(parser)
    _add_splits(parser)
    parser.set_defaults(run_command=run)


def _add_places(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("places").add_argument
    options.add_places(add)
    add(
        "--out",
        type=Path,
        required=True,
        help="folder to write; several protocols or folds go to OUT/PROTOCOL-foldK, or OUT/PROTOCOL "
        "for a protocol without folds",
    )
    add("--overwrite", action="store_true", help="replace a corpus that is already there")


def _add_content(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("content").add_argument
    options.add_corpora(add)
    add(
        "--transcripts",
        default="whisper",
        help="texts: whisper (heard), reference (as the corpus gives them) or none (default: %(default)s)",
    )
    options.add_whisper(add)
    add(
        "--denoise",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether noise is reduced (default: it is)",
    )
    add(
        "--noise-dir",
        type=Path,
        help="recordings of background noise for copies (default: generated)",
    )


def _add_splits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("splits").add_argument
    add(
        "--protocol",
        nargs="+",
        default=["speaker"],
        metavar="P",
        help="speaker, corpus (each in turn tests), text (no sentence in two splits), stratified, paper, or "
        "given (the column 'split' of your tables); several are built from one cleaning and transcription "
        "(default: speaker)",
    )
    add("--folds", type=int, default=5, help="blocks of speakers, 3 or more (default: %(default)s)")
    add(
        "--fold",
        nargs="+",
        default=["0"],
        metavar="K",
        help="block of speakers, or corpus, that tests, from 0, or 'all' (default: 0)",
    )
    add(
        "--balance-to",
        metavar="N",
        help="clips a class in train: none, a number, or happy=1998,surprised=1858 "
        "(default: as many as the largest class has; 2000 under paper)",
    )
    add("--seed", type=int, default=0, help="chooses splits, cuts and copies (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Build each protocol and fold that was asked for."""
    from mmser.audio.cleaning import CleaningSettings
    from mmser.curation.builder import build_corpora
    from mmser.curation.filtering import DAMAGED
    from mmser.curation.schema import read_corpus_json
    from mmser.curation.settings import BuildSettings

    given = options.read_settings(arguments, _SETTINGS)
    settings = BuildSettings(cleaning=CleaningSettings(denoise=arguments.denoise)).changed(given)
    started = time.monotonic()
    places = build_corpora(
        arguments.root,
        arguments.out,
        settings,
        protocols=options.split_commas(arguments.protocol),
        fold_numbers=_parse_folds(arguments.fold),
    )
    records = [read_corpus_json(place) for place in places]
    for place, record in zip(places, records, strict=True):
        print(_summarise(place, record))
    print(f"built in {time.monotonic() - started:.0f} s")
    num_damaged = sum(records[0]["dropped"].get(reason, 0) for reason in DAMAGED)
    return 1 if num_damaged else 0


def _parse_folds(values: list[str]) -> list[int] | Literal["all"]:
    from mmser.errors import SettingsError

    folds = options.split_commas(values)
    if folds == ["all"]:
        return "all"
    for fold in folds:
        if not fold.isdecimal():
            raise SettingsError(f"--fold {fold!r}: expected numbers from 0, or 'all' alone.")
    return [int(fold) for fold in folds]


def _summarise(out: Path, record: dict[str, Any]) -> str:
    from mmser.curation.schema import SPLITS
    from mmser.curation.tables import of_class

    counts, by_class = record["counts"], record["counts_by_corpus_and_class"]
    dropped = ", ".join(f"{reason} {count}" for reason, count in record["dropped"].items())
    lines = [
        f"{out}:",
        f"clips: read {counts['read']:,}, of the classes {counts['relabel']:,}, cleaned {counts['clean']:,}",
        f"left out: {dropped or 'none'}",
        f"{'':<12}" + "".join(f"{split:>12}" for split in SPLITS),
    ]
    for name in record["classes"]:
        lines.append(f"{name:<12}" + "".join(f"{of_class(by_class[split], name):>12,}" for split in SPLITS))
    lines.append(f"{'all':<12}" + "".join(f"{counts[split]:>12,}" for split in SPLITS))
    lines += [f"leak: {leak}" for leak in record["leaks"]]
    lines += [f"note: {remark}" for remark in record["remarks"]]
    return "\n".join(lines)
