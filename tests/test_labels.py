import pytest

from mmser.errors import UnknownEmotionError, UnknownNameError
from mmser.labels import EMOTIONS, SCHEMES, get_scheme


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_scheme_maps_or_drops_every_emotion_by_name_and_none_both_ways(scheme):
    assert scheme.class_of.keys() | scheme.dropped == set(EMOTIONS)
    assert not scheme.class_of.keys() & scheme.dropped


def test_paper7_has_the_papers_classes_in_alphabetical_order():
    expected = ("angry", "calm", "disgust", "fearful", "happy", "sad", "surprised")
    assert get_scheme("paper7").classes == expected


def test_iemocap4_counts_excitement_as_happiness_and_drops_frustration():
    scheme = get_scheme("iemocap4")
    assert (scheme.relabel("excited"), scheme.relabel("frustrated")) == ("happy", None)


def test_an_emotion_that_is_not_canonical_is_refused():
    with pytest.raises(UnknownEmotionError, match="'anger' is not canonical"):
        get_scheme("paper7").relabel("anger")


def test_an_unknown_scheme_is_refused_and_the_nearest_named():
    with pytest.raises(UnknownNameError, match=r"Unknown scheme 'paper'.*Did you mean 'paper7'\?"):
        get_scheme("paper")


def test_ekman7_counts_excitement_as_happiness_and_keeps_neutral():
    scheme = get_scheme("ekman7")
    assert scheme.classes == ("angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised")
    assert (scheme.relabel("excited"), scheme.relabel("calm"), scheme.multi_label) == ("happy", None, False)


def test_the_multi_label_ekman7_takes_three_emotions_at_most():
    scheme = get_scheme("ekman7-multi")
    assert (scheme.multi_label, scheme.max_labels) == (True, 3)
    assert scheme.classes == get_scheme("ekman7").classes


def test_several_emotions_become_their_classes_sorted_once_and_without_the_dropped():
    heard = ("sad", "excited", "happy", "frustrated", "angry")
    assert get_scheme("ekman7-multi").relabel_all(heard) == ("angry", "happy", "sad")


def test_the_two_sets_of_four_ravdess_emotions_differ_in_the_last():
    assert get_scheme("ravdess4").classes == ("angry", "calm", "disgust", "fearful")
    assert get_scheme("ravdess4-surprised").classes == ("angry", "calm", "fearful", "surprised")
