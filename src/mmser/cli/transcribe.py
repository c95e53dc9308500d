"""`mmser transcribe`: what is said in every clip, into the cache where `mmser build` finds it."""

import argparse
import logging
import tempfile
from datetime import timedelta
from pathlib import Path

from mmser.cli import options

_SETTINGS = ("scheme", "whisper", "language", "backend", "num_proc", "cache_dir", "emotion_map")
_LONGEST_WAIT = timedelta(days=7)  # of processes for one another, who may clean and transcribe for hours


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "transcribe",
        help="what is said in every clip, for `mmser build`",
        description="Clean the clips below ROOT that have a class in SCHEME, and transcribe each once with "
        "Whisper. Transcripts are kept in the cache folder after every batch: a killed run goes on where it "
        "was, and `mmser build` with the same corpora, --scheme, --whisper, --language and --backend "
        "transcribes nothing. Exit code 1 where files were damaged. Several processes of one machine share "
        "the clips: accelerate launch --multi_gpu -m mmser transcribe … (without a GPU: "
        "torchrun --nproc-per-node 2 -m mmser transcribe …).",
    )
    add = parser.add_argument
    options.add_places(add)
    options.add_corpora(add)
    options.add_whisper(add)
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Transcribe this process's share; the main process says how well that went."""
    from accelerate.state import PartialState

    from mmser.curation.filtering import DAMAGED
    from mmser.curation.output import check_writable
    from mmser.curation.preparing import prepare, transcribe
    from mmser.curation.settings import BuildSettings
    from mmser.curation.transcription import Share
    from mmser.curation.word_errors import describe_transcripts, list_lines
    from mmser.wording import count_of

    settings = BuildSettings(transcripts="whisper").changed(options.read_settings(arguments, _SETTINGS))
    settings.check()
    check_writable(settings.resolved_cache_dir, "--cache-dir")
    processes = PartialState(cpu=True, timeout=_LONGEST_WAIT)  # they talk on the CPU, wherever Whisper runs
    if not processes.is_main_process:
        logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as work:
        with processes.main_process_first():  # the others find every clip cleaned
            material = prepare(arguments.root, Path(work), settings)
        share = Share(processes.process_index, processes.num_processes)
        rows, store = material.rows, material.store
        transcribe(rows, store, settings, share=share, progress=processes.is_main_process)
        processes.wait_for_everyone()
        if processes.is_main_process:
            heard = describe_transcripts(transcribe(rows, store, settings), settings.language)
            print("\n".join([f"transcribed {count_of(heard['clips'], 'clip')}", *list_lines(heard)]))
    processes.destroy_process_group()
    return 1 if any(drop.reason in DAMAGED for drop in material.drops) else 0
