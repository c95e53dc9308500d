import pytest

from mmser.corpora import tess
from mmser.errors import UnknownEmotionError


def test_a_clip_is_read_from_its_name(plant):
    (clip,) = tess.iter_clips(plant("YAF_fear/YAF_back_fear.wav"))
    assert clip.id == "tess/YAF_back_fear"
    assert (clip.emotion, clip.speaker, clip.gender) == ("fearful", "tess/YAF", "female")
    assert (clip.sentence, clip.reference) == ("back", "Say the word back")


def test_ps_is_surprised_in_any_folder(plant):
    root = plant("OAF_Pleasant_surprise/OAF_tell_ps.wav", "YAF_pleasant_surprised/YAF_tell_ps.wav")
    assert [clip.emotion for clip in tess.iter_clips(root)] == ["surprised", "surprised"]


def test_label_and_speaker_are_taken_from_the_file_and_not_from_its_folder(plant):
    (clip,) = tess.iter_clips(plant("YAF_sad/OAF_back_happy.wav"))
    assert (clip.emotion, clip.speaker) == ("happy", "tess/OAF")


def test_the_misnamed_clip_belongs_to_the_older_speaker(plant):
    (clip,) = tess.iter_clips(plant("OAF_neutral/OA_bite_neutral.wav"))
    assert (clip.id, clip.speaker, clip.sentence) == ("tess/OAF_bite_neutral", "tess/OAF", "bite")


def test_the_misnamed_clip_beside_a_corrected_copy_is_one_clip(plant):
    root = plant("OAF_neutral/OA_bite_neutral.wav", "OAF_neutral/OAF_bite_neutral.wav")
    assert [clip.id for clip in tess.iter_clips(root)] == ["tess/OAF_bite_neutral"]


def test_an_archive_that_holds_the_corpus_twice_is_read_once(plant):
    name = "TESS Toronto emotional speech set data"
    root = plant(f"{name}/OAF_sad/OAF_back_sad.wav", f"{name}/{name}/OAF_sad/OAF_back_sad.wav")
    (clip,) = tess.iter_clips(root)
    assert clip.path == root / name / "OAF_sad/OAF_back_sad.wav"


def test_upper_and_lower_case_are_the_same(plant):
    (clip,) = tess.iter_clips(plant("oaf_Back_ANGRY.WAV"))
    assert (clip.id, clip.emotion, clip.speaker) == ("tess/OAF_back_angry", "angry", "tess/OAF")


def test_an_unknown_emotion_code_is_an_error(plant):
    with pytest.raises(UnknownEmotionError, match=r"OAF_back_bored\.wav: emotion code 'bored'"):
        list(tess.iter_clips(plant("OAF_back_bored.wav")))
