"""Any bytes may be named .wav: each is read, or refused with a reason, in bounded time and memory."""

import io
import multiprocessing
import os
import re
import tracemalloc
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from factories_audio import make_speech, write_clip
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import MAX_RATE_HZ, MIN_RATE_HZ, SAMPLE_RATE_HZ, read_channels, read_waveform
from mmser.corpora.base import iter_files
from mmser.errors import AudioError

NUM_MUTANTS = 2_400
TIME_LIMIT_S = 280  # of all mutants together: about a hundred times what they take
MEMORY_LIMIT_BYTES = 256 * 2**20  # of one mutant; each is made of a clip below 100 kB
REASONS = {"unreadable", "lfs-pointer", "empty", "truncated", "not-finite", "silent", "too-long"}

# Format, subtype, channels, rate in Hz: all that users have been seen to name .wav.
CONTAINERS = (
    ("WAV", "PCM_16", 1, 16_000),
    ("WAV", "PCM_16", 2, 48_000),
    ("WAV", "PCM_U8", 1, 24_414),
    ("WAV", "PCM_24", 1, 44_100),
    ("WAV", "FLOAT", 1, 96_000),
    ("WAV", "DOUBLE", 2, 16_000),
    ("WAV", "ULAW", 1, 8_000),
    ("WAV", "IMA_ADPCM", 1, 16_000),
    ("WAV", "MS_ADPCM", 2, 16_000),
    ("WAV", "GSM610", 1, 8_000),
    ("WAVEX", "PCM_16", 2, 16_000),
    ("RF64", "PCM_16", 1, 16_000),
    ("W64", "PCM_16", 1, 16_000),
    ("AIFF", "PCM_16", 1, 16_000),
    ("AU", "PCM_16", 1, 16_000),
    ("CAF", "PCM_16", 1, 16_000),
    ("NIST", "PCM_16", 1, 16_000),
    ("FLAC", "PCM_16", 1, 16_000),
    ("OGG", "VORBIS", 1, 16_000),
    ("MP3", "MPEG_LAYER_III", 1, 16_000),
)
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF)
HEADER_SIZE = 64


def encode(container: str, subtype: str, num_channels: int, rate_hz: int) -> bytes:
    mono = make_speech(0.2, rate_hz=rate_hz)
    buffer = io.BytesIO()
    samples = np.stack([mono] * num_channels, axis=1)
    soundfile.write(buffer, samples, rate_hz, format=container, subtype=subtype)
    return buffer.getvalue()


def write_extreme(content: bytearray, rng: np.random.Generator, end: int) -> None:
    """Overwrite 2, 4 or 8 bytes before ``end`` by an extreme number, low or high byte first."""
    size = int(rng.choice((2, 4, 8)))
    number = int(rng.choice(EXTREMES)) & (256**size - 1)
    start = int(rng.integers(0, max(1, end - size)))
    content[start : start + size] = number.to_bytes(size, str(rng.choice(("little", "big"))))


def mutate(clips: list[bytes], index: int) -> bytes:
    """The mutant of that number: a clip with one to three kinds of damage, always the same."""
    rng = np.random.default_rng([20_250_101, index])
    content = bytearray(clips[index % len(clips)])
    for kind in rng.integers(0, 9, size=rng.integers(1, 4)):
        end = max(1, len(content))
        start, stop = sorted(rng.integers(0, end, size=2))
        if kind in (0, 1):
            write_extreme(content, rng, min(HEADER_SIZE, end))
        elif kind == 2:
            content[int(rng.integers(0, min(HEADER_SIZE, end)))] ^= 1 << int(rng.integers(0, 8))
        elif kind == 3:
            for place in rng.integers(0, end, size=rng.integers(1, 50)):
                content[place : place + 1] = rng.bytes(1)
        elif kind == 4:
            write_extreme(content, rng, end)
        elif kind == 5:
            del content[start:]
        elif kind == 6:
            content[start:start] = rng.bytes(int(rng.integers(1, 40)))
        elif kind == 7:
            del content[start:stop]
        else:
            other = clips[int(rng.integers(0, len(clips)))]
            content[min(HEADER_SIZE, end) :] = other[HEADER_SIZE:]
    return bytes(content)


