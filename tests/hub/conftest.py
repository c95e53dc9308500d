"""Finished runs of both kinds, without their training."""

import shutil

import pytest

from factories_hub import ROWS
from factories_runs import save_model, save_scores

SYSTEMS = {"fusion": "hubert+bert", "audio": "hubert"}


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("finished")
    for kind, system in SYSTEMS.items():
        folder = save_model(root / "runs" / kind, kind)
        save_scores(folder, ROWS, system=system)
        (folder / "settings.json").write_text('{"corpus": "corpora/gone", "out": "runs/a"}')
        (folder / "checkpoints" / "checkpoint-2").mkdir(parents=True)
        (folder / "checkpoints" / "checkpoint-2" / "optimizer.pt").write_bytes(b"\x80\x02pickled")
    return root / "runs"


@pytest.fixture
def finished_run(made_runs, tmp_path):
    """Gives a copy of a finished run, "fusion" or "audio", with a checkpoint as Trainer leaves it."""
    return lambda kind="fusion": shutil.copytree(made_runs / kind, tmp_path / "runs" / kind)
