import os

import pytest
import torch

from mmser.curation.schema import load_corpus
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.training.arguments import RunSettings
from mmser.training.embedding_cache import EmbeddingStore
from mmser.training.freezing import freeze
from mmser.training.inputs import read_clips


@pytest.fixture
def read(towers, corpus, tmp_path):
    """Inputs of a model behind a frozen tower, whose rows are kept under a limit in bytes."""
    model, processor = build_audio_classifier(towers["hubert"], ("angry", "happy", "sad"))
    freeze(get_audio_tower(model))

    def run(limit_bytes):
        settings = RunSettings(corpus="-", out="-", cache_dir=str(tmp_path), cache_limit_gb=limit_bytes / 1e9)
        return read_clips(model, processor, load_corpus(corpus), settings, device=torch.device("cpu"))

    return run


@pytest.fixture
def old_store(tmp_path):
    """A store of some thousand bytes that no run has used for long."""
    store = EmbeddingStore(tmp_path / "embeddings" / "old")
    store.write(["k"], [torch.ones(1000)])
    os.utime(store.folder, (0, 0))
    return store.folder


def test_rows_that_a_run_adds_send_those_of_others_away_and_never_its_own(read, old_store):
    inputs = read(limit_bytes=6_000)
    assert old_store.exists()  # it has room so far
    assert len(inputs.view("train")) == 32
    (left,) = old_store.parent.iterdir()
    assert left != old_store
    assert sum(path.stat().st_size for path in left.iterdir()) > 6_000


def test_rows_of_others_stay_where_there_is_room_for_all(read, old_store):
    read(limit_bytes=1e9).view("train")
    assert old_store.exists()
