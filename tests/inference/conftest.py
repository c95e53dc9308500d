import pytest

from factories_runs import REFERENCE, save_model


@pytest.fixture
def save_run(tmp_path):
    """Write the folder of a run: model, processor, preprocessing."""

    def save(kind, transcripts=REFERENCE, preprocessing=True, **fields):
        folder = tmp_path / "runs" / kind
        return save_model(folder, kind, transcripts=transcripts, preprocessing=preprocessing, **fields)

    return save
