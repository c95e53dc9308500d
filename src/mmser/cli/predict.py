"""`mmser predict RUN FILE…`: the emotion of recordings."""

import argparse
import sys

from mmser.errors import MmserError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "predict",
        help="the emotion of recordings",
        description="Predict the emotion of recordings with a trained run. One bad file never stops the "
        "rest: it is named, and the exit code is 1.",
    )
    parser.add_argument("run", help="folder of a finished run")
    parser.add_argument("files", nargs="+", help="audio files, any rate and channel count")
    parser.add_argument("--text", help="what is said, in place of a Whisper transcript (for all files)")
    parser.add_argument(
        "--whisper",
        help="openai-whisper checkpoint that listens, a name or a .pt file (default: what the model names)",
    )
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict each file, best class first."""
    from mmser.inference.recognizer import EmotionRecognizer

    recognizer = EmotionRecognizer.from_pretrained(arguments.run, whisper=arguments.whisper)
    texts = None if arguments.text is None else [arguments.text]
    num_failed = 0
    for file in arguments.files:
        try:
            (prediction,) = recognizer.predict([file], texts=texts)
        except MmserError as error:
            print(f"error: {error}", file=sys.stderr)
            num_failed += 1
            continue
        print(f"{file}: {prediction.label}  ({prediction.duration_s:.1f} s after cleaning)")
        if prediction.transcript is not None:
            print(f"  transcript: {prediction.transcript!r}")
        for name, probability in sorted(prediction.probabilities.items(), key=lambda item: -item[1]):
            print(f"  {name:<10} {100 * probability:5.1f} %  {'█' * round(30 * probability)}")
    return 1 if num_failed else 0
