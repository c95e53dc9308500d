import hashlib

import numpy as np
import pytest

from factories_audio import make_speech, write_clip
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.curation import store as store_module
from mmser.curation.store import CleanStore, default_cache_dir, find_same_bytes
from mmser.errors import AudioError


def _refuse(*_):
    raise RuntimeError("clean_waveform was called")


@pytest.fixture
def store(tmp_path):
    return CleanStore(tmp_path / "cache", CleaningSettings())


def test_a_clip_is_cleaned_once(store, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.wav", make_speech())
    sha256, cleaned = store.clean_file(path)
    monkeypatch.setattr(store_module, "clean_waveform", _refuse)
    again_sha256, again = store.clean_file(path)
    assert sha256 == again_sha256
    np.testing.assert_array_equal(cleaned, again)
    np.testing.assert_array_equal(cleaned, store.read_waveform(sha256))


def test_what_is_stored_is_what_cleaning_gave_to_16_bits(store, tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech())
    expected = clean_waveform(store_module.read_waveform(path)[0], 16_000, CleaningSettings())
    np.testing.assert_allclose(store.clean_file(path)[1], expected, atol=0.5 / 32768 + 1e-8)


def test_a_silent_clip_is_remembered_as_such(store, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.wav", np.zeros(20_000, np.float32))
    for _ in range(2):
        with pytest.raises(AudioError, match="Nothing to be heard") as error:
            store.clean_file(path)
        assert error.value.reason == "silent"
        monkeypatch.setattr(store_module, "clean_waveform", _refuse)


def test_other_settings_are_kept_apart_and_the_minimum_duration_is_none_of_them(tmp_path):
    usual = CleanStore(tmp_path, CleaningSettings()).folder
    assert CleanStore(tmp_path, CleaningSettings(silence_db=40)).folder != usual
    assert CleanStore(tmp_path, CleaningSettings(min_duration_s=2.0)).folder == usual


def test_a_damaged_clip_in_the_store_is_cleaned_again(store, tmp_path):
    path = write_clip(tmp_path / "a.wav", make_speech())
    sha256, cleaned = store.clean_file(path)
    store.path_of(sha256).write_bytes(b"")
    np.testing.assert_array_equal(store.clean_file(path)[1], cleaned)


def test_an_error_that_nobody_expected_is_a_reason_and_is_not_remembered(store, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.wav", make_speech())
    monkeypatch.setattr(store_module, "clean_waveform", _refuse)
    with pytest.raises(AudioError, match="RuntimeError: clean_waveform was called") as error:
        store.clean_file(path)
    monkeypatch.undo()
    assert error.value.reason == "cleaning-failed"
    assert len(store.clean_file(path)[1]) > 16_000


def test_a_full_disk_is_no_fault_of_the_clip_and_leaves_no_half_file(store, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.wav", make_speech())

    def fill(self, content):
        self.open("wb").write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        store.clean_file(path)
    assert not [found for found in store.folder.rglob("*") if found.is_file()]


def test_files_with_the_same_bytes_are_found_and_others_and_missing_ones_are_not(tmp_path):
    names = ("known", "same", "as_long", "longer")
    paths = {name: tmp_path / name for name in names}
    for path, content in zip(paths.values(), (b"abc", b"abc", b"xyz", b"abcd"), strict=True):
        path.write_bytes(content)
    known = hashlib.sha256(b"abc").hexdigest()
    others = [paths["same"], paths["as_long"], paths["longer"], tmp_path / "gone", tmp_path]
    assert find_same_bytes(others, {3}, {known}) == {paths["same"]: known}


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("MMSER_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "mmser"
