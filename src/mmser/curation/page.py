"""Show a corpus, to look and listen before training.  what a build found, a few clips -> one HTML page

The page holds its pictures and sounds itself: it opens from a disk, without network.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from datasets import Dataset
from matplotlib.figure import Figure

from mmser.audio.io import SAMPLE_RATE_HZ, read_waveform, resample, to_pcm16
from mmser.audio.pictures import draw_power, tidy
from mmser.curation.rows import read_columns
from mmser.curation.store import CleanStore
from mmser.curation.tables import TITLES, Table

PAGE_FILE = "page.html"
_SHOWN_S = 10  # of a longer clip
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62rem; margin: 0 auto;
  padding: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
img { max-width: 100%; height: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }
audio { width: 100%; }
.leak { background: #fdecea; padding: .5rem 1rem; }
"""
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")  # Okabe and Ito's
_LEAST_DB, _MOST_DB = -120, -30  # of every spectrogram: before and after can be compared


class PageClip(NamedTuple):
    """A clip as it was recorded and as training hears it.

    ``before`` has ``rate_hz`` samples a second, ``after`` 16,000; both are (S,), full scale 1.
    """

    id: str
    label: str
    transcript: str
    before: np.ndarray
    rate_hz: int
    after: np.ndarray


def write_page(
    folder: Path, record: Mapping[str, Any], tables: Mapping[str, Table], rows: Dataset, store: CleanStore
) -> None:
    """Write ``page.html`` of a corpus, with one clip a corpus to look at and listen to.

    Args:
        folder: the corpus.
        record: what corpus.json holds.
        tables: as :func:`mmser.curation.tables.make_tables` gives them.
        rows: the clips that can be used.
        store: where they lie cleaned.
    """
    durations_s: dict[str, list[float]] = {}
    for corpus, duration_s in zip(*read_columns(rows, ("corpus", "duration_s")), strict=True):
        durations_s.setdefault(corpus, []).append(duration_s)
    clips = [_load_clip(row, store) for row in rows.select(choose_clips(rows, record["classes"]))]
    page = make_page(record, tables, durations_s, clips)
    (folder / PAGE_FILE).write_text(page, encoding="utf-8")


def choose_clips(rows: Dataset, classes: Sequence[str]) -> list[int]:
    """Indices of one clip a corpus: the first by id of a class that the corpora before it have not shown."""
    ids, corpora, labels = read_columns(rows, ("id", "corpus", "label"))
    order = sorted(range(len(rows)), key=lambda index: ids[index])
    chosen = []
    for number, corpus in enumerate(sorted(set(corpora))):
        wanted = classes[number % len(classes)]
        own = [index for index in order if corpora[index] == corpus]
        chosen.append(next((index for index in own if labels[index] == wanted), own[0]))
    return chosen


def _load_clip(row: Mapping[str, Any], store: CleanStore) -> PageClip:
    before, rate_hz = read_waveform(Path(row["path"]))
    after = store.read_waveform(row["file_sha256"])
    return PageClip(
        id=row["id"],
        label=" + ".join(row["labels"]) or row["label"],
        transcript=row["transcript"],
        before=before[: _SHOWN_S * rate_hz],
        rate_hz=rate_hz,
        after=after[: _SHOWN_S * SAMPLE_RATE_HZ],
    )


