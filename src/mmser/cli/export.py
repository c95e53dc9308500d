"""`mmser export RUN`: a finished run as an ONNX graph, compared with the run itself."""

import argparse
from pathlib import Path
from typing import Any

from mmser.cli.options import hide_loading_bars


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "export",
        help="a finished run as an ONNX graph",
        description="Write a finished run as an ONNX graph, which runs in onnxruntime without PyTorch, with "
        "all that `mmser predict` needs. The graph is compared with the run before it is put in its place. "
        "Needs the extra `onnx`.",
    )
    add = parser.add_argument
    add("run", help="folder of a finished run, or its name on the Hub")
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="new folder to write (default: RUN/onnx, or NAME-onnx of a model of the Hub)",
    )
    add(
        "--int8",
        action="store_true",
        help="round weights to 8 bits: smaller, faster, and other answers; what that costs is measured",
    )
    add(
        "--corpus",
        type=Path,
        metavar="FOLDER",
        help="measure on the validation split of this corpus (default: with --int8 the run's own)",
    )
    add(
        "--max-clips", type=int, default=500, help="clips to measure on, evenly spaced (default: %(default)s)"
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Export, and print what was measured."""
    from mmser.inference.export import ExportSettings, export_run

    hide_loading_bars()
    out = arguments.out or choose_folder(arguments.run)
    settings = ExportSettings(arguments.int8, arguments.corpus, arguments.max_clips)
    print("\n".join(tell(export_run(arguments.run, out, settings), out)))
    return 0


def choose_folder(run: str) -> Path:
    """Where an export goes: into the run; of a model of the Hub into a folder here that is not of its name.

    A folder of that name would be taken for the model from then on.
    """
    return Path(run) / "onnx" if Path(run).is_dir() else Path(f"{Path(run).name}-onnx")


def tell(about: dict[str, Any], out: Path) -> list[str]:
    """What was written, how close it is, and how to use it."""
    graph, measured = about["float32"], about["measured"]
    lines = [
        f"{out}: {about['precision']}, {about['bytes'] / 1e6:.1f} MB",
        f"graph in float32: logits differ from PyTorch's by {graph['largest_logit_difference']:g} at most",
    ]
    if measured:
        lines += [
            f"{about['precision']} on {measured['num_clips']:,} validation clips of {measured['corpus']}:",
            f"  UA {measured['ua']:.2f}, in PyTorch {measured['ua_pytorch']:.2f}; the same class for "
            f"{measured['same_label']:.1f} % of the clips",
            f"  logits differ by {measured['largest_logit_difference']:g} at most; the largest is "
            f"{measured['largest_logit']:g}",
        ]
    return [*lines, f"use it: mmser predict {out} clip.wav"]
