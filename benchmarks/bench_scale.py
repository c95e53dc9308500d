"""Frozen towers and a head over growing corpora.  stand-in clips -> seconds and peak memory of each part

    python benchmarks/bench_scale.py [--sizes 1000 10000 100000]

Clips of half a second of noise, each under a hash of its own, so that each is computed. The tower is a small
HuBERT (two layers, 128 wide): what is measured is what grows with the corpus beside the tower, which costs
the same for each clip. Every size runs in a process of its own, twice: the second finds the towers' rows.
Memory as in bench_memory.py.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from bench_memory import PeakMemory
from transformers import HubertConfig, HubertModel, TrainingArguments, Wav2Vec2FeatureExtractor, set_seed

from mmser.audio.io import encode_flac
from mmser.curation.schema import CORPUS_JSON, DATA_FOLDER, SCHEMA_VERSION, clip_features, load_corpus
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.training.arguments import RunSettings
from mmser.training.freezing import freeze
from mmser.training.inputs import read_clips
from mmser.training.trainer import build_trainer

CLASSES = ("angry", "happy", "sad")
NUM_WAVEFORMS = 30
CLIP_S = 0.5
SHARD = 1_000
NUM_JUDGED = 100


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # of the process that is measured
    arguments = parser.parse_args()
    if arguments.work is not None:
        train(arguments.work)
        return
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), size)
            for _ in range(2):
                seconds, megabytes = measure(Path(folder))
                told = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
                print(f"{size:>7,} clips: {told}; peak {megabytes:.0f} MB", flush=True)


def measure(folder: Path) -> tuple[dict[str, float], float]:
    """Train in a process of its own; (seconds of each part, megabytes)."""
    command = [sys.executable, __file__, "--work", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        peak = PeakMemory(process.pid)
        peak.start()
        printed, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{folder} failed: {errors.decode()[-2000:]}")
    return json.loads(printed.splitlines()[-1]), peak.megabytes


def write_corpus(folder: Path, count: int) -> None:
    """Write a corpus of noise, in shards as a build writes them."""
    generator = np.random.default_rng(0)
    noise = [
        0.1 * generator.normal(size=round(CLIP_S * 16_000)).astype(np.float32) for _ in range(NUM_WAVEFORMS)
    ]
    sounds = [encode_flac(each.clip(-1, 1)) for each in noise]
    features = clip_features(CLASSES)
    raw = datasets.Features(
        {**features, "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}}
    )

    def rows(shard: Iterable[int]) -> Iterator[dict[str, Any]]:
        for number in shard:
            yield {
                **dict.fromkeys(features),
                "id": f"standins/{number:07d}",
                "audio": {"bytes": sounds[number % NUM_WAVEFORMS], "path": None},
                "label": number % len(CLASSES),
                "transcript": "",
                "duration_s": CLIP_S,
                "sha256": f"{number:064x}",
            }

    def write(split: str, start: int, stop: int) -> None:
        table = datasets.Dataset.from_list(list(rows(range(start, stop))), features=raw).cast(features)
        table.to_parquet(folder / DATA_FOLDER / f"{split}-{start:07d}.parquet")

    datasets.disable_progress_bars()
    (folder / DATA_FOLDER).mkdir()
    for start in range(0, count, SHARD):
        write("train", start, min(start + SHARD, count))
    write("validation", 0, NUM_JUDGED)
    write("test", 0, NUM_JUDGED)
    about = {"schema_version": SCHEMA_VERSION, "classes": CLASSES}
    (folder / CORPUS_JSON).write_text(json.dumps(about))


def train(folder: Path) -> None:
    """Open the corpus, run the tower over it, train a head for three epochs, print the seconds of each."""
    set_seed(0)
    config = HubertConfig(
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    HubertModel(config).save_pretrained(folder / "tower")
    Wav2Vec2FeatureExtractor().save_pretrained(folder / "tower")
    model, processor = build_audio_classifier(str(folder / "tower"), CLASSES)
    freeze(get_audio_tower(model))
    settings = RunSettings(corpus="-", out="-", cache_dir=str(folder / "cache"), embedding_batch_size=64)
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=3,
        per_device_train_batch_size=64,
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=False,
    )
    moments = [time.perf_counter()]
    corpus = load_corpus(folder, cache_dir=folder / "cache")
    moments.append(time.perf_counter())
    inputs = read_clips(model, processor, corpus, settings, device=torch.device("cpu"))
    trainer = build_trainer(inputs, corpus["train"], arguments, folder, settings)
    moments.append(time.perf_counter())
    trainer.train()
    moments.append(time.perf_counter())
    seconds = [later - earlier for earlier, later in pairwise(moments)]
    print(json.dumps(dict(zip(("open", "towers", "head"), seconds, strict=True))))


if __name__ == "__main__":
    main()