def make_page(
    record: Mapping[str, Any],
    tables: Mapping[str, Table],
    durations_s: Mapping[str, Sequence[float]],
    clips: Sequence[PageClip],
) -> str:
    """Write the page of a corpus.

    Args:
        record: what corpus.json holds.
        tables: as :func:`mmser.curation.tables.make_tables` gives them.
        durations_s: seconds of each cleaned clip, by corpus.
        clips: the clips to show.

    Returns:
        HTML that needs no other file.
    """
    settings = record["settings"]
    title = f"Emotional speech: scheme {settings['scheme']}, protocol {settings['protocol']}"
    sections = [
        f"<h1>{escape(title)}</h1>",
        _leaks(record["leaks"]),
        f"<h2>Clips by class and corpus</h2>{_figure(draw_classes(record), 'clips by class and corpus')}",
        *(f"<h2>{escape(TITLES[name])}</h2>{_table(table)}" for name, table in tables.items()),
        f"<h2>Durations after cleaning</h2>{_figure(draw_durations(durations_s), 'seconds by corpus')}",
        "<h2>Before and after cleaning</h2>",
        *(_clip(clip) for clip in clips),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(section for section in sections if section)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def draw_classes(record: Mapping[str, Any]) -> Figure:
    """Stacked bars: the cleaned clips of each class, by corpus."""
    counts, classes = record["counts_by_corpus_and_class"]["clean"], record["classes"]
    figure = Figure(figsize=(9, 0.45 * len(classes) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=_COLOURS)
    left = np.zeros(len(classes))
    for corpus, by_class in sorted(counts.items()):
        widths = np.array([by_class.get(name, 0) for name in classes])
        axes.barh(classes, widths, left=left, label=corpus)
        left += widths
    axes.invert_yaxis()
    axes.set_xlabel("clips")
    figure.legend(loc="outside upper right", ncols=len(counts), frameon=False)
    tidy(axes)
    return figure


def draw_durations(durations_s: Mapping[str, Sequence[float]]) -> Figure:
    """One histogram a corpus, on one axis of seconds."""
    names = sorted(durations_s)
    figure = Figure(figsize=(9, 1.1 * len(names) + 0.6), layout="constrained")
    rows = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    longest = max(max(values) for values in durations_s.values())
    for axes, name in zip(rows, names, strict=True):
        axes.hist(durations_s[name], bins=60, range=(0, longest), histtype="stepfilled", color=_COLOURS[0])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set_yticks([])
        tidy(axes)
    rows[-1].set_xlabel("seconds")
    return figure


def draw_spectrogram(waveform: np.ndarray, rate_hz: int, width_s: float) -> Figure:
    """Power in dB below 8 kHz, on an axis of ``width_s`` seconds."""
    figure = Figure(figsize=(5, 2.4))
    axes = figure.add_axes((0.13, 0.2, 0.85, 0.75))
    at_16k = resample(waveform.astype(np.float32), rate_hz)
    draw_power(axes, at_16k).set_clim(_LEAST_DB, _MOST_DB)
    axes.set(xlim=(0, width_s), xlabel="seconds", ylabel="kHz")
    return figure


def _clip(clip: PageClip) -> str:
    width_s = max(len(clip.before) / clip.rate_hz, len(clip.after) / SAMPLE_RATE_HZ)
    said = f": “{escape(clip.transcript)}”" if clip.transcript else ""
    parts = []
    for name, waveform, rate_hz in (
        ("as recorded", clip.before, clip.rate_hz),
        ("cleaned", clip.after, SAMPLE_RATE_HZ),
    ):
        caption = f"{name}, {len(waveform) / rate_hz:.2f} s at {rate_hz / 1000:g} kHz"
        picture = _figure(draw_spectrogram(waveform, rate_hz, width_s), f"spectrogram, {name}")
        parts.append(f"<div><p>{caption}</p>{picture}{_player(waveform, rate_hz)}</div>")
    return f'<h3>{escape(clip.id)}, {escape(clip.label)}{said}</h3>\n<div class="pair">{"".join(parts)}</div>'


def _leaks(leaks: Sequence[str]) -> str:
    if not leaks:
        return ""
    items = "".join(f"<li>{escape(leak)}</li>" for leak in leaks)
    return f'<div class="leak"><p>Scores on this corpus will be too high:</p><ul>{items}</ul></div>'


def _table(table: Table) -> str:
    header, *rows = table
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _figure(figure: Figure, alt: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f'<img alt="{escape(alt)}" src="{_data_url("image/png", buffer)}">'


def _player(waveform: np.ndarray, rate_hz: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, to_pcm16(waveform), rate_hz, format="FLAC", subtype="PCM_16")
    return f'<audio controls src="{_data_url("audio/flac", buffer)}"></audio>'


def _data_url(kind: str, content: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
