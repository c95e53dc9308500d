"""The complete stand-ins, written once, and small trees of empty files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from standins import write_standins


@pytest.fixture(scope="session")
def complete_corpora(tmp_path_factory) -> Path:
    """A folder that holds all seven corpora in complete size."""
    root = tmp_path_factory.mktemp("complete")
    write_standins(root)
    return root


@pytest.fixture
def plant(tmp_path) -> Callable[..., Path]:
    """Write empty files below a folder and return it: ``plant("Actor_01/03-….wav", …)``."""

    def write(*paths: str) -> Path:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        return tmp_path

    return write
