"""`mmser predict RUN INPUT…`: the emotion of recordings."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from mmser.cli.options import add_recognizer, load_recognizer
from mmser.errors import MmserError, SettingsError

if TYPE_CHECKING:
    from mmser.inference.prediction import Prediction

    Answer: TypeAlias = Prediction | MmserError

_MAX_NAME_WIDTH = 48
_CSV_COLUMNS = ("file", "label", "confidence", "duration_s", "transcript", "warnings", "error")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to ``mmser``."""
    parser = subparsers.add_parser(
        "predict",
        help="the emotion of recordings",
        description="Predict the emotion of recordings with a trained run. One recording is answered with "
        "every class, several with a line each. A bad one never stops the rest: it is named on stderr, and "
        "the exit code is 1.",
    )
    add = parser.add_argument
    add("run", help="folder of a finished run, or its name on the Hub")
    add(
        "inputs",
        nargs="+",
        metavar="input",
        help="audio files of any rate and channel count, folders, quoted patterns ('clips/**/*.wav'), or - "
        "for a list of them on stdin",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object a recording, one a line")
    form.add_argument(
        "--csv", action="store_true", help="print a CSV table with the probability of each class"
    )
    add("--text", help="what is said, in place of a Whisper transcript (for all recordings)")
    add_recognizer(add)
    add("--batch-size", type=int, default=8, help="recordings in a batch (default: %(default)s)")
    parser.set_defaults(run_command=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict each recording, in the order given."""
    from mmser.inference.finding import find_recordings

    found = list(find_recordings(arguments.inputs, sys.stdin))
    if not found:
        raise SettingsError("Nothing was listed on stdin, expected a path a line.")
    recognizer = load_recognizer(arguments)
    names = [each.name for each in found if each.error is None]
    texts = None if arguments.text is None else [arguments.text] * len(names)
    predictions = recognizer.iter_predictions(names, texts=texts, batch_size=arguments.batch_size)
    answers = ((each.name, each.error or next(predictions)) for each in found)
    return print_answers(answers, len(found), choose_form(arguments, names, recognizer.classes))


def choose_form(arguments: argparse.Namespace, names: Sequence[str], classes: Sequence[str]) -> "Form":
    """How answers are printed: as asked for, else in full for one recording, as a table for several."""
    if arguments.json:
        return Form(None, format_json)
    if arguments.csv:
        header = format_csv((*_CSV_COLUMNS, *classes))
        return Form(header, lambda name, answer: format_csv(list_cells(name, answer, classes)))
    if len(names) < 2:
        return Form(None, format_details)
    width = min(_MAX_NAME_WIDTH, max(map(len, names)))
    header = f"{'recording':<{width}}  {'label':<10}  sure  seconds"
    return Form(header, lambda name, answer: format_row(name, answer, width))


class Form(NamedTuple):
    """How answers are printed.

    Attributes:
        header: a first line, if any.
        format: name, answer -> lines; None where there is nothing to print but the error.
    """

    header: str | None
    format: "Callable[[str, Answer], str | None]"


def print_answers(answers: "Iterable[tuple[str, Answer]]", total: int, form: Form) -> int:
    """Print answers to stdout as they come, errors and a progress bar to stderr; the exit code."""
    from tqdm.auto import tqdm

    num_bad = 0
    for stream in (sys.stdout, sys.stderr):  # a file's name may be none that the terminal can write
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if form.header:
        print(form.header)
    with tqdm(total=total, desc="Predicting", unit="clip", disable=True if total == 1 else None) as bar:
        for name, answer in answers:
            if isinstance(answer, MmserError):
                num_bad += 1
                bar.write(f"error: {answer}", file=sys.stderr)
            line = form.format(name, answer)
            if line is not None:
                bar.write(line, file=sys.stdout)
            bar.update()
    return 1 if num_bad else 0


def format_json(name: str, answer: "Answer") -> str:
    """One line: the file, and all of a prediction or the error's ``reason`` and ``message``."""
    if isinstance(answer, MmserError):
        error = {"reason": getattr(answer, "reason", type(answer).__name__), "message": str(answer)}
        return json.dumps({"file": name, "error": error}, ensure_ascii=False)
    return json.dumps({"file": name, **answer.to_dict()}, ensure_ascii=False)


def list_cells(name: str, answer: "Answer", classes: Sequence[str]) -> list[Any]:
    """A row of the CSV table; warnings by their kinds."""
    if isinstance(answer, MmserError):
        return [name, "", "", "", "", "", str(answer), *("" for _ in classes)]
    kinds = " ".join(warning.kind for warning in answer.warnings)
    numbers = [f"{answer.probabilities[each]:.6f}" for each in classes]
    described = (name_answer(answer), f"{answer.confidence:.6f}", f"{answer.duration_s:.3f}")
    return [name, *described, answer.transcript or "", kinds, "", *numbers]


def format_csv(cells: Sequence[Any]) -> str:
    """A row without its end of line."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def format_row(name: str, answer: "Answer", width: int) -> str | None:
    """A line of the table: label, its probability, seconds, transcript; warnings below."""
    if isinstance(answer, MmserError):
        return None
    shown = name if len(name) <= width else f"…{name[1 - width :]}"
    figures = f"{100 * answer.confidence:3.0f} %  {answer.duration_s:7.1f}"
    row = f"{shown:<{width}}  {name_answer(answer):<10} {figures}  {answer.transcript or ''}".rstrip()
    return "\n".join((row, *(f"{'':<{width}}  {warning.message}" for warning in answer.warnings)))


def format_details(name: str, answer: "Answer") -> str | None:
    """Everything of one prediction, the most probable class first."""
    if isinstance(answer, MmserError):
        return None
    lines = [f"{name}: {name_answer(answer)}  ({answer.duration_s:.1f} s after cleaning)"]
    if answer.transcript is not None:
        lines.append(f"  transcript: {answer.transcript!r}")
    lines += [f"  warning: {warning.message}" for warning in answer.warnings]
    for label, probability in sorted(answer.probabilities.items(), key=lambda item: -item[1]):
        lines.append(f"  {label:<10} {100 * probability:5.1f} %  {'█' * round(30 * probability)}".rstrip())
    return "\n".join(lines)


def name_answer(prediction: "Prediction") -> str:
    """Its label, or "uncertain"."""
    from mmser.inference.prediction import UNCERTAIN

    return prediction.label or UNCERTAIN
