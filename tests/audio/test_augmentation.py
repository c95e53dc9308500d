import random
from pathlib import Path

import numpy as np
import pytest

from factories_audio import make_speech, write_clip
from mmser.audio.augmentation import (
    KINDS,
    AugmentationSettings,
    augment_waveform,
    choose_kind,
    prepare_noise,
    seed_of_copy,
)
from mmser.errors import SettingsError, UnknownNameError

SETTINGS = AugmentationSettings()


def _augment(waveform, kind, seed=1, **options):
    return augment_waveform(waveform, kind, seed=seed, settings=SETTINGS, **options)


def _tone(pitch_hz: float, duration_s: float = 2.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(int(16_000 * duration_s)) / 16_000)).astype(
        np.float32
    )


def _pitch_hz(waveform: np.ndarray) -> float:
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4]
    return float(np.argmax(np.abs(np.fft.rfft(middle, 1 << 17))) * 16_000 / (1 << 17))


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_depends_on_its_seed_alone(kind):
    speech = make_speech()
    random.seed(5)
    first, description = _augment(speech, kind)
    random.seed(6)
    np.random.seed(6)  # noqa: NPY002
    again, _ = _augment(speech, kind)
    other, other_description = _augment(speech, kind, seed=2)
    np.testing.assert_array_equal(first, again)
    assert description.startswith(f"{kind}(")
    assert description != other_description
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_elses_random_numbers_move(kind):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002, S311
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    _augment(make_speech(), kind)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002, S311


@pytest.mark.parametrize("seed", range(4))
def test_a_time_stretch_keeps_the_pitch_and_takes_the_rate_it_names(seed):
    copy, description = _augment(_tone(220), "time_stretch", seed=seed)
    rate = float(description.removeprefix("time_stretch(rate=").removesuffix(")"))
    assert 0.8 <= rate <= 1.25
    assert len(copy) == pytest.approx(32_000 / rate, rel=1e-3)
    assert _pitch_hz(copy) == pytest.approx(220, rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_a_pitch_shift_keeps_the_duration_and_takes_the_semitones_it_names(seed):
    copy, description = _augment(_tone(220), "pitch_shift", seed=seed)
    semitones = float(description.removeprefix("pitch_shift(semitones=").removesuffix(")"))
    assert abs(semitones) <= 2
    assert len(copy) == 32_000
    assert _pitch_hz(copy) == pytest.approx(220 * 2 ** (semitones / 12), rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_gain_is_what_it_names(seed):
    speech = make_speech()
    copy, description = _augment(speech, "gain", seed=seed)
    db = float(description.removeprefix("gain(db=").removesuffix(")"))
    np.testing.assert_allclose(copy, speech * 10 ** (db / 20), rtol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_no_copy_of_a_loud_clip_is_clipped(kind):
    loud = make_speech()
    loud = loud / np.abs(loud).max()
    for seed in range(5):
        assert np.abs(_augment(loud, kind, seed=seed)[0]).max() <= 1.0


def test_no_copy_is_shorter_than_a_second():
    for seed in range(20):
        assert len(_augment(make_speech(1.01), "time_stretch", seed=seed)[0]) >= 16_000


def test_generated_noise_is_between_ten_and_thirty_decibels_below_the_clip():
    speech = make_speech()
    for seed in range(5):
        noise = _augment(speech, "background_noise", seed=seed)[0] - speech
        snr_db = 10 * np.log10(np.mean(speech**2) / np.mean(noise**2))
        assert 9.9 < snr_db < 30.1


def test_noise_of_a_folder_is_mixed_in_and_named(tmp_path):
    folder = tmp_path / "noise"
    write_clip(folder / "rain" / "b.wav", make_speech(3.0, seed=3, rate_hz=44_100), 44_100)
    write_clip(folder / "dog.wav", make_speech(0.5, seed=4))
    write_clip(folder / "silence.wav", np.zeros(1000, np.float32))
    (folder / "broken.ogg").write_text("no audio")
    files = prepare_noise(folder, tmp_path / "prepared")
    assert [path.name for path in files] == ["dog.wav", "b.wav"]
    speech = make_speech()
    copy, description = _augment(speech, "background_noise", noise_files=files)
    assert description.startswith(("background_noise(file=dog, ", "background_noise(file=b, "))
    snr_db = float(description.rpartition("snr_db=")[2].removesuffix(")"))
    noise = copy - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.1)


def test_a_folder_without_noise_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="no such folder of background noise"):
        prepare_noise(tmp_path / "gone", tmp_path / "prepared")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SettingsError, match=r"holds no noise that can be read, expected \.wav, \.flac"):
        prepare_noise(tmp_path, tmp_path / "prepared")


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownNameError, match=r"augmentation 'pitchshift'.* Did you mean 'pitch_shift'"):
        _augment(make_speech(), "pitchshift")


def test_seeds_differ_by_clip_copy_and_build_and_reach_every_kind():
    seeds = {seed_of_copy(clip, copy, seed) for clip in "ab" for copy in (2, 3) for seed in (0, 1)}
    assert len(seeds) == 8
    kinds = [choose_kind(seed_of_copy(f"clip{n}", 2, 0), SETTINGS) for n in range(400)]
    assert all(70 < kinds.count(kind) < 130 for kind in KINDS)  # 100 each, give or take three deviations


def test_settings_are_plain_values():
    assert SETTINGS.to_dict()["kinds"] == list(KINDS)
    assert not any(isinstance(value, Path) for value in SETTINGS.to_dict().values())
