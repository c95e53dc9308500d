"""The readers on real corpora under $MMSER_CORPORA."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from mmser.corpora import CORPORA, read_clips

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def clips():
    if "MMSER_CORPORA" not in os.environ:
        pytest.skip("MMSER_CORPORA is not set: it names the folder of real corpora")
    return {clip.id: clip for clip in read_clips(Path(os.environ["MMSER_CORPORA"]), CORPORA)[0]}


def test_the_sample_is_read_whole(clips):
    assert Counter(clip.corpus for clip in clips.values()) == {
        "cremad": 17,
        "emodb": 150,
        "ravdess": 720,
        "ravdess-song": 44,
        "savee": 240,
        "tess": 742,
    }


@pytest.mark.parametrize(
    ("clip_id", "emotion", "speaker", "gender"),
    [
        ("ravdess/03-01-05-02-01-02-11", "angry", "ravdess/11", "male"),
        ("ravdess/03-01-04-01-01-02-04", "sad", "ravdess/04", "female"),
        ("ravdess-song/03-02-02-02-01-02-01", "calm", "ravdess/01", "male"),
        ("cremad/1001_IOM_HAP_XX", "happy", "cremad/1001", "male"),
        ("cremad/1037_IOM_HAP_XX", "happy", "cremad/1037", "female"),
        ("tess/OAF_bite_neutral", "neutral", "tess/OAF", "female"),
        ("tess/YAF_food_fear", "fearful", "tess/YAF", "female"),
        ("savee/DC_sa02", "sad", "savee/DC", "male"),
        ("savee/JE_f12", "fearful", "savee/JE", "male"),
        ("emodb/08a04Wc", "angry", "emodb/08", "female"),
        ("emodb/09b02Tb", "sad", "emodb/09", "female"),
    ],
)
def test_real_clips_have_the_label_speaker_and_gender_of_their_name(clip_id, emotion, speaker, gender, clips):
    clip = clips[clip_id]
    assert (clip.emotion, clip.speaker, clip.gender) == (emotion, speaker, gender)


def test_real_votes_are_those_on_the_voice(clips):
    # tabulatedVotes.csv: voice 0,1,0,4,6,0; face 0,0,0,2,8,0; both 0,0,0,1,7,2 (A D F H N S)
    assert clips["cremad/1001_IOM_NEU_XX"].votes == {"disgust": 1, "happy": 4, "neutral": 6}


def test_real_clips_are_heard_as_the_published_votes_say(clips):
    (path,) = Path(os.environ["MMSER_CORPORA"]).rglob("summaryTable.csv")
    letters = {"A": "angry", "D": "disgust", "F": "fearful", "H": "happy", "N": "neutral", "S": "sad"}
    with path.open(newline="") as file:
        votes = {row["FileName"]: row["VoiceVote"] for row in csv.DictReader(file)}
    rated = [clip for clip in clips.values() if clip.corpus == "cremad"]
    assert len(rated) == 17
    for clip in rated:
        assert clip.heard == tuple(
            letters[letter] for letter in votes[clip.id.removeprefix("cremad/")].split(":")
        )
