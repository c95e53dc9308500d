"""`mmser probe CORPUS`: what of the emotion can be told without hearing it?"""

import argparse
import json
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "probe",
        help="shortcuts in a corpus: emotion from the text, corpus, speaker or silence alone",
        description="Fit a small classifier on each thing that may stand in for the emotion, and show its UA "
        "beside chance. text: emotion from the sentence that was read, and from what Whisper heard; the "
        "corpus from the text. corpus: the corpus from the sound; emotion from the corpus alone. speaker: "
        "the speaker from the sound; emotion from speaker or gender alone. silence: emotion and corpus "
        "from a clip's length and from what is not speech. These are figures to know: the exit code is 0.",
    )
    add = parser.add_argument
    add("corpus", type=Path, help="a corpus folder that `mmser build` wrote")
    add(
        "--kinds",
        nargs="+",
        metavar="KIND",
        help="which probes: text, corpus, speaker, silence (default: all)",
    )
    add("--audio-encoder", metavar="NAME_OR_FOLDER", help="probe the states of this speech encoder as well")
    add("--text-encoder", metavar="NAME_OR_FOLDER", help="probe the states of this text encoder as well")
    add("--seed", type=int, default=0, help="of the bootstrap and of held-out clips (default: %(default)s)")
    add("--cache-dir", type=Path, help="where features are kept (default: $MMSER_CACHE, else ~/.cache/mmser)")
    add("--num-proc", type=int, help="worker processes (default: one a core)")
    add("--json", action="store_true", help="print all that was found as JSON")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    from mmser.cli.options import split_commas
    from mmser.curation.schema import read_corpus_json
    from mmser.training.probe_report import format_probes, probes_to_dict
    from mmser.training.probes import PROBES, ProbeSettings, run_probes

    settings = ProbeSettings(
        kinds=split_commas(arguments.kinds) if arguments.kinds else tuple(PROBES),
        audio_encoder=arguments.audio_encoder,
        text_encoder=arguments.text_encoder,
        cache_dir=arguments.cache_dir,
        num_proc=arguments.num_proc,
        seed=arguments.seed,
    )
    about = read_corpus_json(arguments.corpus)
    results = run_probes(arguments.corpus, settings)
    protocol = about["settings"]["protocol"]
    if arguments.json:
        described = {
            "corpus": str(arguments.corpus),
            "protocol": protocol,
            "corpus_fingerprint": about["fingerprint"],
            "probes": probes_to_dict(results),
        }
        print(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        print(f"{arguments.corpus}: protocol {protocol}", format_probes(results), sep="\n")
    return 0
