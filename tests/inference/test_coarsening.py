from dataclasses import replace

import pytest

from factories_timeline import ANGRY, UNSURE, make_timeline
from mmser.inference.coarsening import coarsen
from mmser.inference.segments import Segment


@pytest.fixture
def hours():
    """Columns of 40 s: angry to 3,630 s but for 15 s of each column, then nobody speaks."""
    segments = []
    for column in range(90):
        start_s = 40.0 * column
        segments.append(Segment(start_s, start_s + 25, True, "angry", ANGRY))
        segments.append(Segment(start_s + 25, start_s + 40, True, None, UNSURE))
    segments.append(Segment(3600.0, 3630.0, True, "sad", ANGRY))
    segments.append(Segment(3630.0, 7200.0, False))
    return replace(make_timeline(duration_s=7200.0), segments=tuple(segments), speech=((0.0, 3630.0),))


def test_a_timeline_that_fits_stays_as_it_is():
    timeline = make_timeline()
    coarse, cell_s = coarsen(timeline)
    assert coarse is timeline
    assert cell_s == 2


def test_a_column_has_the_label_that_lasts_longest_in_it(hours):
    coarse, cell_s = coarsen(hours)
    columns = coarse.segments
    assert cell_s == 40
    assert len(columns) == 180
    assert [each.label for each in columns[:92]] == ["angry"] * 90 + ["sad", None]
    assert (columns[1].start_s, columns[1].end_s) == pytest.approx((40, 80))


def test_columns_with_hardly_any_speech_count_as_silent(hours):
    coarse, _ = coarsen(hours)
    assert [each.speech for each in coarse.segments] == [True] * 91 + [False] * 89
    assert coarse.speech[-1][1] == pytest.approx(3640)


def test_uncertain_wins_where_it_lasts_longest(hours):
    segments = (Segment(0.0, 7000.0, True, None, UNSURE), Segment(7000.0, 7200.0, False))
    first = coarsen(replace(hours, segments=segments))[0].segments[0]
    assert (first.speech, first.label) == (True, None)


def test_a_day_fits_too(hours):
    coarse, cell_s = coarsen(replace(hours, duration_s=86_400.0))
    assert (len(coarse.segments), cell_s) == (180, 480)
