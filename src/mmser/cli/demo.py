"""`mmser demo FOLDER`: write the miniature corpora and small random towers that `make demo` trains on."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "demo",
        help="write five miniature corpora, spoken by eSpeak NG, and small random towers",
        description="Write FOLDER/data (the five corpora in miniature, in their published layouts) and "
        "FOLDER/towers (a small HuBERT and a small BERT, randomly initialised).",
    )
    parser.add_argument("folder", type=Path, help="a new or empty folder, or an earlier demo's")
    parser.add_argument("--seed", type=int, default=0, help="of voices, sentences and weights (default 0)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write both and say how many clips there are."""
    from mmser.demo import claim_demo_folder, write_demo_corpora, write_demo_towers

    claim_demo_folder(arguments.folder)
    counts = write_demo_corpora(arguments.folder / "data", seed=arguments.seed)
    write_demo_towers(arguments.folder / "towers", seed=arguments.seed)
    for name, num_clips in counts.items():
        print(f"{name:<8} {num_clips:4d} clips")
    return 0
