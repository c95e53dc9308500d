"""Every system of the papers on one set of corpora, unattended, and the leaderboard of them.

    python benchmarks/run_systems.py --root data/ --out benchmark-systems/ [--jobs 2] [--folds 0 1 2 3 4]

Builds the corpora, runs each recipe on each of them, and writes the leaderboard in three views: all corpora,
without TESS, RAVDESS alone. What is there already is not run again, so the same command goes on after a cut;
what fails is named at the end (exit code 1) and leaves the rest alone.

Under `paper` classes are made 200 clips large (`--paper-balance-to`): the paper's 2,000 a class would turn a
sample of a few hundred clips into copies. HuBERT in its four modes and HuBERT + BERT run where --hubert and
--bert name their weights; "speech" and "speech-text" are the laptop's recipe with frozen towers.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import torch

from mmser.models.classical import SYSTEMS
from mmser.models.networks.mobilenet import BLOCK_NETS
from mmser.models.networks.systems import NETWORKS

RECIPES = Path(__file__).parents[1] / "recipes"
VIEWS = {"all": [], "without-tess": ["--without", "tess"], "ravdess": ["--only", "ravdess"]}
HUBERT = ("hubert", "hubert_top_cnn", "hubert_partial", "hubert_entire")
NEEDED = ("hubert", "bert")  # options without which the jobs that take them are left out


@dataclass(frozen=True)
class Job:
    """One run of a recipe.

    Attributes:
        name: of its folder below a corpus's.
        recipe: its file, without ".py".
        config: its YAML, without ".yaml".
        encoders: options of its command line that name encoders -> ours.
        options: others.
    """

    name: str
    recipe: str
    config: str
    encoders: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


JOBS = (
    Job("classical", "train_baselines", "baselines"),
    *(Job(name, "train_cnn", name.replace("-", "_")) for name in NETWORKS),
    Job("speech", "train_hubert", "frozen_whisper", {"audio_encoder": "audio_encoder"}),
    Job(
        "speech-text",
        "train_fusion",
        "frozen_whisper_fusion",
        {"audio_encoder": "audio_encoder", "text_encoder": "text_encoder"},
    ),
    *(Job(name.replace("_", "-"), "train_hubert", name, {"audio_encoder": "hubert"}) for name in HUBERT),
    Job("fusion", "train_fusion", "fusion", {"audio_encoder": "hubert", "text_encoder": "bert"}),
    *(
        Job(name, "train_cnn", "mobilenet_v2", {"image_encoder": "image_encoder"}, ("--network", name))
        for name in BLOCK_NETS
    ),
)


def main() -> int:
    """Build, train, rank; say what failed."""
    arguments = parse_arguments()
    failed = []
    for protocol, fold in product(arguments.protocols, arguments.folds):
        if protocol != "speaker" and fold != arguments.folds[0]:
            continue  # the others have one fold
        failed += build_corpus(protocol, fold, arguments)
    corpora = sorted(path.parent for path in (arguments.out / "corpora").glob("*/corpus.json"))
    jobs = choose_jobs(arguments)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = [pool.submit(run_job, job, corpus, arguments) for job in jobs for corpus in corpora]
    failed += [name for result in results for name in result.result()]
    for name, options in VIEWS.items():
        out = arguments.out / "leaderboards" / name
        command = ["mmser", "leaderboard", arguments.out / "runs", *options, "--out", out]
        wrong = call(command, out.with_suffix(".log"))
        failed += wrong
        if not wrong:
            print((out / "leaderboard.md").read_text(encoding="utf-8"))
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--out", type=Path, default=Path("benchmark-systems"))
    parser.add_argument("--protocols", nargs="+", default=["speaker", "paper"])
    parser.add_argument("--folds", nargs="+", default=["0"], help="of the protocol speaker")
    parser.add_argument("--paper-balance-to", default="200", help="clips a class under paper")
    parser.add_argument("--transcripts", default="whisper", choices=("whisper", "reference"))
    parser.add_argument("--whisper", help="checkpoint of the transcripts, in place of base")
    for name in ("audio", "text", "image"):
        parser.add_argument(f"--{name}-encoder", help="name or folder, in place of the config's")
    parser.add_argument("--hubert", help="name or folder, for HuBERT in four modes and for fusion")
    parser.add_argument("--bert", help="name or folder, for fusion")
    parser.add_argument("--only", nargs="+", metavar="SYSTEM", choices=[job.name for job in JOBS])
    parser.add_argument("--epochs", help="of every network, in place of its config's: a trial")
    parser.add_argument("--bf16", action="store_true", help="train networks in bfloat16")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    return parser.parse_args()


def choose_jobs(arguments: argparse.Namespace) -> list[Job]:
    """The jobs that are asked for and have the weights that they need; says which have not."""
    chosen = []
    for job in JOBS:
        missing = [name for name in NEEDED if name in job.encoders.values() and not getattr(arguments, name)]
        if arguments.only is not None and job.name not in arguments.only:
            continue
        if missing:
            print(
                f"left out: {job.name}, which needs {' and '.join('--' + name for name in missing)}",
                flush=True,
            )
        else:
            chosen.append(job)
    return chosen


def build_corpus(protocol: str, fold: str, arguments: argparse.Namespace) -> list[str]:
    """Build a corpus that is not there yet; returns what failed."""
    name = f"speaker-fold{fold}" if protocol == "speaker" else protocol
    out = arguments.out / "corpora" / name
    if (out / "corpus.json").is_file():
        return []
    command = ["mmser", "build", "--root", arguments.root, "--out", out, "--protocol", protocol]
    command += ["--fold", fold] if protocol == "speaker" else []
    command += ["--balance-to", arguments.paper_balance_to] if protocol == "paper" else []
    command += ["--transcripts", arguments.transcripts]
    command += ["--whisper", arguments.whisper] if arguments.whisper else []
    return call(command, arguments.out / "logs" / f"build-{name}.log")


def run_job(job: Job, corpus: Path, arguments: argparse.Namespace) -> list[str]:
    """Run a recipe that has not finished on this corpus; returns what failed."""
    out = arguments.out / "runs" / corpus.name / job.name
    wanted = set(SYSTEMS) if job.recipe == "train_baselines" else {"."}
    missing = sorted(each for each in wanted if not (out / each / "metrics.json").is_file())
    if not missing:
        return []
    command: list[object] = [
        RECIPES / f"{job.recipe}.py",
        "--config",
        RECIPES / "configs" / f"{job.config}.yaml",
    ]
    command += ["--corpus", corpus, "--out", out, "--overwrite", *job.options]
    for option, ours in job.encoders.items():
        if getattr(arguments, ours):
            command += [f"--{option}", getattr(arguments, ours)]
    if job.recipe == "train_baselines":
        command = [sys.executable, *command, "--systems", *missing]
    else:
        on_cpu = not torch.cuda.is_available()
        config = ["--config_file", RECIPES / "accelerate" / "cpu.yaml"] if on_cpu else []
        command = ["accelerate", "launch", *config, *command]
        command += ["--use_cpu", "True"] if on_cpu else []
        command += ["--num_train_epochs", arguments.epochs] if arguments.epochs else []
        command += ["--bf16", "True"] if arguments.bf16 and job.recipe == "train_cnn" else []
    log = arguments.out / "logs" / f"{corpus.name}-{job.name}.log"
    return call(command, log, threads=max(1, (os.cpu_count() or 1) // arguments.jobs))


def call(command: Sequence[object], log: Path, *, threads: int | None = None) -> list[str]:
    """Run a command with its output in a log; returns the log's name where it failed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    print(f"{time.perf_counter() - started:7.0f} s  exit {done.returncode}  {log.stem}", flush=True)
    return [f"{log.stem} (exit code {done.returncode}, {log})"] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
