import pytest

from mmser.corpora import savee
from mmser.errors import UnknownEmotionError


@pytest.mark.parametrize("path", ["AudioData/DC/su07.wav", "ALL/DC_su07.wav", "dc/SU07.WAV", "dc_Su07.wav"])
def test_both_layouts_give_the_same_clip_in_any_case(path, plant):
    (clip,) = savee.iter_clips(plant(path))
    assert clip.id == "savee/DC_su07"
    assert (clip.emotion, clip.speaker, clip.gender, clip.sentence) == (
        "surprised",
        "savee/DC",
        "male",
        "su07",
    )


def test_both_layouts_in_one_root_are_one_corpus(plant):
    root = plant("AudioData/DC/a01.wav", "ALL/DC_a01.wav", "AudioData/JE/a01.wav", "ALL/KL_a01.wav")
    assert [clip.id for clip in savee.iter_clips(root)] == ["savee/DC_a01", "savee/JE_a01", "savee/KL_a01"]


def test_two_letters_are_read_before_one(plant):
    root = plant("DC/sa01.wav", "DC/a01.wav", "DC/n01.wav")
    assert {clip.id: clip.emotion for clip in savee.iter_clips(root)} == {
        "savee/DC_a01": "angry",
        "savee/DC_n01": "neutral",
        "savee/DC_sa01": "sad",
    }


def test_a_speaker_in_the_name_outweighs_the_folder(plant):
    (clip,) = savee.iter_clips(plant("JE/DC_a06.wav"))
    assert (clip.id, clip.speaker) == ("savee/DC_a06", "savee/DC")


def test_a_bare_name_outside_a_speakers_folder_is_no_clip(plant):
    assert list(savee.iter_clips(plant("music/a01.wav"))) == []


def test_clips_that_say_the_same_words_share_a_sentence(plant):
    root = plant(
        "DC/a02.wav", "JE/su02.wav", "DC/n17.wav", "DC/sa04.wav", "DC/n27.wav", "DC/a06.wav", "DC/d06.wav"
    )
    assert {clip.id.removeprefix("savee/"): clip.sentence for clip in savee.iter_clips(root)} == {
        "DC_a02": "02",
        "DC_a06": "a06",
        "DC_d06": "d06",
        "DC_n17": "02",
        "DC_n27": "sa04",
        "DC_sa04": "sa04",
        "JE_su02": "02",
    }


def test_a_complete_speaker_says_as_many_sentences_as_published(complete_corpora):
    # 3 common, 2 of each of seven emotions (neutral's own included), 10 generic of each of seven
    sentences = {clip.sentence for clip in savee.iter_clips(complete_corpora) if clip.speaker == "savee/KL"}
    assert len(sentences) == 3 + 7 * 2 + 7 * 10


def test_an_unknown_emotion_code_is_an_error(plant):
    with pytest.raises(UnknownEmotionError, match=r"DC_q01\.wav: emotion code 'q'"):
        list(savee.iter_clips(plant("DC_q01.wav")))
