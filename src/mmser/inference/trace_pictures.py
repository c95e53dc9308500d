"""Draw a clip's way through a model.  trace -> figures of states, of evidence, of the decision"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.audio.pictures import INK, tidy
from mmser.errors import SettingsError
from mmser.models.tracing import TowerTrace, Trace

_DOTS_PER_INCH = 110
_MEL_COLUMNS_PER_S = 100  # of Whisper's spectrogram
_MEL_BANDS = (80, 128)
_MOST_PANELS = 6
_MOST_FLAT_TOKENS = 12  # whose names fit beside one another
_WAVE, _FAINT = "#52606d", "#7b8794"
_SOUND, _WORDS, _CONSTANT, _BEFORE = "#0072b2", "#e69f00", "#b8c2cc", "#b8c2cc"
_ALIKE = 0.6  # cosine similarity from which the colour is full
_SIGNED = "PuOr_r"  # purple against, orange for: apart for the colour-blind


def draw_features(values: np.ndarray) -> Figure:
    """Draw what enters the speech encoder: a normalised waveform (S,), or a log-mel spectrogram (80, M).

    Raises:
        SettingsError: features of another shape, as those of a clip that is heard at several speeds.
    """
    if values.ndim > 1 and (values.ndim, len(values)) not in [(2, bands) for bands in _MEL_BANDS]:
        raise SettingsError(
            f"Features of shape {values.shape}, expected a waveform (S,) or a spectrogram (80, M): of a clip "
            "that is heard at several speeds draw one at a time, features[0]."
        )
    figure = Figure(figsize=(9, 2.6), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    if values.ndim == 1:
        axes.plot(np.arange(len(values)) / SAMPLE_RATE_HZ, values, color=_WAVE, linewidth=0.5)
        axes.set_ylabel("standard deviations", fontsize=10, color=INK)
        axes.set_xlim(0, len(values) / SAMPLE_RATE_HZ)
    else:
        extent = (0, values.shape[1] / _MEL_COLUMNS_PER_S, 0, len(values))
        axes.imshow(values, aspect="auto", origin="lower", extent=extent, cmap="magma")
        axes.set_ylabel("mel band", fontsize=10, color=INK)
    axes.set_xlabel("seconds", fontsize=10, color=INK)
    tidy(axes)
    return figure


def draw_states(tower: TowerTrace, *, frame_s: float = 1.0, tokens: Sequence[str] = ()) -> Figure:
    """Draw for each layer how alike a clip's states are, each frame against each.

    Args:
        tower: of the speech or the text encoder.
        frame_s: seconds from one frame to the next.
        tokens: what frames are of a text encoder, which has no time.

    Returns:
        A panel a layer, six at most, with its weight in the head: cosine similarity of the states after the
        clip's mean is taken away.
    """
    span = len(tower.frame_weights) * (1.0 if tokens else frame_s)
    chosen = np.unique(np.linspace(0, len(tower.states) - 1, _MOST_PANELS).round().astype(int))
    figure = Figure(figsize=(2.15 * len(chosen) + 1.1, 2.9), dpi=_DOTS_PER_INCH, layout="constrained")
    panels = figure.subplots(1, len(chosen), sharex=True, sharey=True, squeeze=False)[0]
    for axes, layer in zip(panels, chosen, strict=True):
        image = axes.imshow(
            compare_frames(tower.states[layer]),
            extent=(0, span, span, 0),
            cmap=_SIGNED,
            vmin=-_ALIKE,
            vmax=_ALIKE,
            interpolation="nearest",
        )
        name = "input of the blocks" if layer == 0 else f"after block {layer}"
        axes.set_title(f"{name}\nweight {tower.layer_weights[layer]:.2f}", fontsize=10, color=INK)
        axes.tick_params(colors=INK, labelsize=8, length=0 if tokens else 3)
        if tokens:
            places = np.arange(len(tokens)) + 0.5
            axes.set_xticks(places, tokens, rotation=90)
            axes.set_yticks(places, tokens)
        else:
            axes.set_xlabel("seconds", fontsize=9, color=INK)
    if not tokens:
        panels[0].set_ylabel("seconds", fontsize=9, color=INK)
    _add_scale(image, list(panels), "cosine similarity")
    return figure


def compare_frames(states: np.ndarray) -> np.ndarray:
    """Cosine similarity of frames after their mean is taken away, (F, D) -> (F, F); 0 for a frame like it."""
    centred = states - states.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return unit @ unit.T


def draw_evidence(
    trace: Trace, classes: Sequence[str], waveform: np.ndarray, tokens: Sequence[str] = ()
) -> Figure:
    """Draw what each moment of the sound and each token of the text says for and against each class.

    Args:
        trace: of the clip.
        classes: in the order of the logits.
        waveform: the cleaned clip, (S,), at 16 kHz.
        tokens: of the text, where the model reads one.

    Returns:
        Waveform, shares of the frames in the mean over time, then a row a class. The colour of a frame is the
        logit that a clip of nothing else would get from this tower, less the mean over the classes.
    """
    heights = (0.8, 0.55, 2.4, *((2.4,) if trace.text is not None else ()))
    figure = Figure(figsize=(9.5, 1.35 * sum(heights) + 0.6), dpi=_DOTS_PER_INCH, layout="constrained")
    panels = figure.subplots(len(heights), height_ratios=heights)
    span_s = trace.frame_s * len(trace.audio.frame_weights)
    _draw_sound(panels[:2], trace.audio.frame_weights, waveform, span_s)
    _draw_votes(panels[2], trace.audio, classes, span_s)
    panels[2].set_xlabel("seconds", fontsize=10, color=INK)
    if trace.text is not None:
        _draw_votes(panels[3], trace.text, classes, len(tokens))
        steep = len(tokens) > _MOST_FLAT_TOKENS
        panels[3].set_xticks(np.arange(len(tokens)) + 0.5, tokens, rotation=45 if steep else 0)
    return figure


def draw_decision(
    trace: Trace, classes: Sequence[str], before: np.ndarray, probabilities: np.ndarray
) -> Figure:
    """Draw how votes add up to logits, and what becomes of them.

    Args:
        trace: of the clip.
        classes: in the order of the logits.
        before: probabilities at temperature 1, (C,).
        probabilities: calibrated, (C,).

    Returns:
        On the left the logit of each class, less the mean over the classes, in its parts; on the right both
        kinds of probability.
    """
    parts = {"sound": (trace.audio.votes.sum(0), _SOUND)}
    if trace.text is not None:
        parts["words"] = (trace.text.votes.sum(0), _WORDS)
    parts["constant"] = (trace.constant, _CONSTANT)
    figure = Figure(figsize=(9.5, 0.5 * len(classes) + 1.3), dpi=_DOTS_PER_INCH, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
    places = np.arange(len(classes))
    height = 0.8 / len(parts)
    for number, (name, (values, colour)) in enumerate(parts.items()):
        offset = (number - (len(parts) - 1) / 2) * height
        left.barh(places + offset, _centre(values), height=0.9 * height, color=colour, label=name)
    left.plot(_centre(trace.logits), places, "D", color=INK, markersize=6, label="logit: their sum")
    left.axvline(0, color=_FAINT, linewidth=0.8)
    left.set_yticks(places, classes)
    left.invert_yaxis()
    left.set_xlabel("logit, less the mean over classes", fontsize=10, color=INK)
    right.barh(places - 0.2, 100 * before, height=0.36, color=_BEFORE, label="at temperature 1")
    right.barh(places + 0.2, 100 * probabilities, height=0.36, color=INK, label="calibrated")
    right.set_xlim(0, 100)
    right.set_xlabel("probability, percent", fontsize=10, color=INK)
    for axes in (left, right):
        tidy(axes)
        axes.tick_params(axis="y", labelsize=10, length=0)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=9)
    return figure


def _draw_sound(panels: Sequence[Axes], weights: np.ndarray, waveform: np.ndarray, span_s: float) -> None:
    """The waveform, and below it the share of each frame in the mean over time."""
    panels[0].plot(np.arange(len(waveform)) / SAMPLE_RATE_HZ, waveform, color=_WAVE, linewidth=0.5)
    panels[0].set_yticks([])
    panels[0].set_ylabel("sound", fontsize=10, color=INK)
    panels[1].stairs(100 * weights, np.linspace(0, span_s, len(weights) + 1), fill=True, color=_FAINT)
    panels[1].set_ylim(0, None)
    panels[1].set_ylabel("share, %", fontsize=10, color=INK)
    for axes in panels:
        axes.set_xlim(0, span_s)
        tidy(axes)
        axes.tick_params(labelbottom=False)


def _draw_votes(axes: Axes, tower: TowerTrace, classes: Sequence[str], width: float) -> None:
    """A row a class, a column a frame: votes without the share of the frame."""
    opinions = tower.votes / np.maximum(tower.frame_weights, np.finfo(np.float32).tiny)[:, None]
    opinions = opinions - opinions.mean(axis=1, keepdims=True)
    limit = float(np.quantile(np.abs(opinions), 0.99))
    image = axes.imshow(
        opinions.T,
        aspect="auto",
        extent=(0, width, len(classes), 0),
        cmap=_SIGNED,
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    axes.set_yticks(np.arange(len(classes)) + 0.5, classes)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    _add_scale(image, [axes], "against < 0 < for")


def _add_scale(image: AxesImage, panels: Sequence[Axes], label: str) -> None:
    figure = image.get_figure(root=True)
    bar = figure.colorbar(image, ax=panels, shrink=0.9, pad=0.015, extend="both")  # type: ignore[union-attr]
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(colors=INK, labelsize=8)


def _centre(values: np.ndarray) -> np.ndarray:
    return values - values.mean()
