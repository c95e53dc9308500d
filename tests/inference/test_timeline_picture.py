from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from factories_timeline import make_timeline
from mmser.inference.segments import Segment
from mmser.inference.timeline_picture import colour_classes, draw_timeline, format_time, write_picture
from mmser.labels import SCHEMES


@pytest.mark.parametrize(
    ("seconds", "digits", "written"),
    [(0, 0, "0:00"), (75, 0, "1:15"), (3675, 0, "1:01:15"), (12.54, 1, "0:12.5"), (59.96, 1, "1:00.0")],
)
def test_times_are_written_as_people_read_them(seconds, digits, written):
    assert format_time(seconds, digits=digits) == written


def test_every_class_of_every_scheme_has_a_colour_of_its_own():
    for scheme in SCHEMES.values():
        colours = colour_classes(scheme.classes)
        assert len({to_rgb(colour) for colour in colours.values()}) == len(scheme.classes)


def test_an_emotion_has_the_same_colour_beside_any_others():
    assert colour_classes(["sad"])["sad"] == colour_classes(["angry", "proud", "sad"])["sad"]


def test_the_picture_names_the_recording_the_labels_and_the_classes():
    figure = draw_timeline(make_timeline(source="some/folder/talk.wav"))
    labels, probabilities, levels = figure.axes
    assert labels.get_title(loc="left") == "talk.wav"
    assert [text.get_text() for text in labels.texts] == ["angry", "uncertain"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "angry",
        "sad",
        "uncertain",
        "no speech",
    ]
    assert levels.get_xlim() == (0, 12)
    assert probabilities.get_ylim() == (0, 1)


def test_a_title_takes_the_place_of_the_name():
    assert draw_timeline(make_timeline(), title="Call 7").axes[0].get_title(loc="left") == "Call 7"


def test_a_narrow_picture_has_fewer_ticks_and_its_legend_in_rows():
    figure = draw_timeline(make_timeline(), inches=(4.0, 5.0))
    assert figure.get_size_inches().tolist() == [4, 5]
    figure.canvas.draw()
    ticks = [tick for tick in figure.axes[2].get_xticks() if 0 <= tick <= 12]
    assert ticks == [0, 5, 10]  # of twelve seconds; every two or one would not leave an inch to each
    rows = {round(text.get_window_extent().y0) for text in figure.legends[0].get_texts()}
    assert len(rows) == 2  # two classes, "uncertain" and "no speech", three in a row


def pixel(picture, band, second):
    """The colour in a band (0 labels, 1 probabilities, 2 levels) at a second, near its upper edge."""
    figure = draw_timeline(make_timeline())
    figure.canvas.draw()
    axes = figure.axes[band]
    x, y = axes.transData.transform((second, axes.get_ylim()[1] * 0.85 if axes.get_ylim()[1] else -5))
    return picture[picture.shape[0] - 1 - round(y), round(x), :3]


def test_speech_is_coloured_by_its_label_and_silence_is_grey(tmp_path):
    write_picture(make_timeline(), tmp_path / "a.png")
    picture = imread(tmp_path / "a.png")
    colours = colour_classes(["angry", "sad"])
    near = {"abs": 0.01}
    assert tuple(pixel(picture, 0, 1.5)) == pytest.approx(to_rgb(colours["angry"]), **near)
    assert tuple(pixel(picture, 0, 6.3)) == pytest.approx(to_rgb("#b8c2cc"), **near)
    assert tuple(pixel(picture, 0, 10.5)) == pytest.approx(to_rgb("#eef1f4"), **near)
    assert tuple(pixel(picture, 1, 1.5)) == pytest.approx(to_rgb(colours["angry"]), **near)  # up to 0.9
    assert tuple(pixel(picture, 1, 8.5)) == pytest.approx(to_rgb(colours["sad"]), **near)  # from 0.45
    assert tuple(pixel(picture, 1, 10.5)) == pytest.approx(to_rgb("#eef1f4"), **near)


def test_a_recording_of_hours_is_drawn_in_columns_and_the_title_says_so():
    short = make_timeline()
    hours = replace(
        short,
        duration_s=7200.0,
        segments=(Segment(0.0, 7200.0, True, "angry", {"angry": 0.9, "sad": 0.1}),),
        windows=tuple(
            replace(short.windows[0], start_s=2.0 * number, end_s=2.0 * number + 4) for number in range(3599)
        ),
        speech=((0.0, 7200.0),),
        levels_db=np.full(720_000, -30.0, np.float32),
    )
    labels, probabilities, _ = (figure := draw_timeline(hours)).axes
    assert labels.get_title(loc="left").startswith("talk.wav   (a column is 40 s")
    _, *stack = probabilities.collections  # after the ground
    assert len(stack) == 2  # one a class, however many spans there are
    figure.canvas.draw()
    ticks = [each.get_text() for each in figure.axes[2].get_xticklabels() if each.get_text()]
    assert "1:00:00" in ticks
    assert "15:00" in ticks


def test_a_recording_without_speech_is_drawn():
    silent = replace(make_timeline(), segments=(Segment(0.0, 12.0, False),), windows=(), speech=())
    assert len(draw_timeline(silent).axes[0].texts) == 0
