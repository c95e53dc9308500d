"""The paper's recipe, classifier only, against transformers' own way.  ratio of seconds on the same clips

    python benchmarks/bench_training.py --corpus corpora/paper7 [--train 64] [--rounds 3]

The plain way runs the frozen tower with every batch of every epoch: transformers' Trainer, clips padded to
the longest of their batch, validation after each epoch. Ours computes the tower once and trains the head on
what it kept. Same clips, same initial weights, same order of batches, towers in eval mode on both sides, six
epochs of batches of four, validation in float32; first with nothing kept, then once more with another seed.
The tower is HuBERT BASE at full size with random weights, which cost the same seconds as trained ones. Rounds
alternate; the median counts.
"""

import argparse
import copy
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import (
    HubertConfig,
    HubertModel,
    Trainer,
    TrainingArguments,
    Wav2Vec2FeatureExtractor,
    set_seed,
)

from mmser.curation.schema import load_corpus
from mmser.evaluation.scores import compute_scores
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.training.arguments import RunSettings
from mmser.training.collation import ClipDataset, collate_clips
from mmser.training.freezing import freeze
from mmser.training.inputs import read_clips
from mmser.training.trainer import build_trainer


@dataclass
class Setup:
    """What both ways begin with."""

    corpus: datasets.DatasetDict
    model: Any
    processor: Any
    epochs: int
    folder: Path


@dataclass
class Outcome:
    """Seconds of a way, the head that it trained, and its validation logits."""

    seconds: float
    logits: torch.Tensor
    ua: float


def main() -> None:
    """Print seconds, logits and UA of each round, and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--audio-encoder", help="in place of a random HuBERT BASE")
    parser.add_argument("--train", type=int, default=64, help="clips")
    parser.add_argument("--validation", type=int, default=16, help="clips")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    corpus = load_corpus(arguments.corpus)
    few = datasets.DatasetDict(
        {name: spread(corpus[name], getattr(arguments, name)) for name in ("train", "validation")}
    )
    with tempfile.TemporaryDirectory() as folder:
        encoder = arguments.audio_encoder or save_random_hubert(Path(folder) / "hubert-base")
        ratios = [measure(few, encoder, arguments.epochs, Path(folder)) for _ in range(arguments.rounds)]
    for name in ratios[0]:
        print(f"{name}: median ratio {statistics.median(each[name] for each in ratios):.1f}")


def spread(split: datasets.Dataset, count: int) -> datasets.Dataset:
    """Clips spread evenly over a split."""
    return split.select(range(0, len(split), max(1, len(split) // count))[:count])


def save_random_hubert(folder: Path) -> str:
    """HuBERT BASE at full size, its weights random."""
    set_seed(0)
    HubertModel(HubertConfig()).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return str(folder)


def measure(corpus: datasets.DatasetDict, encoder: str, epochs: int, folder: Path) -> dict[str, float]:
    """One round: the plain way, ours in both precisions, and ours again with another seed."""
    set_seed(0)
    model, processor = build_audio_classifier(encoder, corpus["train"].features["label"].names)
    freeze(get_audio_tower(model))
    start = copy.deepcopy(model.state_dict())
    setup = Setup(corpus, model, processor, epochs, folder)

    def run(way: Any, *options: Any) -> Outcome:
        model.load_state_dict(start)
        return way(setup, *options)

    plain = run(train_plainly)
    found = {}
    for dtype in ("float32", "bfloat16"):
        with tempfile.TemporaryDirectory() as cache:
            ours = run(train_cached, cache, dtype, 0)
            again = run(train_cached, cache, dtype, 1)
        difference = (ours.logits - plain.logits).abs().max().item()
        found |= {dtype: plain.seconds / ours.seconds, f"{dtype}, second seed": plain.seconds / again.seconds}
        print(
            f"plain {plain.seconds:.1f} s, UA {plain.ua:.2f}; {dtype} {ours.seconds:.2f} s, "
            f"UA {ours.ua:.2f}; second seed {again.seconds:.2f} s; largest difference of a logit "
            f"{difference:.1e} of {plain.logits.abs().max():.1f}",
            flush=True,
        )
    return found


def arguments_of(folder: Path, epochs: int, seed: int) -> TrainingArguments:
    """The paper's: batches of four, four of them a step, a linear schedule from 5e-5."""
    return TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=epochs,
        per_device_train_batch_size=4,
        per_device_eval_batch_size=8,
        gradient_accumulation_steps=4,
        learning_rate=5e-5,
        weight_decay=0.01,
        seed=seed,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
        label_names=["labels"],
        train_sampling_strategy="random",
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def train_plainly(setup: Setup) -> Outcome:
    """Transformers' Trainer over clips, padded to the longest of their batch."""
    started = time.perf_counter()
    views = {name: ClipDataset(split, setup.processor) for name, split in setup.corpus.items()}
    trainer = Trainer(
        model=setup.model,
        args=arguments_of(setup.folder, setup.epochs, 0),
        data_collator=partial(collate_clips, processor=setup.processor),
        train_dataset=views["train"],
        eval_dataset=views["validation"],
    )
    trainer.train()
    seconds = time.perf_counter() - started
    return score(trainer, views["validation"], setup.corpus["validation"], seconds)


def train_cached(setup: Setup, cache: str, dtype: str, seed: int) -> Outcome:
    """The recipes' way."""
    started = time.perf_counter()
    settings = RunSettings(corpus="-", out="-", cache_dir=cache, embedding_dtype=dtype)
    inputs = read_clips(setup.model, setup.processor, setup.corpus, settings, device=torch.device("cpu"))
    trainer = build_trainer(
        inputs, setup.corpus["train"], arguments_of(setup.folder, setup.epochs, seed), setup.folder, settings
    )
    trainer.train()
    seconds = time.perf_counter() - started
    return score(trainer, inputs.view("validation"), setup.corpus["validation"], seconds)


def score(trainer: Trainer, view: Any, split: datasets.Dataset, seconds: float) -> Outcome:
    """What a trained head says of validation."""
    logits = torch.tensor(trainer.predict(view).predictions)
    names = split.features["label"].names
    scores = compute_scores(split["label"], logits.argmax(dim=-1).numpy(), names)
    return Outcome(seconds, logits, scores["ua"])


if __name__ == "__main__":
    main()
