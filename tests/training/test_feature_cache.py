import h5py
import numpy as np
import pytest

from mmser.cli import main
from mmser.curation.schema import decode_audio, load_corpus
from mmser.errors import EmptySplitError, SettingsError, UnknownNameError
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


@pytest.mark.parametrize(
    ("name", "libraries"),
    [
        ("paper94", {"librosa"}),
        ("wavelet", {"librosa", "pywavelets"}),
        ("families", {"librosa", "pywavelets"}),
        ("egemaps", {"opensmile"}),
    ],
)
def test_another_version_of_its_libraries_computes_a_feature_anew(
    rows, tmp_path, monkeypatch, name, libraries
):
    versions = {"librosa": "1", "pywavelets": "1", "opensmile": "1"}
    monkeypatch.setattr(feature_cache, "version", lambda library: versions[library])
    count = []
    monkeypatch.setattr(
        feature_cache, "FEATURES", {name: lambda waveform: np.array([count.append(1) or 0.0], np.float32)}
    )
    anew = set()
    compute_features(rows, name, cache_dir=tmp_path, num_proc=1)
    for library in versions:
        versions[library] = "2"
        count.clear()
        compute_features(rows, name, cache_dir=tmp_path, num_proc=1)
        anew |= {library} if count else set()
    assert anew == libraries


def test_a_library_that_is_not_installed_is_named(rows, monkeypatch):
    def absent(library):
        raise feature_cache.PackageNotFoundError(library)

    monkeypatch.setattr(feature_cache, "version", absent)
    with pytest.raises(SettingsError, match=r"egemaps needs opensmile: pip install 'mmser\[opensmile\]'"):
        compute_features(rows, "egemaps")


def test_an_empty_split_is_named(rows):
    with pytest.raises(
        EmptySplitError, match=r"No clip to compute paper94 of: the train split is empty\. Build another"
    ):
        compute_features(rows.select([]), "paper94")


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


def test_where_clips_have_several_classes_each_is_marked_in_all_splits(rows, tmp_path):
    def relabel(row, index):
        return {"label": None, "labels": [1, 2] if index == 0 else [0]}

    several = rows.select([0, 1]).map(relabel, with_indices=True)
    splits = {"train": several, "test": rows.select([2])}  # the third clip is sad, of angry, happy, sad
    features = {split: np.zeros((len(each), 2), np.float32) for split, each in splits.items()}
    feature_cache.write_hdf5(tmp_path / "f.h5", splits, features)
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["train"]["label"][:].tolist() == [[0, 1, 1], [1, 0, 0]]
        assert file["test"]["label"][:].tolist() == [[0, 0, 1]]
        assert file["test"]["label"].dtype == np.int64


def test_the_folder_of_the_file_is_made_before_the_work(corpus, tmp_path, capsys, monkeypatch):
    out = tmp_path / "new" / "deep" / "f.h5"
    made = []
    monkeypatch.setattr(
        feature_cache, "compute_features", lambda rows, *_, **__: made.append(out.parent.is_dir()) or rows
    )
    monkeypatch.setattr(feature_cache, "write_hdf5", lambda *_: None)
    monkeypatch.setattr("datasets.Dataset.shape", (0,))
    assert main(["features", str(corpus), "--out", str(out)]) == 0
    assert made == [True] * 3
    (tmp_path / "file").write_text("mine")
    made.clear()
    assert main(["features", str(corpus), "--out", str(tmp_path / "file" / "f.h5")]) == 2
    assert "file: cannot be written to" in capsys.readouterr().err
    assert not made


def test_a_file_that_is_there_is_not_replaced(corpus, tmp_path, capsys):
    (tmp_path / "f.h5").write_text("mine")
    assert main(["features", str(corpus), "--out", str(tmp_path / "f.h5")]) == 1
    assert "f.h5: is there already" in capsys.readouterr().err


def test_without_h5py_it_says_how_to_install_it(rows, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(SettingsError, match=r"pip install 'mmser\[baselines\]'"):
        feature_cache.write_hdf5(tmp_path / "f.h5", {"test": rows}, {"test": np.zeros((32, 2))})
