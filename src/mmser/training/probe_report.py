"""Say what shortcut probes found.  results -> sentences, a table for a terminal, plain values for JSON"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from mmser.training.probe_tasks import ProbeResult

_HEADER = ("probe", "reads", "tells", "UA", "95 %", "chance", "clips", "speakers")
_FEW_SPEAKERS = 5
_FOOTER = """\
UA in percent, of a logistic regression fitted on the training clips and judged on the test clips; what needs
speakers that it knows is judged on held-out training clips. Chance is what one answer to everything reaches.
The interval holds 95 % of the resamples of the speakers."""
# Group, what is told -> what it means where it is told better than by chance.
_MEANINGS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("text", "emotion"): "a text tower can score without hearing how it is said",
        ("text", "corpus"): "fixed sentences let a text tower learn the corpus instead of the emotion",
        ("corpus", "corpus"): "a model can learn how a corpus sounds, and which emotions it holds",
        (
            "corpus",
            "emotion",
        ): "classes are spread unevenly over the corpora, so that knowing the corpus helps",
        ("speaker", "speaker"): "a model can learn voices; scores hold only where splits share no speaker",
        ("speaker", "emotion"): "classes are spread unevenly over the speakers, so that knowing them helps",
        (
            "silence",
            "emotion",
        ): "a model can learn the recording; pace, breath and reverberation count too",
        ("silence", "corpus"): "rooms, microphones or processing tell the corpora apart",
    }
)


def describe_probe(result: ProbeResult) -> str:
    """One sentence on what a probe found, and how sure that is; never a verdict of good or bad."""
    if result.skipped or result.ua is None or result.chance is None:
        return f"Left out: {result.skipped}."
    reach = f"{result.ua:.1f} where chance is {result.chance:.1f}"
    if result.interval is None:
        return f"{reach}: of one speaker, so nothing says how far this would move with others."
    low, high = result.interval
    if low > result.chance:
        return f"{reach}: {_MEANINGS[result.kind, result.predicts]}."
    if high < result.chance:
        return f"{reach}: below chance, so what was learnt from the training clips does not hold here."
    return f"{reach}: not told from chance."


def format_probes(results: Sequence[ProbeResult]) -> str:
    """The table, with the sentence on each probe below its row."""
    rows = [_cells(result) for result in results]
    widths = [max(len(row[column]) for row in (_HEADER, *rows)) for column in range(len(_HEADER))]

    def line(cells: Sequence[str]) -> str:
        named = [f"{cell:<{width}}" for cell, width in zip(cells[:3], widths[:3], strict=True)]
        figures = [f"{cell:>{width}}" for cell, width in zip(cells[3:], widths[3:], strict=True)]
        return "  ".join([*named, *figures]).rstrip()

    lines = [line(_HEADER)]
    for result, row in zip(results, rows, strict=True):
        lines += [line(row), f"    {describe_probe(result)}"]
        if result.left_out:
            lines.append(
                f"    {result.left_out:,} {result.judged_on} are left out: their {result.predicts} is not "
                "among the clips to learn from."
            )
    footer = _FOOTER
    if any(0 < result.num_speakers < _FEW_SPEAKERS for result in results):
        footer += f"\nOver fewer than {_FEW_SPEAKERS} speakers an interval is a rough one."
    return "\n".join([*lines, "", footer])


def probes_to_dict(results: Sequence[ProbeResult]) -> list[dict[str, Any]]:
    """Plain values for JSON: all fields of each result, and its sentence as ``verdict``."""
    return [asdict(result) | {"verdict": describe_probe(result)} for result in results]


def _cells(result: ProbeResult) -> tuple[str, ...]:
    named = (result.kind, result.reads, result.predicts)
    if result.ua is None or result.chance is None:
        return (*named, "-", "-", "-", "-", "-")
    interval = "-" if result.interval is None else "{:.1f} to {:.1f}".format(*result.interval)
    figures = (f"{result.ua:.1f}", interval, f"{result.chance:.1f}")
    return (*named, *figures, f"{result.n:,}", f"{result.num_speakers:,}")
