"""`mmser sweep CONFIG`: which settings are best, and how far do seeds spread?"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "sweep",
        help="try settings of a recipe with several seeds, choose on validation, run the best",
        description="Try every combination of the values given, with every seed, and judge each by its UA on "
        "clips that were not trained on. The best is written to choice.json, then run once a seed, and "
        "scored on test. Frozen towers are run once, so a head takes seconds. Begun again after a "
        "cut, with the same settings and --out, it goes on where it was.",
    )
    add = parser.add_argument
    add("config", type=Path, help="a YAML of recipes/configs for train_hubert.py or train_fusion.py")
    add("--corpus", type=Path, required=True, help="a corpus folder that `mmser build` wrote")
    add(
        "--out",
        type=Path,
        required=True,
        help="folder for what was tried, the choice and the runs of the best",
    )
    add(
        "--vary",
        nargs="+",
        default=[],
        metavar="KEY=V1,V2",
        help="settings and the values to try: learning_rate=1e-3,1e-2 dropout=0,0.2",
    )
    add("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other settings, of all that is tried")
    add("--seeds", nargs="+", type=int, default=[0], help="(default: 0)")
    add(
        "--inner-folds",
        type=int,
        default=0,
        metavar="K",
        help="judge by K folds over the speakers of train and validation in place of the validation split, "
        "and train the best on both",
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was tried and how the best does on test."""
    from mmser.training.sweep import SweepSettings, run_sweep

    options = dict(map(_split_pair, arguments.set))
    vary = {name: tuple(values.split(",")) for name, values in map(_split_pair, arguments.vary)}
    tried, metrics = run_sweep(
        SweepSettings(
            config=arguments.config,
            corpus=arguments.corpus,
            out=arguments.out,
            vary=vary,
            seeds=arguments.seeds,
            inner_folds=arguments.inner_folds,
            options=options,
        )
    )
    print("", "UA on clips held out, mean and standard deviation over seeds", sep="\n")
    for candidate in tried:
        values = " ".join(f"{name}={value}" for name, value in candidate.values.items())
        print(f"  {_spread(candidate.scores)}  {values or 'as in the config'}")
    print("test, the first of them")
    for name in ("ua", "wa"):
        print(f"  {name.upper()} {_spread([each['test'][name] for each in metrics])}")
    return 0


def _spread(scores: Sequence[float]) -> str:
    deviation: Any = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
    return f"{statistics.fmean(scores):.2f}{deviation}"


def _split_pair(text: str) -> tuple[str, str]:
    from mmser.errors import SettingsError

    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise SettingsError(f"{text!r} is no setting, expected KEY=VALUE.")
    return name.replace("-", "_"), value
