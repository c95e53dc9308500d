"""Transcription of cleaned clips, against looping `whisper.transcribe`.  ratio of seconds on the same clips

    python benchmarks/bench_transcription.py --root data/ [--whisper base] [--clips 60] [--rounds 3]

Both hear the same cleaned clips with the same openai-whisper checkpoint, on all cores. Word error rates are
against the sentences that the corpora give, over the clips of those that do. Rounds alternate; the median
counts.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
import whisper

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import SAMPLE_RATE_HZ, hash_waveform, read_waveform
from mmser.corpora import read_clips
from mmser.curation.listeners import TranscriptionSettings
from mmser.curation.transcription import transcribe_waveforms
from mmser.curation.whisper_checkpoints import load_whisper
from mmser.curation.word_errors import make_normalizer, word_error_rate

CORPORA = ("cremad", "ravdess", "tess")  # those that tell what is said


def read_cleaned(root: Path, num_clips: int) -> dict[str, tuple[np.ndarray, str]]:
    """Hash -> cleaned waveform and reference, of clips spread evenly over what is there."""
    clips = [clip for clip in read_clips(root, CORPORA)[0] if clip.reference]
    chosen = clips[:: max(1, len(clips) // num_clips)][:num_clips]
    found = {}
    for clip in chosen:
        waveform = clean_waveform(*read_waveform(clip.path), CleaningSettings())
        if len(waveform) >= SAMPLE_RATE_HZ:
            found[hash_waveform(waveform)] = waveform, clip.reference
    return found


def main() -> None:
    """Print seconds and word error rates of each round, and the median ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = os.environ.get("MMSER_CORPORA")
    parser.add_argument("--root", type=Path, default=root, required=root is None)
    parser.add_argument("--whisper", default="base", help="name or .pt file")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    clips = read_cleaned(Path(arguments.root), arguments.clips)
    durations_s = {key: len(waveform) / SAMPLE_RATE_HZ for key, (waveform, _) in clips.items()}
    model = load_whisper(arguments.whisper)  # not in the seconds of either
    settings = TranscriptionSettings(arguments.whisper, "en")
    normalize = make_normalizer("en")

    def rate(texts: dict[str, str]) -> float:
        pairs = [(normalize(clips[key][1]), normalize(text)) for key, text in texts.items()]
        return 100 * word_error_rate(pairs)

    ratios = []
    for number in range(arguments.rounds):
        started = time.perf_counter()
        plain = {
            key: whisper.transcribe(model, waveform, language="en", fp16=False)["text"]
            for key, (waveform, _) in clips.items()
        }
        between = time.perf_counter()
        heard = transcribe_waveforms(lambda key: clips[key][0], durations_s, settings, None, progress=False)
        ended = time.perf_counter()
        ours = {key: transcript.text for key, transcript in heard.items()}
        ratios.append((between - started) / (ended - between))
        print(
            f"round {number}: transcribe {between - started:.1f} s, word error rate {rate(plain):.2f} %;"
            f" mmser {ended - between:.1f} s, {rate(ours):.2f} %; ratio {ratios[-1]:.1f}"
        )
    mean_s = statistics.mean(durations_s.values())
    print(f"{len(clips)} clips of {mean_s:.1f} s on average: median ratio {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
