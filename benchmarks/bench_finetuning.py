"""Training the whole of HuBERT BASE, against transformers' own way.  ratio of clips a second

    python benchmarks/bench_finetuning.py --corpus corpora/paper7 [--train 64] [--rounds 3]

The plain way is transformers' stock classifier in its Trainer, clips padded to the longest of their batch
and, as the checkpoint's own feature extractor gives them, without a mask.
Ours is the recipes' trainer: the same clips in each step but their batches by length; then steps of clips of
like length; then that in bfloat16. Twelve layers at full size with random weights, batches of four, four of
them a step, one epoch on the same real clips. Rounds alternate; the median counts. Padding is the share of
samples that a tower hears and no clip has.
"""

import argparse
import copy
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from bench_training import save_random_hubert, spread
from transformers import AutoModelForAudioClassification, Trainer, TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.models.audio_classifier import build_audio_classifier
from mmser.training.arguments import RunSettings
from mmser.training.collation import ClipDataset, collate_clips
from mmser.training.inputs import read_clips
from mmser.training.trainer import build_trainer

WAYS: dict[str, dict[str, Any]] = {
    "the same steps": {"train_sampling_strategy": "random"},
    "steps by length": {"train_sampling_strategy": "group_by_length"},
    "steps by length, bfloat16": {"train_sampling_strategy": "group_by_length", "bf16": True},
}


def main() -> None:
    """Print seconds and padding of each way in each round, and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--train", type=int, default=64, help="clips")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    corpus = load_corpus(arguments.corpus)
    few = datasets.DatasetDict(
        train=spread(corpus["train"], arguments.train), validation=spread(corpus["validation"], 4)
    )
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        encoder = save_random_hubert(Path(folder) / "hubert-base")
        train_plainly(few.filter(lambda _, index: index < 4, with_indices=True), encoder, Path(folder))
        for number in range(arguments.rounds):
            plain, padding = train_plainly(few, encoder, Path(folder))
            print(f"round {number}: plain {plain:.1f} s, padding {padding:.0%}", flush=True)
            for name, options in WAYS.items():
                seconds, padding = train_ours(few, encoder, Path(folder), options)
                ratios[name].append(plain / seconds)
                print(f"  {name}: {seconds:.1f} s, padding {padding:.0%}, ratio {ratios[name][-1]:.2f}")
    for name, found in ratios.items():
        print(f"{arguments.train} clips, {name}: median ratio {statistics.median(found):.2f}")


class Padding:
    """Counts the samples of the batches that a collator makes."""

    def __init__(self, collate: Any, *, gives_mask: bool = True):
        self.collate = collate
        self.gives_mask = gives_mask
        self.heard = self.real = 0

    def __call__(self, items: Any) -> Any:
        """Make a batch and count."""
        batch = self.collate(items)
        self.heard += batch["attention_mask"].numel()
        self.real += int(batch["attention_mask"].sum())
        return batch if self.gives_mask else {key: batch[key] for key in batch if key != "attention_mask"}

    @property
    def share(self) -> float:
        """Of padding in all that was heard."""
        return 1 - self.real / self.heard


def arguments_of(folder: Path, **options: Any) -> TrainingArguments:
    """The paper's: batches of four, four of them a step, AdamW at 5e-5."""
    return TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=1,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=4,
        learning_rate=5e-5,
        weight_decay=0.01,
        seed=0,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
        label_names=["labels"],
        save_strategy="no",
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
        **options,
    )


def train_plainly(corpus: datasets.DatasetDict, encoder: str, folder: Path) -> tuple[float, float]:
    """Seconds of an epoch of the stock classifier in Trainer, and the share of padding."""
    set_seed(0)
    processor = build_audio_classifier(encoder, corpus["train"].features["label"].names)[1]
    model = AutoModelForAudioClassification.from_pretrained(
        encoder, num_labels=len(corpus["train"].features["label"].names), layerdrop=0.0
    )
    padding = Padding(partial(collate_clips, processor=processor), gives_mask=False)
    trainer = Trainer(
        model=model,
        args=arguments_of(folder),
        data_collator=padding,
        train_dataset=ClipDataset(corpus["train"], processor),
    )
    return timed(trainer), padding.share


def train_ours(
    corpus: datasets.DatasetDict, encoder: str, folder: Path, options: dict[str, Any]
) -> tuple[float, float]:
    """The same of the recipes' trainer."""
    set_seed(0)
    model, processor = build_audio_classifier(encoder, corpus["train"].features["label"].names)
    settings = RunSettings(corpus="-", out="-")
    inputs = copy.copy(read_clips(model.train(), processor, corpus, settings, device=torch.device("cpu")))
    padding = inputs.collate = Padding(inputs.collate)  # type: ignore[misc]
    trainer = build_trainer(inputs, corpus["train"], arguments_of(folder, **options), folder, settings)
    return timed(trainer), padding.share


def timed(trainer: Trainer) -> float:
    """Seconds of training."""
    started = time.perf_counter()
    trainer.train()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
