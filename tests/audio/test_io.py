import numpy as np
import pytest
import soundfile

from factories_audio import make_speech, write_clip
from mmser.audio.io import decode_flac, encode_flac, hash_waveform, quantize, read_waveform, resample
from mmser.errors import AudioError


def test_channels_are_averaged_and_the_rate_is_the_files_own(tmp_path):
    left, right = np.full(100, 0.5, np.float32), np.full(100, 0.25, np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 44_100, subtype="FLOAT")
    waveform, rate_hz = read_waveform(tmp_path / "a.wav")
    assert rate_hz == 44_100
    np.testing.assert_array_equal(waveform, np.full(100, 0.375, np.float32))


def test_flac_gives_back_the_samples_rounded_to_16_bits():
    waveform = np.array([0.0, 0.5, -1.0, 1.5, 1e-6], np.float32)
    expected = np.array([0.0, 0.5, -1.0, 32767 / 32768, 0.0], np.float32)
    np.testing.assert_array_equal(decode_flac(encode_flac(waveform)), expected)


def test_the_hash_is_of_the_sound_and_not_of_the_container():
    waveform = make_speech()
    assert hash_waveform(waveform) == hash_waveform(decode_flac(encode_flac(waveform)))
    assert hash_waveform(waveform) != hash_waveform(waveform[1:])


def test_resampling_keeps_the_duration():
    assert len(resample(np.zeros(44_100, np.float32), 44_100)) == 16_000


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read \(No such file") as error:
        read_waveform(tmp_path / "gone.wav")
    assert error.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (b"no audio", "unreadable", "not audio that libsndfile can read"),
        (b"", "empty", "holds no bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9", "lfs-pointer", "git lfs pull"),
    ],
)
def test_bytes_that_are_no_audio_are_named_for_what_they_are(content, reason, message):
    with pytest.raises(AudioError, match=message) as error:
        read_waveform(content, where="x.wav")
    assert error.value.reason == reason


def test_a_file_without_samples_is_empty(tmp_path):
    with pytest.raises(AudioError, match="holds no samples") as error:
        read_waveform(write_clip(tmp_path / "a.wav", np.zeros(0, np.float32)))
    assert error.value.reason == "empty"


def test_samples_that_are_not_numbers_are_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.1, np.nan], np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN or infinite") as error:
        read_waveform(tmp_path / "a.wav")
    assert error.value.reason == "not-finite"


def test_a_wav_file_cut_short_is_truncated_though_libsndfile_reads_it(tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech())
    path.write_bytes(path.read_bytes()[:-1000])
    assert len(soundfile.read(path)[0]) > 0
    with pytest.raises(AudioError, match="ends 1000 bytes before its header says") as error:
        read_waveform(path)
    assert error.value.reason == "truncated"


def test_chunks_before_the_samples_and_streamed_lengths_are_not_taken_for_damage(tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech(0.1))
    content = path.read_bytes()
    with_chunk = content[:36] + b"FLLR" + (5).to_bytes(4, "little") + bytes(6) + content[36:]
    assert len(read_waveform(with_chunk)[0]) == 1600
    streamed = content[:40] + b"\xff\xff\xff\xff" + content[44:]
    assert len(read_waveform(streamed)[0]) == 1600


def test_a_quantized_waveform_is_the_one_that_a_corpus_gives_back():
    waveform = np.random.default_rng(0).uniform(-1.1, 1.1, 1000).astype(np.float32)
    quantized = quantize(waveform)
    assert quantized.dtype == np.float32
    np.testing.assert_array_equal(quantized, decode_flac(encode_flac(waveform)))
    assert not np.array_equal(quantized, waveform)


def test_the_same_damage_is_named_in_the_same_words_each_time():
    messages = set()
    for _ in range(2):
        with pytest.raises(AudioError) as caught:
            read_waveform(b"no audio", where="a.wav")
        messages.add(str(caught.value))
    assert messages == {"a.wav: not audio that libsndfile can read (Format not recognised.)."}