def use_clip(content: bytes, *, denoise: bool) -> str:
    """Read and clean a clip as a build does; "" or the reason why not."""
    try:
        waveform, rate_hz = read_waveform(content, where="mutant.wav")
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        assert np.isfinite(waveform).all()
        assert MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ
        cleaned = clean_waveform(waveform, rate_hz, CleaningSettings(denoise=denoise))
    except AudioError as error:
        return error.reason if str(error) else "no message"
    assert cleaned.dtype == np.float32
    assert len(cleaned) > 0
    assert np.isfinite(cleaned).all()
    return ""


def use_mutants(clips, at, connection):
    """In a process of its own, which a mutant may bring down: the reasons, and the most memory of one."""
    tracemalloc.start()
    reasons: Counter[str] = Counter()
    most, largest = 0, -1
    for index in range(NUM_MUTANTS):
        at.value = index
        tracemalloc.reset_peak()
        reasons[use_clip(mutate(clips, index), denoise=index % 8 == 0)] += 1
        peak = tracemalloc.get_traced_memory()[1]
        if peak > most:
            most, largest = peak, index
    connection.send((reasons, most, largest))


def survey(clips: list[bytes]) -> tuple[Counter[str], int, int]:
    context = multiprocessing.get_context("spawn")
    at = context.Value("q", -1)
    receiver, sender = context.Pipe(duplex=False)
    worker = context.Process(target=use_mutants, args=(clips, at, sender), daemon=True)
    worker.start()
    sender.close()
    try:
        if not receiver.poll(TIME_LIMIT_S):
            pytest.fail(f"mutant {at.value} is still being read after {TIME_LIMIT_S} s")
        return receiver.recv()
    except EOFError:
        worker.join()
        pytest.fail(f"mutant {at.value} ended the process with code {worker.exitcode}")
    finally:
        worker.kill()
        worker.join()


def check_survey(clips: list[bytes]) -> None:
    reasons, most_bytes, largest = survey(clips)
    assert reasons.total() == NUM_MUTANTS
    assert set(reasons) <= {"", *REASONS}
    assert reasons[""] > 100  # enough of them survive for the cleaning to be tried
    assert reasons["unreadable"] > 100
    assert most_bytes < MEMORY_LIMIT_BYTES, f"mutant {largest} took {most_bytes:,} bytes"


def test_no_mutant_of_a_written_clip_is_more_than_its_reader_can_bear():
    check_survey([encode(*container) for container in CONTAINERS])


@pytest.mark.corpus
def test_no_mutant_of_a_real_clip_is_more_than_its_reader_can_bear():
    files = (path for path, _ in iter_files(Path(os.environ["MMSER_CORPORA"]), re.compile(r".*\.wav", re.I)))
    shortened = (path.read_bytes()[:100_000] for path in islice(files, 0, None, 40))
    check_survey(list(shortened))


def test_mutants_are_the_same_on_every_run():
    clips = [encode("WAV", "PCM_16", 1, 16_000)]
    assert [mutate(clips, index) for index in range(50)] == [mutate(clips, index) for index in range(50)]
    assert len({mutate(clips, index) for index in range(50)}) > 45


@pytest.mark.parametrize(("container", "subtype", "num_channels", "rate_hz"), CONTAINERS)
def test_a_whole_clip_is_read_in_any_container(container, subtype, num_channels, rate_hz):
    waveform, read_hz = read_waveform(encode(container, subtype, num_channels, rate_hz))
    assert read_hz == rate_hz
    assert 0.9 * 0.2 * rate_hz <= len(waveform) <= 0.2 * rate_hz + 2304  # MP3 and GSM fill their last block
    if subtype in ("PCM_16", "PCM_24", "FLOAT", "DOUBLE"):
        np.testing.assert_allclose(waveform, make_speech(0.2, rate_hz=rate_hz), atol=2**-15)


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 2**-24)]
)
def test_samples_of_any_width_have_full_scale_one(subtype, step):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.array([0.0, 0.5, -0.5, -1.0]), 16_000, format="WAV", subtype=subtype)
    np.testing.assert_allclose(read_waveform(buffer.getvalue())[0], [0.0, 0.5, -0.5, -1.0], atol=step)


