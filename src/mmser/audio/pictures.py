"""Draw sound.  waveforms (S,) -> figure of waveforms and spectrograms"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mmser.audio.io import SAMPLE_RATE_HZ, resample

INK, FAINT = "#1f2933", "#7b8794"
_WAVE = "#52606d"
_WINDOW, _OVERLAP = 512, 384  # samples at 16 kHz: 32 ms, a column each 8 ms
_RANGE_DB = 80  # below the loudest
_DITHER = 1e-7  # digital silence has no logarithm
_DOTS_PER_INCH = 110
_PANEL_INCHES = (4.6, 2.1)


def draw_sounds(sounds: Mapping[str, tuple[np.ndarray, int]]) -> Figure:
    """Draw sounds side by side, each as waveform and spectrogram, on one scale of seconds, level and power.

    Args:
        sounds: name -> waveform (S,), full scale 1, and its sample rate in Hz.
    """
    width_s = max(len(waveform) / rate_hz for waveform, rate_hz in sounds.values())
    peak = max(float(np.abs(waveform).max()) for waveform, _ in sounds.values())
    figure = _make_figure(1.6 * _PANEL_INCHES[1], len(sounds))
    grid = figure.subplots(2, len(sounds), sharex=True, sharey="row", squeeze=False, height_ratios=(1, 1.6))
    images = []
    for (upper, lower), (name, (waveform, rate_hz)) in zip(grid.T, sounds.items(), strict=True):
        upper.plot(np.arange(len(waveform)) / rate_hz, waveform, color=_WAVE, linewidth=0.5)
        upper.set_ylim(-1.05 * peak, 1.05 * peak)
        upper.set_title(
            f"{name}: {len(waveform) / rate_hz:.2f} s at {rate_hz / 1000:g} kHz",
            loc="left",
            fontsize=11,
            color=INK,
        )
        tidy(upper)
        images.append(draw_power(lower, resample(waveform.astype(np.float32), rate_hz)))
        lower.set_xlim(0, width_s)
        lower.set_xlabel("seconds", fontsize=10, color=INK)
    _share_scale(images)
    grid[0, 0].set_ylabel("amplitude", fontsize=10, color=INK)
    grid[1, 0].set_ylabel("kHz", fontsize=10, color=INK)
    return figure


def draw_spectrograms(
    waveforms: Mapping[str, np.ndarray], *, num_columns: int = 4, one_power: bool = True
) -> Figure:
    """Draw the spectrograms of clips in a grid, on one scale of seconds.

    Args:
        waveforms: name -> waveform (S,), full scale 1, at 16 kHz.
        num_columns: beside one another.
        one_power: whether all are on one scale of power too; else each is as bright as it can be.
    """
    num_columns = min(num_columns, len(waveforms))
    num_rows = math.ceil(len(waveforms) / num_columns)
    figure = _make_figure(_PANEL_INCHES[1] * num_rows, num_columns, panel_inches=3.0)
    grid = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(waveforms) :]:
        axes.set_visible(False)
    images = []
    for axes, (name, waveform) in zip(grid.flat, waveforms.items(), strict=False):
        images.append(draw_power(axes, waveform))
        axes.set_title(name, loc="left", fontsize=11, color=INK)
    for alike in [images] if one_power else [[image] for image in images]:
        _share_scale(alike)
    grid[0, 0].set_xlim(0, max(map(len, waveforms.values())) / SAMPLE_RATE_HZ)
    for axes in grid.flat[len(waveforms) - num_columns : len(waveforms)]:
        axes.tick_params(labelbottom=True)  # of the lowest in each column
    figure.supxlabel("seconds", fontsize=10, color=INK)
    figure.supylabel("kHz", fontsize=10, color=INK)
    return figure


def draw_power(axes: Axes, at_16k: np.ndarray) -> AxesImage:
    """Draw power in dB below 8 kHz, black where there is no sound, into a part of a figure.

    Args:
        axes: where; the frequencies are in kHz.
        at_16k: waveform (S,), full scale 1, at 16 kHz.

    Returns:
        The picture, whose colours can be given limits.
    """
    dither = np.random.default_rng(0).normal(scale=_DITHER, size=len(at_16k))
    *_, image = axes.specgram(
        at_16k + dither, NFFT=_WINDOW, noverlap=_OVERLAP, Fs=SAMPLE_RATE_HZ, cmap="magma"
    )
    axes.set_facecolor("black")
    axes.set_yticks([0, 2000, 4000, 6000, 8000], ["0", "2", "4", "6", "8"])
    axes.tick_params(colors=INK, labelsize=9)
    return image


def tidy(axes: Axes) -> None:
    """Take away the frame above and at the right, and let ticks be small."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)


def _make_figure(height: float, num_columns: int, *, panel_inches: float = _PANEL_INCHES[0]) -> Figure:
    width = panel_inches * num_columns + 0.6
    return Figure(figsize=(width, height + 0.5), dpi=_DOTS_PER_INCH, layout="constrained")


def _share_scale(images: Sequence[AxesImage]) -> None:
    """Let one colour be one power in all pictures."""
    loudest = max(float(np.asarray(image.get_array()).max()) for image in images)
    for image in images:
        image.set_clim(loudest - _RANGE_DB, loudest)
