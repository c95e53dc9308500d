import pytest

from factories_corpus import CLASSES, make_tone
from factories_runs import REFERENCE, save_model


@pytest.fixture
def save_run(tmp_path):
    """Write the folder of a run: model, processor, preprocessing."""

    def save(kind, transcripts=REFERENCE, preprocessing=True, **fields):
        folder = tmp_path / "runs" / kind
        return save_model(folder, kind, transcripts=transcripts, preprocessing=preprocessing, **fields)

    return save


@pytest.fixture
def waveforms():
    """A tone of each class, of one, two and three seconds."""
    return [make_tone(label, duration_s=1.0 + index, seed=index) for index, label in enumerate(CLASSES)]
