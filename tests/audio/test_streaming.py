import io

import numpy as np
import pytest
import soundfile

from factories_audio import make_speech, write_clip
from mmser.audio.io import read_waveform, resample
from mmser.audio.streaming import iter_blocks, read_header
from mmser.errors import AudioError


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_blocks_joined_are_the_recording_read_and_resampled_at_once(tmp_path, rate_hz):
    path = write_clip(tmp_path / "a.wav", make_speech(25.3, rate_hz=rate_hz), rate_hz)
    blocks = list(iter_blocks(path))
    assert len(blocks) >= 3  # ten seconds each
    np.testing.assert_allclose(np.concatenate(blocks), resample(*read_waveform(path)), atol=1e-6)


def test_channels_are_averaged(tmp_path):
    left, right = make_speech(2, seed=1), make_speech(2, seed=2)
    soundfile.write(tmp_path / "a.flac", np.stack([left, right], axis=1), 16_000, subtype="PCM_24")
    (block,) = iter_blocks(tmp_path / "a.flac")
    np.testing.assert_allclose(block, (left + right) / 2, atol=1e-6)


def test_bytes_are_read_as_the_file_they_are_of(tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech(12))
    from_bytes = np.concatenate(list(iter_blocks(path.read_bytes())))
    np.testing.assert_array_equal(from_bytes, np.concatenate(list(iter_blocks(path))))


def test_a_header_says_how_long_how_fast_and_how_many(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((24_000, 6)), 48_000)
    header = read_header(tmp_path / "a.wav")
    assert (header.duration_s, header.rate_hz, header.num_channels) == (0.5, 48_000, 6)


@pytest.mark.parametrize("name", ["a.mp3", "a.raw"])
def test_a_name_does_not_decide_what_a_file_holds(tmp_path, name):
    buffer = io.BytesIO()
    soundfile.write(buffer, make_speech(1), 16_000, format="WAV")
    (tmp_path / name).write_bytes(buffer.getvalue())
    assert read_header(tmp_path / name).duration_s == 1.0
    assert len(np.concatenate(list(iter_blocks(tmp_path / name)))) == 16_000


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (b"", "empty", "holds no bytes"),
        (b"this is text", "unreadable", "not audio that libsndfile can read"),
        (b"version https://git-lfs.github.com/spec/v1\n", "lfs-pointer", "git lfs pull"),
    ],
)
@pytest.mark.parametrize("read", [read_header, lambda source: list(iter_blocks(source))])
def test_what_is_no_recording_is_named_with_its_reason(tmp_path, content, reason, message, read):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=rf"a\.wav: .*{message}") as refused:
        read(tmp_path / "a.wav")
    assert refused.value.reason == reason


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read \(No such file"):
        read_header(tmp_path / "gone.wav")


def test_a_large_file_that_is_no_audio_is_not_read_whole(tmp_path, monkeypatch):
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(2**24 + 1)
    monkeypatch.setattr("mmser.audio.streaming.read_waveform", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(AudioError, match=r"a\.wav: not audio"):
        read_header(tmp_path / "a.wav")


def test_a_header_of_an_impossible_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 500)
    with pytest.raises(AudioError, match=r"its header says 500 Hz, expected 1,000 to 768,000"):
        read_header(tmp_path / "a.wav")


def test_a_recording_without_samples_is_refused(tmp_path):
    write_clip(tmp_path / "a.wav", np.zeros(0, np.float32))
    with pytest.raises(AudioError, match=r"a\.wav: holds no samples"):
        list(iter_blocks(tmp_path / "a.wav"))


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(100, np.inf, np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav: holds samples that are NaN or infinite"):
        list(iter_blocks(tmp_path / "a.wav"))


def test_a_recording_of_more_than_a_day_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mmser.audio.streaming.MAX_RECORDING_S", 3600)
    write_clip(tmp_path / "a.wav", np.zeros(1000 * 3601, np.float32), 1000)
    with pytest.raises(AudioError, match=r"a\.wav: longer than 1 hours\. Cut it into parts"):
        list(iter_blocks(tmp_path / "a.wav"))


def test_a_recording_that_was_cut_off_is_read_to_where_it_ends(tmp_path, caplog):
    soundfile.write(tmp_path / "a.flac", make_speech(30), 16_000)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    read = np.concatenate(list(iter_blocks(tmp_path / "a.flac")))
    assert len(read) == 10 * 16_000  # whole blocks
    assert "a.flac: ends 20.0 s before its header says; it is read to there" in caplog.text
