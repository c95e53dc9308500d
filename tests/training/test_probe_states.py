import numpy as np
import pytest
import torch

from mmser.curation.schema import load_corpus
from mmser.errors import CheckpointError
from mmser.training.probe_states import AudioStates, TextStates

TEXTS = np.array(["dogs are sitting by the door", "kids", "", "kids"], dtype=object)


def test_texts_have_the_mean_of_their_own_states_whatever_stands_beside_them(towers):
    states = TextStates(towers["bert"])
    found = states.embed(TEXTS)
    ids = states.tokenizer("kids", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = states.tower(input_ids=ids).last_hidden_state.mean(dim=1)[0].numpy()
    assert found[1] == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found[1], found[3])
    assert not np.allclose(found[0], found[1])


def test_an_empty_text_has_a_state(towers):
    assert np.isfinite(TextStates(towers["bert"]).embed(np.array([""], dtype=object))).all()


def test_many_texts_are_run_in_batches_and_keep_their_order(towers):
    states = TextStates(towers["bert"])
    texts = np.array([f"dogs {'by the door ' * index}" for index in range(40)], dtype=object)
    found = states.embed(texts)
    for index in (0, 17, 39):
        assert found[index] == pytest.approx(states.embed(texts[[index]])[0], abs=1e-5)


def test_clips_have_the_states_that_the_encoder_gives_them_alone(towers, corpus, tmp_path):
    rows = load_corpus(corpus)["test"]
    states = AudioStates(towers["hubert"], ("angry", "sad"), tmp_path)
    found = states.embed(rows)
    assert found.shape[0] == 12
    alone = AudioStates(towers["hubert"], ("angry", "sad"), tmp_path / "other").embed(rows.select([3]))
    assert found[3] == pytest.approx(alone[0], abs=1e-4)
    assert list((tmp_path / "embeddings").iterdir())


def test_towers_of_the_wrong_kind_are_refused(towers, tmp_path):
    with pytest.raises(CheckpointError, match="cannot be the audio tower"):
        AudioStates(towers["bert"], ("angry", "sad"), tmp_path)
    with pytest.raises(CheckpointError, match="cannot be the text tower"):
        TextStates(towers["hubert"])
