import h5py
import numpy as np
import pytest

from mmser.cli import main
from mmser.curation.schema import decode_audio, load_corpus
from mmser.errors import SettingsError, UnknownNameError
from mmser.features.acoustic import compute_families, compute_paper94
from mmser.training import feature_cache
from mmser.training.feature_cache import compute_features


@pytest.fixture(scope="module")
def rows(corpus):
    return load_corpus(corpus)["train"]


@pytest.fixture
def computed(monkeypatch):
    """Count the clips that are computed, in this process."""
    count = []

    def compute(waveform):
        count.append(len(waveform))
        return compute_paper94(waveform)

    monkeypatch.setitem(counted := dict(feature_cache.FEATURES), "paper94", compute)
    monkeypatch.setattr(feature_cache, "FEATURES", counted)
    return count


def test_features_stand_in_the_order_of_the_rows(rows, tmp_path):
    found = compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    assert found.shape == (32, 94)
    for index in (0, 7, 31):
        expected = compute_paper94(decode_audio(rows[index]["audio"]))
        assert np.allclose(found[index], expected, rtol=1e-5)


def test_a_clip_is_computed_once_and_its_copy_not_at_all(rows, tmp_path, computed):
    twice = rows.select([0, 1, 0, 2])
    first = compute_features(twice, "paper94", cache_dir=tmp_path, num_proc=1)
    assert len(computed) == 3
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(compute_features(twice, "paper94", cache_dir=tmp_path, num_proc=1), first)
    assert len(computed) == 3
    compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    assert len(computed) == 32


def test_what_was_computed_before_an_interrupt_is_kept(rows, tmp_path, computed, monkeypatch):
    monkeypatch.setattr(feature_cache, "_CLIPS_A_SHARD", 10)
    compute = feature_cache.FEATURES["paper94"]

    def interrupt(waveform):
        if len(computed) == 15:
            raise KeyboardInterrupt
        return compute(waveform)

    with monkeypatch.context() as patch:
        patch.setitem(feature_cache.FEATURES, "paper94", interrupt)
        with pytest.raises(KeyboardInterrupt):
            compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    assert len(computed) == 15 + 32 - 10


def test_another_version_of_the_features_is_computed_anew(rows, tmp_path, computed, monkeypatch):
    compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    monkeypatch.setattr(feature_cache, "_VERSION", 99)
    compute_features(rows, "paper94", cache_dir=tmp_path, num_proc=1)
    assert len(computed) == 64


def test_two_processes_compute_what_one_does(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "_MIN_CLIPS_PER_PROCESS", 10)
    monkeypatch.setattr(feature_cache, "_CLIPS_A_SHARD", 8)
    two = compute_features(rows, "wavelet", cache_dir=tmp_path, num_proc=2)
    expected = [compute_families(decode_audio(row["audio"]), ["wavelet"]) for row in rows]
    assert np.allclose(two, expected, rtol=1e-5)


def test_an_unknown_feature_is_refused(rows):
    with pytest.raises(UnknownNameError, match=r"Unknown feature 'paper49'.*Did you mean 'paper94'"):
        compute_features(rows, "paper49")


def test_features_are_exported_as_hdf5(corpus, tmp_path, capsys):
    options = ["--out", str(tmp_path / "f.h5"), "--features", "mfcc80", "--cache-dir", str(tmp_path)]
    assert main(["features", str(corpus), *options]) == 0
    assert "train (32, 80, 3), validation (12, 80, 3), test (12, 80, 3)" in capsys.readouterr().out
    test = load_corpus(corpus)["test"]
    with h5py.File(tmp_path / "f.h5") as file:
        assert file.attrs["classes"].tolist() == ["angry", "happy", "sad"]
        group = file["test"]
        assert group["features"].shape == (12, 80, 3)
        assert group["label"][:].tolist() == test["label"]
        assert group["id"].asstr()[:].tolist() == test["id"]
        assert group["speaker"].asstr()[0] == "ravdess/test-0"


def test_a_file_that_is_there_is_not_replaced(corpus, tmp_path, capsys):
    (tmp_path / "f.h5").write_text("mine")
    assert main(["features", str(corpus), "--out", str(tmp_path / "f.h5")]) == 1
    assert "f.h5: is there already" in capsys.readouterr().err


def test_without_h5py_it_says_how_to_install_it(rows, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(SettingsError, match=r"pip install 'mmser\[baselines\]'"):
        feature_cache.write_hdf5(tmp_path / "f.h5", {"test": rows}, {"test": np.zeros((32, 2))})
