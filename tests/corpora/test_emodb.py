import pytest

from mmser.corpora import emodb
from mmser.errors import UnknownEmotionError


def test_a_clip_is_read_from_its_name(plant):
    (clip,) = emodb.iter_clips(plant("wav/16b10Lb.wav"))
    assert clip.id == "emodb/16b10Lb"
    assert (clip.emotion, clip.speaker, clip.gender) == ("bored", "emodb/16", "female")
    assert clip.sentence == "b10"
    assert clip.reference == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [
        ("W", "angry"),
        ("L", "bored"),
        ("E", "disgust"),
        ("A", "fearful"),
        ("F", "happy"),
        ("T", "sad"),
        ("N", "neutral"),
    ],
)
def test_a_letter_stands_for_the_german_word(letter, emotion, plant):
    (clip,) = emodb.iter_clips(plant(f"wav/03a01{letter}a.wav"))
    assert clip.emotion == emotion


def test_five_speakers_are_men(plant):
    root = plant(*(f"wav/{speaker}a01Fa.wav" for speaker in emodb.GENDERS))
    men = [clip.speaker for clip in emodb.iter_clips(root) if clip.gender == "male"]
    assert men == ["emodb/03", "emodb/10", "emodb/11", "emodb/12", "emodb/15"]


def test_upper_and_lower_case_are_the_same(plant):
    (clip,) = emodb.iter_clips(plant("03A01fA.WAV"))
    assert (clip.id, clip.emotion, clip.sentence) == ("emodb/03a01Fa", "happy", "a01")


def test_numbers_that_are_no_speakers_are_not_clips(plant):
    assert list(emodb.iter_clips(plant("wav/04a01Fa.wav"))) == []


def test_an_unknown_emotion_letter_is_an_error(plant):
    with pytest.raises(UnknownEmotionError, match=r"03a01Xa\.wav: emotion code 'X'"):
        list(emodb.iter_clips(plant("wav/03a01Xa.wav")))
