"""Arguments that several commands share: where corpora are, which, and who transcribes them."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_places(add: Any) -> None:
    """``--root``, ``--cache-dir`` and ``--num-proc``."""
    add("--root", type=Path, required=True, help="folder that holds the corpora, at any depth")
    add(
        "--cache-dir",
        type=Path,
        help="where cleaned clips and transcripts are kept for the next build "
        "(default: $MMSER_CACHE, else ~/.cache/mmser)",
    )
    add("--num-proc", type=int, help="worker processes that clean (default: one a core)")


def add_corpora(add: Any) -> None:
    """``--corpora``, ``--emotion-map`` and ``--scheme``."""
    add(
        "--corpora",
        nargs="+",
        metavar="NAME",
        help="corpora to read, as `mmser corpora` names them (default: cremad iemocap ravdess savee tess); "
        "csv:PATH is a table of your own with the columns path, emotion, speaker and, where there are any, "
        "text, gender, split, language",
    )
    add(
        "--emotion-map",
        metavar="WORD=EMOTION,…",
        help="what the emotion words of such tables mean, or a JSON or YAML file that says so "
        "(default: PATH with .json or .yaml, and common words)",
    )
    add(
        "--scheme",
        default="paper7",
        help="classes: paper7, ekman7, ekman7-multi, ravdess8, ravdess4, ravdess4-surprised, iemocap4, "
        "emodb7 (default: %(default)s)",
    )


def add_whisper(add: Any) -> None:
    """``--whisper``, ``--language`` and ``--backend``."""
    add(
        "--whisper",
        default="base",
        metavar="NAME_OR_PATH",
        help="Whisper checkpoint: a name, or the .pt file of openai-whisper (default: %(default)s)",
    )
    add("--language", default="en", help="language code for Whisper (default: %(default)s)")
    add(
        "--backend",
        default="openai-whisper",
        metavar="B",
        help="who runs Whisper: openai-whisper or faster-whisper (default: %(default)s)",
    )


def add_recognizer(add: Any) -> None:
    """Add what a trained run listens with, how sure it has to be, and how it runs."""
    add(
        "--whisper",
        help="openai-whisper checkpoint that listens, a name or a .pt file (default: what the model names); "
        "none: nobody does, and a model trained with modality dropout goes by sound alone",
    )
    add(
        "--abstain-below",
        type=float,
        metavar="P",
        help="say `uncertain` below this probability, 0 always answers (default: what the model says)",
    )
    add(
        "--dtype",
        default="float32",
        help="precision of the encoders: float32, or bfloat16, which is faster where the processor "
        "multiplies it (default: %(default)s)",
    )
    add("--device", help="where the model runs, e.g. cpu (default: the GPU where there is one)")


def load_recognizer(arguments: argparse.Namespace) -> Any:
    """The :class:`mmser.EmotionRecognizer` of ``run`` and of what :func:`add_recognizer` added."""
    from mmser.inference.recognizer import EmotionRecognizer

    hide_loading_bars()
    return EmotionRecognizer.from_pretrained(
        arguments.run,
        device=arguments.device,
        whisper=arguments.whisper,
        abstain_threshold=arguments.abstain_below,
        dtype=arguments.dtype,
    )


def hide_loading_bars() -> None:
    """Keep transformers' bars of weights that are loaded from between a command's own lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def split_commas(values: list[str]) -> list[str]:
    """["a,b", "c"] -> ["a", "b", "c"].

    Raises:
        SettingsError: nothing is named.
    """
    parts = [part for value in values for part in value.split(",") if part]
    if not parts:
        from mmser.errors import SettingsError

        raise SettingsError(f"{values}: nothing is named, expected names or numbers.")
    return parts


def read_settings(arguments: argparse.Namespace, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Settings of a build from arguments of the same names; ``--corpora`` alone where it was given."""
    found = {name: getattr(arguments, name) for name in names}
    return found | ({"corpora": tuple(split_commas(arguments.corpora))} if arguments.corpora else {})
