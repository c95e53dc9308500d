"""Leaks that are planted among the recordings, before a build."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from factories_audit import add_noise, cut
from mmser.errors import LeakError

SOURCE = "RAVDESS/Actor_01/03-01-05-01-01-01-01.wav"
TARGET = "RAVDESS/Actor_06/03-01-05-01-01-01-06.wav"  # tests where actor 01 trains, and the reverse


@pytest.mark.parametrize(
    "alter",
    [lambda sound: sound / 4, lambda sound: add_noise(sound, 25), lambda sound: cut(sound, 100, 100)],
    ids=["gain", "noise", "trimming"],
)
def test_a_recording_that_two_speakers_claim_stops_the_build(build, small_root, tmp_path, alter):
    root = shutil.copytree(small_root, tmp_path / "root")
    sound, rate_hz = soundfile.read(root / SOURCE, dtype="float32")
    soundfile.write(root / TARGET, alter(sound).astype(np.float32), rate_hz, subtype="PCM_16")
    clip = r"ravdess/03-01-05-01-01-01-0[16]"
    pair = rf"audio: 1 in [a-z ]+ \(clips: 1 [a-z]+, 1 [a-z]+\), e\.g\. {clip} ~ {clip} \(\d\.\d\d\)"
    with pytest.raises(LeakError, match=f"'speaker' is broken: {pair}.*Move one clip of each pair"):
        build(root=root)
    assert not (tmp_path / "out").exists()


def test_a_build_that_is_stopped_names_every_pair(build, small_root, tmp_path, caplog):
    # actor 01 trains, actor 06 tests; more pairs than the message has room for
    root = shutil.copytree(small_root, tmp_path / "root")
    codes = ("02", "03", "04", "05", "06")
    for code in codes:
        sound, rate_hz = soundfile.read(
            root / f"RAVDESS/Actor_01/03-01-{code}-01-01-01-01.wav", dtype="float32"
        )
        target = root / f"RAVDESS/Actor_06/03-01-{code}-01-01-01-06.wav"
        soundfile.write(target, sound / 4, rate_hz, subtype="PCM_16")
    with pytest.raises(LeakError, match="audio: 5 in "):
        build(root=root)
    (named,) = (message for message in caplog.messages if message.startswith("audio in "))
    assert all(named.count(f"03-01-{code}-01-01-01-0") == 2 for code in codes)


def test_fixed_sentences_are_a_note_in_the_record_and_the_card(build):
    # every RAVDESS clip of the small root says statement 01
    folder = build()
    record = json.loads((folder / "corpus.json").read_text())
    assert record["leaks"] == []
    assert any(note.startswith("sentence: ") and "ravdess/01" in note for note in record["notes"])
    assert "ravdess/01" in (folder / "README.md").read_text()
