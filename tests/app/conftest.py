import sys

import pytest

pytest.importorskip("streamlit", reason="the page is made by Streamlit: pip install mmser[app]")

from factories_runs import save_model
from mmser.app.equipment import load_equipment


@pytest.fixture(scope="session")
def speech_run(tmp_path_factory):
    """A run that hears sound alone."""
    return save_model(tmp_path_factory.mktemp("speech") / "runs" / "hubert", "hubert")


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """Models are loaded once a module."""
    yield
    load_equipment.cache_clear()


@pytest.fixture(autouse=True)
def main_module():
    """AppTest puts the page in the place of __main__, which processes started afterwards would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
