import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from mmser.errors import SettingsError
from mmser.evaluation.plots import draw_confusion_matrix, plot_confusion_matrix, plot_reliability

CLASSES = ("angry", "calm", "sad")
MATRIX = np.array([[3, 0, 1], [0, 0, 0], [1000, 0, 1000]])


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """All texts of the plot of MATRIX."""
    axes = []
    add_subplot = Figure.add_subplot
    monkeypatch.setattr(Figure, "add_subplot", lambda self: axes.append(add_subplot(self)) or axes[-1])
    plot_confusion_matrix(MATRIX, CLASSES, tmp_path / "plot.png", title="hubert, fold 0")
    (axis,) = axes
    return axis


def test_the_plot_is_a_png_and_leaves_no_part(tmp_path):
    path = tmp_path / "plot.png"
    plot_confusion_matrix(MATRIX, CLASSES, path, title="hubert")
    image = imread(path)
    assert min(image.shape[:2]) > 300
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 10
    assert list(tmp_path.iterdir()) == [path]


def test_a_figure_that_is_not_written_is_small_enough_for_a_screen():
    figure = draw_confusion_matrix(MATRIX, CLASSES, title="hubert")
    assert max(figure.get_size_inches() * figure.dpi) < 600


def test_cells_hold_the_percent_of_the_true_class_and_the_count(drawn):
    cells = {}
    for text in drawn.texts:
        column, row = text.get_position()
        cells.setdefault((round(row), round(column)), []).append(text.get_text())
    assert cells[0, 0] == ["75.0", "3"]
    assert cells[0, 2] == ["25.0", "1"]
    assert cells[2, 0] == ["50.0", "1,000"]


def test_a_class_without_clips_is_hatched_and_holds_no_figures(drawn):
    assert {round(text.get_position()[1]) for text in drawn.texts} == {0, 2}
    (stripe,) = drawn.patches
    assert (stripe.get_y(), stripe.get_hatch()) == (0.5, "///")


def test_axes_name_classes_and_their_clips(drawn):
    assert [label.get_text() for label in drawn.get_xticklabels()] == list(CLASSES)
    assert [label.get_text() for label in drawn.get_yticklabels()] == [
        "angry\n4 clips",
        "calm\n0 clips",
        "sad\n2,000 clips",
    ]
    assert drawn.get_title(loc="left") == "hubert, fold 0"


def test_plotting_leaves_matplotlib_as_it_was(tmp_path):
    settings = dict(matplotlib.rcParams)
    had_pyplot = "matplotlib.pyplot" in sys.modules
    plot_confusion_matrix(MATRIX, CLASSES, tmp_path / "plot.png", title="hubert")
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def test_a_matrix_of_another_shape_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match=r"of shape \(3, 3\).*expected counts of shape \(2, 2\)"):
        plot_confusion_matrix(MATRIX, ("angry", "sad"), tmp_path / "plot.png", title="hubert")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def draw_reliability(monkeypatch, tmp_path):
    """Draw four clips at 0.9, three of them right, and two at 0.5, both right; returns both axes."""
    axes = []
    subplots = Figure.subplots
    monkeypatch.setattr(
        Figure, "subplots", lambda self, *a, **options: axes.extend(subplots(self, *a, **options)) or axes
    )

    def draw(**options):
        probabilities = [[0.9, 0.1, 0.0]] * 4 + [[0.3, 0.5, 0.2]] * 2
        plot_reliability([0, 0, 0, 1, 1, 1], probabilities, tmp_path / "c.png", title="knn", **options)
        return axes

    return draw


def test_reliability_is_accuracy_over_confidence_and_clips_below(draw_reliability, tmp_path):
    upper, lower = draw_reliability()
    _, line = upper.get_lines()
    assert line.get_xydata() == pytest.approx(np.array([[50, 100], [90, 75]]))
    counts = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in lower.patches}
    assert {place: count for place, count in counts.items() if count} == {50: 2, 90: 4}  # centres of bins
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "perfect",
        "as predicted: ECE 26.7",  # (4 x 15 + 2 x 50) / 6
    ]
    assert upper.get_title(loc="left") == "knn"
    assert min(imread(tmp_path / "c.png").shape[:2]) > 300


def test_a_temperature_draws_a_second_line(draw_reliability):
    upper, lower = draw_reliability(temperature=1.0)
    assert len(upper.get_lines()) == 3
    assert len(lower.patches) == 30  # of 15 bins each
    assert upper.get_legend().get_texts()[2].get_text() == "temperature 1.00: ECE 26.7"
