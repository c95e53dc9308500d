from itertools import pairwise

import numpy as np
import pytest

from mmser.inference.prediction import Prediction
from mmser.inference.segments import (
    Segment,
    Window,
    add_transcripts,
    average_windows,
    build_segments,
    cut_span,
)
from mmser.inference.voice import Hearing

CLASSES = ("angry", "happy", "sad")
ANGRY, HAPPY, SAD = (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)


def window(start_s, row, text=None, length_s=4.0):
    prediction = Prediction(None, dict(zip(CLASSES, row, strict=True)), text, length_s)
    return Window(start_s, start_s + length_s, prediction)


def build(rows, speech, duration_s=None, hop_s=2.0, threshold=0.0):
    cells = np.array([row or [np.nan] * 3 for row in rows])
    hearing = Hearing(duration_s or hop_s * len(rows), np.empty(0), tuple(speech))
    return build_segments(hearing, cells, hop_s, threshold, CLASSES)


def brief(segments):
    return [(each.start_s, each.end_s, each.label if each.speech else "-") for each in segments]


def test_a_moment_has_the_mean_of_the_windows_that_hold_it():
    cells = average_windows([window(0, ANGRY), window(2, SAD)], 6.0, 2.0, CLASSES)
    np.testing.assert_allclose(cells, [ANGRY, (0.45, 0.1, 0.45), SAD])


def test_a_window_counts_by_how_much_of_a_cell_it_holds():
    # Cells of 3 s: 0 to 4 holds all of the first and a third of the second, 3 to 7 all of that.
    cells = average_windows([window(0, ANGRY), window(3, SAD)], 7.0, 3.0, CLASSES)
    np.testing.assert_allclose(cells[1], (np.array(ANGRY) + 3 * np.array(SAD)) / 4)
    assert len(cells) == 3


def test_a_moment_that_no_window_holds_is_not_known():
    cells = average_windows([window(6, SAD)], 10.0, 2.0, CLASSES)
    assert np.isnan(cells).all(axis=1).tolist() == [True, True, True, False, False]


def test_neighbours_of_one_label_are_one_segment_with_their_mean():
    (segment,) = build([(0.6, 0.3, 0.1), (0.8, 0.1, 0.1), (0.7, 0.2, 0.1)], [(0, 6)])
    assert (segment.start_s, segment.end_s, segment.label) == (0, 6, "angry")
    assert segment.probabilities == pytest.approx({"angry": 0.7, "happy": 0.2, "sad": 0.1})


def test_a_segment_ends_where_the_label_changes_and_where_speech_does():
    segments = build([ANGRY, ANGRY, SAD, SAD, SAD], [(0.5, 5.5), (7.0, 10.0)])
    assert brief(segments) == [
        (0.0, 0.5, "-"),
        (0.5, 4.0, "angry"),
        (4.0, 5.5, "sad"),
        (5.5, 7.0, "-"),
        (7.0, 10.0, "sad"),
    ]


def test_segments_follow_one_another_from_the_start_to_the_end():
    segments = build([ANGRY, SAD, HAPPY, None, SAD], [(1.2, 4.4), (5.1, 9.3)], duration_s=9.7)
    assert segments[0].start_s == 0
    assert segments[-1].end_s == 9.7
    assert all(one.end_s == other.start_s for one, other in pairwise(segments))


def test_below_the_threshold_a_segment_is_uncertain_and_keeps_its_probabilities():
    segments = build([ANGRY, (0.5, 0.3, 0.2), (0.3, 0.5, 0.2)], [(0, 6)], threshold=0.6)
    assert brief(segments) == [(0, 2, "angry"), (2, 6, None)]
    assert segments[1].probabilities["angry"] == pytest.approx(0.4)


def test_speech_that_no_window_held_is_speech_of_no_known_emotion():
    (segment,) = build([None], [(0, 2)])
    assert segment == Segment(0, 2, speech=True)


def test_a_recording_without_speech_is_one_segment():
    assert brief(build([None, None], [])) == [(0, 4, "-")]


def test_a_span_is_not_cut_within_half_a_cell_of_its_ends():
    assert cut_span(0.5, 8.5, 2.0).tolist() == [0.5, 2, 4, 6, 8.5]
    assert cut_span(1.5, 2.9, 2.0).tolist() == [1.5, 2.9]
    assert cut_span(2.0, 4.0, 2.0).tolist() == [2, 4]


def test_a_short_span_over_a_border_has_the_label_of_the_cell_that_holds_its_middle():
    assert brief(build([ANGRY, SAD], [(1.5, 2.9)]))[1] == (1.5, 2.9, "sad")


def test_a_segment_has_the_words_of_windows_in_it_that_do_not_overlap():
    windows = [window(start, ANGRY, text) for start, text in ((0, "a b"), (2, "b c"), (4, "c d"), (6, "d e"))]
    (segment,) = add_transcripts([Segment(0, 10, speech=True)], windows)
    assert segment.transcript == "a b c d"


def test_a_segment_shorter_than_a_window_has_the_words_of_the_one_that_holds_most_of_it():
    windows = [window(0, ANGRY, "before"), window(4, SAD, "here"), window(8, SAD, "after")]
    segments = [Segment(0, 5, speech=False), Segment(5, 6.5, speech=True), Segment(6.5, 12, speech=False)]
    assert [each.transcript for each in add_transcripts(segments, windows)] == [None, "here", None]


def test_a_segment_without_windows_has_an_empty_transcript():
    assert add_transcripts([Segment(0, 1, speech=True)], [])[0].transcript == ""
