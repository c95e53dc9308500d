"""Predicting 100 clips of 1 to 10 s, against transformers' pipeline.  ratio of seconds on the same clips

    python benchmarks/bench_inference.py --root data/ [--clips 100] [--rounds 3]

The plain way is ``pipeline("audio-classification", batch_size=8)``, which pads the clips of a batch as they
come. Ours is ``EmotionRecognizer``, in float32 and in bfloat16. HuBERT BASE at full size with random weights,
which cost the same seconds as trained ones; recordings of the corpora one after another, cut to lengths drawn
from 1 to 10 s, at 16 kHz and cleaned already. Both ways are compared with the pipeline's answers to one clip
at a time. Rounds alternate; the median counts.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor, pipeline, set_seed

from mmser import EmotionRecognizer
from mmser.audio.cleaning import CleaningSettings
from mmser.audio.io import SAMPLE_RATE_HZ, quantize, read_waveform, resample
from mmser.corpora import read_clips
from mmser.labels import SCHEMES
from mmser.models.audio_classifier import build_audio_classifier

CORPORA = ("cremad", "ravdess", "tess")
BATCH_SIZE = 8


def main() -> None:
    """Print seconds and differences of each round, and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    clips = cut_clips(Path(arguments.root), arguments.clips)
    with tempfile.TemporaryDirectory() as folder:
        save_random_classifier(Path(folder))
        measure(folder, clips, arguments.rounds)


def measure(folder: str, clips: list[np.ndarray], rounds: int) -> None:
    """Answer the clips in each way, round by round."""
    stock = pipeline("audio-classification", model=folder, top_k=None, device="cpu")
    recognizers = {
        dtype: EmotionRecognizer.from_pretrained(folder, dtype=dtype, device="cpu")
        for dtype in ("float32", "bfloat16")
    }
    names = recognizers["float32"].classes
    alone = ask(stock, clips, names, batch_size=1)
    ratios: dict[str, list[float]] = {dtype: [] for dtype in recognizers}
    for number in range(rounds):
        plain, answers = timed(lambda: ask(stock, clips, names, batch_size=BATCH_SIZE))
        print(f"round {number}: pipeline {plain:.1f} s, {differ(answers, alone)}", flush=True)
        for dtype, recognizer in recognizers.items():
            seconds, predictions = timed(
                lambda ours=recognizer: ours.predict([(clip, SAMPLE_RATE_HZ) for clip in clips])
            )
            answers = np.array([[each.probabilities[name] for name in names] for each in predictions])
            ratios[dtype].append(plain / seconds)
            print(f"  {dtype} {seconds:.1f} s, {differ(answers, alone)}", flush=True)
    for dtype, found in ratios.items():
        print(f"{len(clips)} clips, {dtype}: median ratio {statistics.median(found):.2f}")


def ask(stock: Any, clips: list[np.ndarray], names: list[str], *, batch_size: int) -> np.ndarray:
    """Probabilities that the pipeline gives, (N, C)."""
    inputs = ({"raw": clip, "sampling_rate": SAMPLE_RATE_HZ} for clip in clips)
    rows = [
        {each["label"]: each["score"] for each in answer} for answer in stock(inputs, batch_size=batch_size)
    ]
    return np.array([[row[name] for name in names] for row in rows])


def timed(run: Any) -> tuple[float, Any]:
    """Seconds, and what came out."""
    started = time.perf_counter()
    made = run()
    return time.perf_counter() - started, made


def differ(answers: np.ndarray, alone: np.ndarray) -> str:
    """How far answers are from those to one clip at a time, in words."""
    same = (answers.argmax(axis=1) == alone.argmax(axis=1)).mean()
    return f"largest difference of a probability {np.abs(answers - alone).max():.1e}, same class {same:.0%}"


def cut_clips(root: Path, count: int) -> list[np.ndarray]:
    """Recordings one after another, cut to lengths of 1 to 10 s drawn evenly, at 16 kHz."""
    generator = np.random.default_rng(0)
    found = read_clips(root, CORPORA)[0]
    recordings = iter(found[index].path for index in generator.permutation(len(found)))
    clips = []
    for length_s in generator.uniform(1, 10, count):
        wanted, parts = round(length_s * SAMPLE_RATE_HZ), []
        while sum(map(len, parts)) < wanted:
            parts.append(resample(*read_waveform(next(recordings))))
        clips.append(quantize(np.concatenate(parts)[:wanted]))
    return clips


def save_random_classifier(folder: Path) -> None:
    """HuBERT BASE and a head, their weights random; its clips need no cleaning."""
    set_seed(0)
    tower = folder / "tower"
    HubertModel(HubertConfig()).save_pretrained(tower)
    Wav2Vec2FeatureExtractor().save_pretrained(tower)
    model, processor = build_audio_classifier(str(tower), SCHEMES["paper7"].classes)
    torch.nn.init.normal_(model.classifier.weight)
    model.config.preprocessing = {
        "cleaning": CleaningSettings(denoise=False, silence_db=float("inf")).to_dict(),
        "transcripts": {"source": "none", "whisper": None, "language": None, "backend": None},
    }
    model.save_pretrained(folder)
    processor.save_pretrained(str(folder))


if __name__ == "__main__":
    main()
