"""Look over a corpus.  splits -> one table of clips; table -> figure of who speaks in which split"""

from collections.abc import Mapping

import pandas as pd
from datasets import Dataset
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmser.audio.pictures import INK, tidy
from mmser.curation.schema import SPLITS

_COLOURS = dict(zip(SPLITS, ("#c3ccd5", "#e69f00", "#0072b2"), strict=True))  # apart for the colour-blind
_MOST_NAMED = 16  # speakers of a corpus, for their names to fit below their bars


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


def draw_speakers(clips: pd.DataFrame) -> Figure:
    """Draw a bar a speaker: the clips of each split, copies left out; a row a corpus.

    Args:
        clips: as :func:`list_clips` gives them.
    """
    counts = (
        clips[~clips["is_copy"]]
        .groupby(["corpus", "speaker", "split"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(SPLITS), fill_value=0)
    )
    corpora = counts.index.unique("corpus")
    figure = Figure(figsize=(10, 1.7 * len(corpora) + 0.7), dpi=110, layout="constrained")
    rows = figure.subplots(len(corpora), squeeze=False)[:, 0]
    for axes, corpus in zip(rows, corpora, strict=True):
        _draw_corpus(axes, corpus, counts.loc[corpus])
    handles, names = rows[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(SPLITS), frameon=False)
    figure.supylabel("clips of each speaker", fontsize=10, color=INK)
    return figure


def _draw_corpus(axes: Axes, corpus: str, counts: pd.DataFrame) -> None:
    places = range(len(counts))
    below = pd.Series(0, index=counts.index)
    for split in SPLITS:
        axes.bar(places, counts[split], bottom=below, color=_COLOURS[split], label=split, width=0.82)
        below += counts[split]
    axes.set_xlim(-0.6, max(len(counts), 8) - 0.4)  # few speakers get no broader bars than many
    names = [speaker.removeprefix(f"{corpus}/") for speaker in counts.index]
    axes.set_xticks(places, names) if len(names) <= _MOST_NAMED else axes.set_xticks([])
    axes.set_title(
        f"{corpus}: {len(names)} speakers, {int(below.sum()):,} clips", loc="left", fontsize=11, color=INK
    )
    tidy(axes)