def test_a_header_that_claims_gigabytes_takes_memory_for_what_is_there():
    wav = bytearray(encode("WAV", "PCM_16", 1, 16_000))
    wav[40:44] = (2**31 - 2**14).to_bytes(4, "little")  # 2 GB of samples; more is written by streams
    flac = bytearray(encode("FLAC", "PCM_16", 1, 16_000))
    flac[21] |= 0x0F  # the upper 4 of the 36 bits that number the samples: 240 GB as float32
    tracemalloc.start()
    for content, message in ((wav, "bytes before its header says"), (flac, "frames before its header says")):
        with pytest.raises(AudioError, match=message) as error:
            read_waveform(bytes(content))
        assert error.value.reason == "truncated"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_LIMIT_BYTES


@pytest.mark.parametrize("rate_hz", [1, MIN_RATE_HZ - 1, MAX_RATE_HZ + 1, 2**31 - 1])
def test_a_rate_that_no_recorder_has_is_refused(rate_hz):
    # at 1 Hz, three seconds of 48 kHz would become 2.3 billion samples at 16 kHz
    content = bytearray(encode("WAV", "PCM_16", 1, 16_000))
    content[24:28] = rate_hz.to_bytes(4, "little")
    with pytest.raises(AudioError, match=rf"header says {rate_hz:,} Hz, expected 1,000 to 768,000") as error:
        read_waveform(bytes(content))
    assert error.value.reason == "unreadable"


def test_a_recording_of_hours_is_refused_before_all_of_it_is_decoded(monkeypatch):
    monkeypatch.setattr("mmser.audio.io.MAX_DURATION_S", 1)
    monkeypatch.setattr("mmser.audio.io._BLOCK_VALUES", 4_000)
    assert len(read_waveform(write_flac(SAMPLE_RATE_HZ))[0]) == SAMPLE_RATE_HZ
    with pytest.raises(AudioError, match=r"longer than 0\.0 hours, expected a clip\. Cut it") as error:
        read_waveform(write_flac(SAMPLE_RATE_HZ + 1))
    assert error.value.reason == "too-long"


def test_reading_in_blocks_gives_the_same_samples(monkeypatch):
    content = encode("WAV", "PCM_16", 2, 48_000)
    whole = read_channels(content)[0]
    for num_values in (1, 1_000, 2 * len(whole)):
        monkeypatch.setattr("mmser.audio.io._BLOCK_VALUES", num_values)
        np.testing.assert_array_equal(read_channels(content)[0], whole)


def test_a_stream_that_does_not_say_its_length_is_read_to_its_end():
    flac = bytearray(write_flac(1_000))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    assert len(read_waveform(bytes(flac))[0]) == 1_000


def test_a_channel_that_is_not_finite_is_refused_though_it_is_one_of_two():
    buffer = io.BytesIO()
    samples = np.array([[0.1, 0.1], [0.1, np.inf], [0.1, -np.inf]], np.float32)
    soundfile.write(buffer, samples, 16_000, format="WAV", subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN or infinite"):
        read_waveform(buffer.getvalue())


def test_samples_whose_sum_overflows_are_refused():
    buffer = io.BytesIO()
    huge = np.full((10, 2), 3e38, np.float32)
    soundfile.write(buffer, huge, 16_000, format="WAV", subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN or infinite"):
        read_waveform(buffer.getvalue())


def test_a_position_before_the_start_is_not_shouted_about(capfd):
    # an ADPCM, MP3 or AIFF header may send libsndfile to a place before the file
    for clip in [encode("MP3", "MPEG_LAYER_III", 1, 16_000), encode("AIFF", "PCM_16", 1, 16_000)]:
        for index in range(300):
            use_clip(mutate([clip], index), denoise=False)
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_may_not_be_read_is_named_with_the_systems_reason(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    path = write_clip(tmp_path / "a.wav", make_speech(0.1))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read \(Permission denied\)") as error:
        read_waveform(path)
    assert error.value.reason == "unreadable"


def test_a_folder_and_a_link_to_itself_are_unreadable(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    for name, message in {"folder": "Is a directory", "loop": "Too many levels of symbolic links"}.items():
        with pytest.raises(AudioError, match=rf"{name}\.wav: cannot be read \({message}\)"):
            read_waveform(tmp_path / f"{name}.wav")


def write_flac(num_samples: int) -> bytes:
    buffer = io.BytesIO()
    samples = np.resize(make_speech(0.5), num_samples)
    soundfile.write(buffer, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
