import numpy as np
import pytest

from mmser.errors import SettingsError
from mmser.inference.trace_pictures import (
    compare_frames,
    draw_decision,
    draw_evidence,
    draw_features,
    draw_states,
)
from mmser.models.tracing import TowerTrace, Trace

CLASSES = ["angry", "sad"]
SECOND = np.zeros(16_000, np.float32)


def make_tower(votes, num_layers=2):
    """A tower whose frames each vote as given and have equal shares."""
    votes = np.array(votes, dtype=float)
    num_frames = len(votes)
    states = np.random.default_rng(0).normal(size=(num_layers, num_frames, 3))
    weights = np.full(num_frames, 1 / num_frames)
    return TowerTrace(states, np.eye(num_layers)[-1], weights, np.zeros(3), votes)


@pytest.fixture
def trace():
    """Sound: 3 + 1 for angry, against it 1 + 1; words: 2 for sad; constant 0 and 4."""
    audio, text = make_tower([[3, 1], [1, 1]]), make_tower([[0, 2]])
    return Trace(audio, text, np.array([0.0, 4.0]), np.array([4.0, 8.0]), frame_s=0.5)


def test_frames_are_alike_by_direction_from_their_mean():
    # less their mean (1, 1): (1, 0), (-1, 0) and (0, 0)
    states = np.array([[2.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    assert compare_frames(states).tolist() == [[1, -1, 0], [-1, 1, 0], [0, 0, 0]]


def test_a_waveform_lasts_as_long_as_its_samples_and_a_spectrogram_a_hundredth_a_column():
    (waveform,) = draw_features(np.zeros(8_000)).axes
    (spectrogram,) = draw_features(np.zeros((80, 500))).axes
    assert (waveform.get_xlim(), waveform.get_ylabel()) == ((0, 0.5), "standard deviations")
    assert (spectrogram.get_xlim(), spectrogram.get_ylabel()) == ((0, 5), "mel band")


@pytest.mark.parametrize("shape", [(2, 8_000), (2, 80, 500)])
def test_hearings_of_a_clip_are_drawn_one_at_a_time(shape):
    with pytest.raises(SettingsError, match=r"Features of shape \(2, .*draw one at a time, features\[0\]"):
        draw_features(np.zeros(shape))


def test_a_panel_a_layer_names_its_weight():
    figure = draw_states(make_tower(np.zeros((4, 2)), num_layers=3), frame_s=0.02)
    *panels, _scale = figure.axes
    assert [axes.get_title() for axes in panels] == [
        "input of the blocks\nweight 0.00",
        "after block 1\nweight 0.00",
        "after block 2\nweight 1.00",
    ]
    assert panels[0].images[0].get_extent() == pytest.approx((0, 0.08, 0.08, 0))


def test_of_many_layers_six_are_drawn_first_and_last_among_them():
    *panels, _scale = draw_states(make_tower(np.zeros((2, 2)), num_layers=13)).axes
    titles = [axes.get_title().partition("\n")[0] for axes in panels]
    assert titles == ["input of the blocks", *(f"after block {layer}" for layer in (2, 5, 7, 10, 12))]


def test_tokens_name_the_frames_of_words():
    axes = draw_states(make_tower(np.zeros((2, 2))), tokens=["kids", "talk"]).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["kids", "talk"]


def test_evidence_is_what_a_frame_would_say_alone_less_the_mean_over_classes(trace):
    figure = draw_evidence(trace, CLASSES, SECOND, ["kids"])
    sound, share, audio, words = figure.axes[:4]
    # shares of one half: votes (3, 1) are opinions (6, 2), and (2, -2) less their mean; (1, 1) says nothing
    assert audio.images[0].get_array().tolist() == [[2, 0], [-2, 0]]
    assert words.images[0].get_array().tolist() == [[-1], [1]]
    assert [label.get_text() for label in audio.get_yticklabels()] == CLASSES
    assert [label.get_text() for label in words.get_xticklabels()] == ["kids"]
    assert {axes.get_xlim() for axes in (sound, share, audio)} == {(0.0, 1.0)}


def test_a_frame_without_a_share_says_nothing(trace):
    votes, weights = np.array([[3.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0])
    tower = TowerTrace(np.zeros((1, 2, 3)), np.ones(1), weights, np.zeros(3), votes)
    figure = draw_evidence(Trace(tower, None, np.zeros(2), votes[0], 0.5), CLASSES, SECOND)
    assert figure.axes[2].images[0].get_array().tolist() == [[1, 0], [-1, 0]]


def test_the_decision_shows_parts_logits_and_both_probabilities(trace):
    left, right = draw_decision(trace, CLASSES, np.array([0.2, 0.8]), np.array([0.3, 0.7])).axes
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in left.containers}
    # each less its mean: sound 4 and 2, words 0 and 2, constant 0 and 4
    assert widths == {"sound": [1, -1], "words": [-1, 1], "constant": [-2, 2]}
    assert left.lines[0].get_xdata().tolist() == [-2, 2]
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in right.containers}
    assert widths == {"at temperature 1": [20, 80], "calibrated": [30, 70]}


def test_the_decision_of_sound_alone_has_no_words(trace):
    alone = Trace(trace.audio, None, trace.constant, trace.logits, 0.5)
    left, _ = draw_decision(alone, CLASSES, np.array([0.2, 0.8]), np.array([0.3, 0.7])).axes
    assert [bars.get_label() for bars in left.containers] == ["sound", "constant"]
