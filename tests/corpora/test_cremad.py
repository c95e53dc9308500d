import pytest

from mmser.corpora import cremad
from mmser.errors import LabelFileError, UnknownEmotionError

VOTES_HEADER = '"","A","D","F","H","N","S","fileName","numResponses"\n'


def write_votes(root, *rows):
    (root / "tabulatedVotes.csv").write_text(VOTES_HEADER + "".join(f"{row}\n" for row in rows))


def test_a_clip_is_read_from_its_name(plant):
    (clip,) = cremad.iter_clips(plant("AudioWAV/1054_IEO_FEA_HI.wav"))
    assert clip.id == "cremad/1054_IEO_FEA_HI"
    assert (clip.emotion, clip.speaker, clip.gender) == ("fearful", "cremad/1054", "")
    assert (clip.sentence, clip.reference, clip.votes) == ("IEO", "It's eleven o'clock.", {})


def test_genders_come_from_the_demographics(plant):
    root = plant(
        "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_ANG_XX.wav", "AudioWAV/1003_DFA_ANG_XX.wav"
    )
    (root / "VideoDemographics.csv").write_text('"ActorID","Age","Sex"\n1001,51,"Male"\n1002,21,"Female"\n')
    assert [clip.gender for clip in cremad.iter_clips(root)] == ["male", "female", ""]


def test_votes_are_those_on_the_voice_alone_and_more_than_none(plant):
    root = plant("AudioWAV/1001_IEO_HAP_MD.wav")
    write_votes(
        root,
        '"100003",2,0,0,4,7,0,"1001_IEO_HAP_MD",13',
        '"200003",0,0,0,9,0,0,"1001_IEO_HAP_MD",9',
        '"300003",0,9,0,0,0,0,"1001_IEO_HAP_MD",9',
    )
    (clip,) = cremad.iter_clips(root)
    assert clip.votes == {"angry": 2, "happy": 4, "neutral": 7}


def test_the_label_is_what_the_actor_intended_and_not_what_raters_heard(plant):
    root = plant("AudioWAV/1001_IEO_HAP_MD.wav")
    write_votes(root, '"100003",0,0,0,0,11,0,"1001_IEO_HAP_MD",11')
    (clip,) = cremad.iter_clips(root)
    assert (clip.emotion, clip.votes) == ("happy", {"neutral": 11})


@pytest.mark.parametrize(
    ("counts", "heard"),
    [
        ("2,0,0,4,7,0", ("neutral",)),
        ("4,4,0,1,0,0", ("angry", "disgust")),
        ("2,2,2,2,0,1", ("angry", "disgust", "fearful", "happy")),
    ],
)
def test_what_was_heard_is_what_most_raters_chose_with_all_of_a_tie(plant, counts, heard):
    root = plant("AudioWAV/1001_IEO_HAP_MD.wav")
    write_votes(root, f'"100003",{counts},"1001_IEO_HAP_MD",9')
    (clip,) = cremad.iter_clips(root)
    assert clip.heard == heard


def test_without_the_table_nothing_is_said_of_what_was_heard(plant):
    (clip,) = cremad.iter_clips(plant("AudioWAV/1001_IEO_HAP_MD.wav"))
    assert clip.heard == ()


def test_the_misnamed_clip_of_old_clones_gets_its_published_name(plant):
    root = plant("AudioWAV/1040_ITH_SAD_X.wav")
    write_votes(root, '"103234",0,0,2,0,5,3,"1040_ITH_SAD_XX",10')
    (clip,) = cremad.iter_clips(root)
    assert clip.id == "cremad/1040_ITH_SAD_XX"
    assert clip.votes == {"fearful": 2, "neutral": 5, "sad": 3}


def test_the_misnamed_clip_beside_the_corrected_one_is_one_clip(plant):
    root = plant("AudioWAV/1040_ITH_SAD_X.wav", "AudioWAV/1040_ITH_SAD_XX.wav")
    assert [clip.id for clip in cremad.iter_clips(root)] == ["cremad/1040_ITH_SAD_XX"]


def test_upper_and_lower_case_are_the_same(plant):
    (clip,) = cremad.iter_clips(plant("1001_ieo_ang_hi.WAV"))
    assert (clip.id, clip.emotion) == ("cremad/1001_IEO_ANG_HI", "angry")


def test_an_unknown_emotion_code_is_an_error(plant):
    with pytest.raises(UnknownEmotionError, match=r"1001_IEO_SUR_XX\.wav: emotion code 'SUR'"):
        list(cremad.iter_clips(plant("1001_IEO_SUR_XX.wav")))


def test_votes_that_are_not_numbers_are_an_error(plant):
    root = plant("1001_IEO_HAP_MD.wav")
    write_votes(root, '"100003",2,0,0,many,7,0,"1001_IEO_HAP_MD",13')
    with pytest.raises(LabelFileError, match=r"tabulatedVotes\.csv, row '100003': the counts .* 'many'"):
        list(cremad.iter_clips(root))


def test_a_table_that_is_an_lfs_pointer_is_an_error(plant):
    root = plant("1001_IEO_HAP_MD.wav")
    (root / "VideoDemographics.csv").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(LabelFileError, match=r"VideoDemographics\.csv: has no column \['ActorID', 'Sex'\]"):
        list(cremad.iter_clips(root))
