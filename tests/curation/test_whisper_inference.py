import pytest
import torch

from factories_whisper import save_whisper_checkpoint
from mmser.curation import whisper_window
from mmser.curation.whisper_checkpoints import load_whisper
from mmser.curation.whisper_inference import WindowInference
from mmser.curation.whisper_window import EncodedWindow

EOT = 50257


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_whisper(str(save_whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "tiny.pt")))


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    monkeypatch.setattr(whisper_window, "_FAST_BF16", ())


@pytest.fixture
def window():
    torch.manual_seed(0)
    return EncodedWindow(torch.randn(3, 20, 16), torch.zeros(20))


@torch.inference_mode()
def test_logits_are_those_of_whispers_own_decoder_step_by_step(model, window):
    inference = WindowInference(model, window, EOT)
    tokens = torch.tensor([[50258, 50259, 50359]] * 3)
    for new in ([5, 6, 7], [8, 9, 10]):
        expected = model.decoder(tokens, window.states)
        found = inference.logits(tokens, window.states)
        assert torch.allclose(found[:, -1], expected[:, -1], atol=1e-4)
        tokens = torch.cat([tokens, torch.tensor(new)[:, None]], dim=1)


@torch.inference_mode()
def test_the_first_logits_tell_whether_there_is_speech(model, window):
    tokens = torch.tensor([[50258, 50259, 50359]] * 3)
    found = WindowInference(model, window, EOT).logits(tokens, window.states)
    assert torch.allclose(found[:, 0], model.decoder(tokens, window.states)[:, 0], atol=1e-4)


@torch.inference_mode()
def test_clips_that_have_ended_leave_and_the_others_go_on_as_before(model, window):
    inference = WindowInference(model, window, EOT)
    tokens = torch.tensor([[50258, 50259, 50359]] * 3)
    inference.logits(tokens, window.states)
    tokens = torch.cat([tokens, torch.tensor([[EOT], [6], [EOT]])], dim=1)
    found = inference.logits(tokens, window.states)
    assert inference.rows.tolist() == [1]
    assert (found[[0, 2]] == 0).all()
    assert torch.allclose(found[1, -1], model.decoder(tokens, window.states)[1, -1], atol=1e-4)


@torch.inference_mode()
def test_weights_of_positions_count_as_that_many_positions(model):
    torch.manual_seed(0)
    states = torch.randn(1, 3, 16)
    weights = torch.tensor([1, 4, 2])
    tokens = torch.tensor([[50258, 50259]])
    thinned = WindowInference(model, EncodedWindow(states, weights.log()), EOT).logits(tokens, states)
    whole = states.repeat_interleave(weights, dim=1)
    assert torch.allclose(thinned[:, -1], model.decoder(tokens, whole)[:, -1], atol=1e-4)
