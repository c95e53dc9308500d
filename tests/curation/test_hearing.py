import numpy as np
import pytest
import soundfile
from datasets import Dataset, Features, Value

from factories_audio import make_speech, write_clip
from mmser.audio.fingerprint import SAME_RECORDING, compare_fingerprints, fingerprint_waveform
from mmser.audio.io import encode_flac, hash_waveform
from mmser.curation import hearing
from mmser.curation.hearing import hear_clips

_FEATURES = Features({"id": Value("string"), "audio": {"bytes": Value("binary"), "path": Value("string")}})


def _hear(*audio, num_proc=1):
    rows = [{"id": str(number), "audio": each} for number, each in enumerate(audio)]
    return hear_clips(Dataset.from_list(rows, features=_FEATURES), num_proc=num_proc)


def test_a_clip_is_hashed_and_fingerprinted_by_its_samples():
    speech = np.round(make_speech() * 32768) / 32768  # as 16 bits keep it
    (clip,) = _hear({"bytes": encode_flac(speech), "path": None})
    assert (clip.sha256, clip.problem) == (hash_waveform(speech), "")
    expected = fingerprint_waveform(speech.astype(np.float32))
    for name in ("landmarks", "times", "rising", "strong"):
        np.testing.assert_array_equal(getattr(clip.fingerprint, name), getattr(expected, name))


def test_a_clip_that_is_named_by_its_path_is_read_at_its_own_rate(tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech(rate_hz=44_100), 44_100)
    (clip,) = _hear({"bytes": None, "path": str(path)})
    with soundfile.SoundFile(path) as file:
        num_samples = round(file.frames * 16_000 / 44_100)
    assert len(clip.fingerprint.rising) == num_samples // 128 + 1 - 4


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (None, "holds neither bytes nor a path"),
        ({"bytes": b"", "path": None}, "holds neither bytes nor a path"),
        ({"bytes": b"no audio", "path": None}, "not audio that libsndfile can read"),
        ({"bytes": None, "path": "gone.wav"}, "gone.wav: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_a_silent_clip_with_its_problem(audio, problem):
    clip, sound = _hear(audio, {"bytes": encode_flac(make_speech()), "path": None})
    assert problem in clip.problem
    assert (clip.sha256, len(clip.fingerprint.landmarks)) == ("", 0)
    assert sound.problem == ""


def test_two_processes_hear_what_one_hears(monkeypatch):
    monkeypatch.setattr(hearing, "_MIN_CLIPS_PER_PROCESS", 1)
    audio = [{"bytes": encode_flac(make_speech(seed=seed)), "path": None} for seed in range(4)]
    alone, together = _hear(*audio), _hear(*audio, num_proc=2)
    assert [clip.sha256 for clip in alone] == [clip.sha256 for clip in together]
    for one, other in zip(alone, together, strict=True):
        assert compare_fingerprints(one.fingerprint, other.fingerprint) > SAME_RECORDING


def test_no_rows_are_no_clips():
    assert hear_clips(Dataset.from_dict({"audio": []}), num_proc=2) == []
