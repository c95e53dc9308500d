import datasets
import pytest

import mmser
from factories_audio import write_small_root
from factories_doctor import write_whole_corpus


@pytest.fixture(autouse=True, scope="session")
def _private_datasets_cache(tmp_path_factory):
    """What ``datasets`` unpacks goes to a folder of this run."""
    patch = pytest.MonkeyPatch()
    patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    """68 clips in the layouts of RAVDESS, SAVEE and TESS; read only."""
    return write_small_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A cache folder that holds the cleaned clips of ``small_root`` after the first build."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(small_root, shared_cache, tmp_path):
    """Build ``small_root`` without transcripts, in this process, unless told otherwise."""

    def _build(name="out", root=small_root, **changes):
        usual = {"folds": 3, "transcripts": "none", "num_proc": 1, "cache_dir": shared_cache}
        return mmser.build_corpus(root, tmp_path / name, **(usual | changes))

    return _build


@pytest.fixture
def savee(tmp_path):
    """A folder with the 480 clips of SAVEE."""
    return write_whole_corpus(tmp_path / "data", "savee")
