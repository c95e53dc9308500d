"""Look over a corpus.  splits -> one table of clips, some clips whole; table -> figure of who speaks where"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from datasets import Dataset
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmser.audio.pictures import INK, tidy
from mmser.curation.rows import read_columns
from mmser.curation.schema import SPLITS
from mmser.errors import SettingsError

_COLOURS = dict(zip(SPLITS, ("#c3ccd5", "#e69f00", "#0072b2"), strict=True))  # apart for the colour-blind
_LEAST_NAMED_PERCENT = 2.8  # of a bar, for the name of a speaker to fit into his or her part
_LINE_POINTS = 1.2


def list_clips(corpus: Mapping[str, Dataset]) -> pd.DataFrame:
    """All that a corpus says of its clips, without their sound.

    Args:
        corpus: split -> rows, as :func:`mmser.curation.schema.load_corpus` gives them.

    Returns:
        One row a clip, copies included: the columns of the data contract but ``audio``, ``label`` as a
        name (missing for a clip of several classes), ``split``, and ``is_copy``.
    """
    frames = []
    for split in SPLITS:
        rows = corpus[split]
        frame = rows.remove_columns("audio").to_pandas()
        names = dict(enumerate(rows.features["label"].names))
        frames.append(frame.assign(label=frame["label"].map(names), split=split))
    clips = pd.concat(frames, ignore_index=True)
    return clips.assign(is_copy=clips["augmentation"] != "")


def read_rows(corpus: Mapping[str, Dataset], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Read some clips whole, sound included, in the order asked for.

    Args:
        corpus: split -> rows.
        ids: of the clips.

    Raises:
        SettingsError: a clip is in no split.
    """
    place_of = {
        clip_id: (split, index)
        for split, rows in corpus.items()
        for index, clip_id in enumerate(read_columns(rows, ("id",))[0])
    }
    absent = [clip_id for clip_id in ids if clip_id not in place_of]
    if absent:
        raise SettingsError(
            f"{absent[0]!r}, the first of {len(absent)} such ids, is in no split of this corpus. Open the "
            "corpus that the clips were taken from."
        )
    return [corpus[split][index] for split, index in map(place_of.__getitem__, ids)]


def draw_speakers(clips: pd.DataFrame) -> Figure:
    """Draw a bar a corpus, cut into its speakers: the share of each split, copies left out.

    Args:
        clips: as :func:`list_clips` gives them.
    """
    originals = clips[~clips["is_copy"]]
    counts = originals.groupby(["corpus", "speaker", "split"]).size()
    corpora = list(counts.index.unique("corpus"))
    figure = Figure(figsize=(10, 0.62 * len(corpora) + 1.1), dpi=110, layout="constrained")
    axes = figure.subplots()
    for place, corpus in enumerate(corpora):
        _draw_corpus(axes, place, counts.loc[corpus])
    num_clips = originals["corpus"].value_counts()
    axes.set_yticks(range(len(corpora)), [f"{name}\n{num_clips[name]:,} clips" for name in corpora])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent of the corpus; a white line divides two speakers", fontsize=10, color=INK)
    tidy(axes)
    patches = [Patch(color=colour, label=split) for split, colour in _COLOURS.items()]
    figure.legend(handles=patches, loc="outside upper right", ncols=len(SPLITS), frameon=False)
    return figure


def _draw_corpus(axes: Axes, place: int, counts: pd.Series) -> None:
    """A bar of 100 %: speakers in order, and of each of them the splits; names in the widest part of each."""
    shares = 100 * counts / counts.sum()
    left = 0.0
    for speaker, own in shares.groupby(level="speaker"):
        parts = []
        for split in SPLITS:
            width = own.get((speaker, split), 0.0)
            parts.append((width, left + width / 2, split))
            axes.barh(place, width, left=left, color=_COLOURS[split], height=0.72)
            left += width
        axes.plot([left, left], [place - 0.37, place + 0.37], color="white", linewidth=_LINE_POINTS)
        width, middle, split = max(parts, key=lambda part: part[0])
        if width >= _LEAST_NAMED_PERCENT:
            name = str(speaker).partition("/")[2]
            ink = "white" if split == "test" else INK
            axes.text(middle, place, name, ha="center", va="center", fontsize=9, color=ink)
