import pytest

from mmser.corpora import ravdess
from mmser.errors import UnknownEmotionError


def test_a_speech_clip_is_read_from_its_name(plant):
    root = plant("Actor_16/03-01-06-02-01-02-16.wav")
    (clip,) = ravdess.iter_clips(root)
    assert clip.id == "ravdess/03-01-06-02-01-02-16"
    assert (clip.emotion, clip.speaker, clip.gender) == ("fearful", "ravdess/16", "female")
    assert (clip.sentence, clip.reference) == ("01", "Kids are talking by the door")


def test_a_song_is_another_corpus_by_the_same_speaker(plant):
    root = plant("Actor_16/03-01-02-01-02-01-16.wav", "Actor_16/03-02-02-01-02-01-16.wav")
    (speech,) = ravdess.iter_clips(root)
    (song,) = ravdess.iter_song_clips(root)
    assert song.id == "ravdess-song/03-02-02-01-02-01-16"
    assert (song.corpus, song.emotion, song.reference) == (
        "ravdess-song",
        "calm",
        "Dogs are sitting by the door",
    )
    assert song.speaker == speech.speaker == "ravdess/16"


def test_odd_actors_are_men(plant):
    root = plant("03-01-01-01-01-01-01.wav", "03-01-01-01-01-01-02.wav")
    assert [clip.gender for clip in ravdess.iter_clips(root)] == ["male", "female"]


def test_an_archive_that_holds_the_corpus_twice_is_read_once(plant):
    root = plant(
        "audio_speech_actors_01-24/Actor_01/03-01-05-01-01-01-01.wav", "Actor_01/03-01-05-01-01-01-01.wav"
    )
    (clip,) = ravdess.iter_clips(root)
    assert clip.path == root / "Actor_01/03-01-05-01-01-01-01.wav"


def test_the_actor_is_taken_from_the_file_and_not_from_its_folder(plant):
    (clip,) = ravdess.iter_clips(plant("Actor_02/03-01-05-01-01-01-01.wav"))
    assert (clip.speaker, clip.gender) == ("ravdess/01", "male")


def test_video_files_are_not_clips(plant):
    root = plant("Actor_01/01-01-05-01-01-01-01.wav", "Actor_01/03-01-05-01-01-01-01.mp4")
    assert list(ravdess.iter_clips(root)) == []


def test_an_unknown_emotion_code_is_an_error(plant):
    with pytest.raises(UnknownEmotionError, match=r"03-01-09-01-01-01-01\.wav: emotion code '09'"):
        list(ravdess.iter_clips(plant("03-01-09-01-01-01-01.wav")))


def test_songs_have_no_disgust(plant):
    with pytest.raises(UnknownEmotionError, match="emotion code '07'"):
        list(ravdess.iter_song_clips(plant("03-02-07-01-01-01-01.wav")))
