"""Draw a clip as it is heard.  waveform (S,) at 16 kHz, what cleaning keeps -> matplotlib figure, PNG"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mmser.audio.compiled import librosa
from mmser.audio.io import SAMPLE_RATE_HZ

_INCHES, _DOTS_PER_INCH = (5.6, 4.1), 180
_FAINT, _LINE = "#5b6875", "#cbd2d9"
_KEPT, _CUT, _CUT_GROUND = "#2b6cb0", "#a9b4c0", "#eef1f4"
_COLUMNS = 900
_FFT, _HOP, _BANDS, _RANGE_DB = 1024, 160, 80, 70.0
_TICKS_HZ = (250, 1000, 4000)


def draw_clip(waveform: np.ndarray, kept: np.ndarray) -> Figure:
    """Draw the waveform above its mel spectrogram.

    Args:
        waveform: float32 (S,), at 16 kHz.
        kept: True where cleaning keeps the sample, (S,); the rest has a grey ground.

    Returns:
        A figure of 5.6 x 4.1 inches.
    """
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.7))
    duration_s = len(waveform) / SAMPLE_RATE_HZ
    _draw_waveform(upper, waveform, kept, duration_s)
    _draw_spectrogram(lower, waveform, duration_s)
    lower.set_xlim(0, duration_s)
    lower.set_xlabel("seconds", fontsize=9, color=_FAINT)
    for axes in (upper, lower):
        axes.tick_params(length=2.5, labelsize=8.5, color=_LINE, labelcolor=_FAINT)
        axes.spines[:].set_visible(False)
    upper.tick_params(length=0)
    figure.align_ylabels()
    return figure


def to_png(figure: Figure) -> bytes:
    """Render a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", transparent=True)
    return buffer.getvalue()


def _draw_waveform(axes: Axes, waveform: np.ndarray, kept: np.ndarray, duration_s: float) -> None:
    """The lowest and highest sample of each column, what is kept above what is cut."""
    starts = np.unique(np.linspace(0, len(waveform), _COLUMNS, endpoint=False).astype(int))
    times = starts / SAMPLE_RATE_HZ
    peak = max(float(np.abs(waveform).max()), 1e-6)
    for samples, colour in ((waveform, _CUT), (np.where(kept, waveform, 0), _KEPT)):
        lowest, highest = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
        axes.fill_between(times, lowest, highest, color=colour, lw=0.4)
    edges = np.flatnonzero(np.diff(~kept, prepend=False, append=False)).reshape(-1, 2) / SAMPLE_RATE_HZ
    spans = [(start, end - start) for start, end in edges.tolist()]
    axes.broken_barh(spans, (0, 1), transform=axes.get_xaxis_transform(), color=_CUT_GROUND, zorder=0, lw=0)
    axes.set_xlim(0, duration_s)
    axes.set_ylim(-1.08 * peak, 1.08 * peak)
    axes.yaxis.set_major_locator(NullLocator())
    axes.set_ylabel("waveform", fontsize=9, color=_FAINT)


def _draw_spectrogram(axes: Axes, waveform: np.ndarray, duration_s: float) -> None:
    """80 mel bands, windows of 64 ms every 10 ms; 70 dB below the loudest is white."""
    power = librosa.feature.melspectrogram(
        y=waveform, sr=SAMPLE_RATE_HZ, n_fft=_FFT, hop_length=_HOP, n_mels=_BANDS
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=_RANGE_DB)
    axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0, duration_s, 0, _BANDS),
        cmap="Blues",
        vmin=-_RANGE_DB,
        vmax=0,
        interpolation="bilinear",
    )
    edges_hz = librosa.mel_frequencies(n_mels=_BANDS, fmax=SAMPLE_RATE_HZ / 2)
    axes.yaxis.set_major_locator(FixedLocator(np.interp(_TICKS_HZ, edges_hz, np.arange(_BANDS)).tolist()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda _, position: f"{_TICKS_HZ[position]:,}"))
    axes.set_ylabel("mel bands, Hz", fontsize=9, color=_FAINT)
