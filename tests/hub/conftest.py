"""Finished runs of each kind, without their training."""

import shutil

import pytest

from factories_hub import ROWS
from factories_runs import save_model, save_scores, save_speech_model

SYSTEMS = {"fusion": "hubert+bert", "audio": "hubert", "speech": "hubert"}


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("finished")
    for kind, system in SYSTEMS.items():
        folder = root / "runs" / kind
        save_speech_model(folder) if kind == "speech" else save_model(folder, kind)
        save_scores(folder, ROWS, system=system)
        (folder / "settings.json").write_text('{"corpus": "corpora/gone", "out": "runs/a"}')
        (folder / "checkpoints" / "checkpoint-2").mkdir(parents=True)
        (folder / "checkpoints" / "checkpoint-2" / "optimizer.pt").write_bytes(b"\x80\x02pickled")
    return root / "runs"


@pytest.fixture
def finished_run(made_runs, tmp_path):
    """Gives a copy of a finished run with a checkpoint as Trainer leaves it; "speech" has no stock head."""
    return lambda kind="fusion": shutil.copytree(made_runs / kind, tmp_path / "runs" / kind)
