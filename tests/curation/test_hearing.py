from itertools import count

import numpy as np
import pytest
from datasets import Dataset, Features, Value

from factories_audio import make_speech, write_clip
from mmser.audio.fingerprint import SAME_RECORDING, compare_fingerprints, fingerprint_waveform
from mmser.audio.io import encode_flac, hash_waveform
from mmser.curation import hearing
from mmser.curation.hearing import Prints, hear_clips

_FEATURES = Features({"id": Value("string"), "audio": {"bytes": Value("binary"), "path": Value("string")}})


@pytest.fixture
def hear(tmp_path):
    """Hear the audio of some rows; (hash, problem) and fingerprint of each."""
    files = (tmp_path / f"{number}.arrow" for number in count())

    def _hear(*audio, num_proc=1):
        columns = {"id": [str(number) for number in range(len(audio))], "audio": list(audio)}
        rows = Dataset.from_dict(columns, features=_FEATURES)
        heard = hear_clips(rows, num_proc=num_proc, cache_file=next(files))
        return list(zip(heard["sha256"], heard["problem"], strict=True)), Prints(heard)

    return _hear


def _assert_equal(one, other):
    for name in ("landmarks", "times", "rising", "strong"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_clip_is_hashed_and_fingerprinted_by_its_samples(hear):
    speech = (np.round(make_speech() * 32768) / 32768).astype(np.float32)  # as 16 bits keep it
    facts, prints = hear({"bytes": encode_flac(speech), "path": None})
    assert facts == [(hash_waveform(speech), "")]
    _assert_equal(prints[0], fingerprint_waveform(speech))


def test_fingerprints_are_read_one_or_several_at_a_time(hear):
    sounds = [make_speech(seed=seed) for seed in range(3)]
    _, prints = hear(*({"bytes": encode_flac(sound), "path": None} for sound in sounds))
    assert len(prints) == 3
    second, third = prints[1:3]
    _assert_equal(second, prints[1])
    _assert_equal(third, prints[2])
    assert compare_fingerprints(second, fingerprint_waveform(sounds[1])) > SAME_RECORDING


def test_a_clip_that_is_named_by_its_path_is_read_at_its_own_rate(hear, tmp_path):
    # 1.6 s at 44.1 kHz are 25,600 samples at 16 kHz: 201 windows, less the first four
    path = write_clip(tmp_path / "a.wav", make_speech(rate_hz=44_100), 44_100)
    _, prints = hear({"bytes": None, "path": str(path)})
    assert len(prints[0].rising) == 197


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (None, "holds neither bytes nor a path"),
        ({"bytes": b"", "path": None}, "holds neither bytes nor a path"),
        ({"bytes": b"no audio", "path": None}, "not audio that libsndfile can read"),
        ({"bytes": None, "path": "gone.wav"}, "gone.wav: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_a_silent_clip_with_its_problem(hear, audio, problem):
    facts, prints = hear(audio, {"bytes": encode_flac(make_speech()), "path": None})
    assert problem in facts[0][1]
    assert (facts[0][0], len(prints[0].landmarks)) == ("", 0)
    assert facts[1][1] == ""


def test_two_processes_hear_what_one_hears(hear, monkeypatch):
    monkeypatch.setattr(hearing, "_MIN_CLIPS_PER_PROCESS", 1)
    audio = [{"bytes": encode_flac(make_speech(seed=seed)), "path": None} for seed in range(4)]
    (facts, prints), (facts_of_two, prints_of_two) = hear(*audio), hear(*audio, num_proc=2)
    assert facts == facts_of_two
    for one, other in zip(prints[:], prints_of_two[:], strict=True):
        _assert_equal(one, other)


def test_no_rows_have_no_fingerprints(hear):
    facts, prints = hear()
    assert (facts, prints[:]) == ([], [])
