import pytest
import torch

from factories_models import save_audio_checkpoint
from mmser.errors import UnknownNameError
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.models.precision import exact_float32, lower_precision, lowered_precision, parse_dtype

CLASSES = ("angry", "happy", "sad")
CLIPS = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    return build_audio_classifier(str(save_audio_checkpoint("hubert", tmp_path / "hubert")), CLASSES)[0]


def logits_of(model):
    with torch.inference_mode():
        return model(CLIPS).logits


def test_an_encoder_computes_in_bfloat16_and_its_head_in_float32(model):
    exact, seen = logits_of(model), []
    tower = get_audio_tower(model)
    tower.encoder.register_forward_hook(lambda _, args, output: seen.append(output[0].dtype))
    lower_precision(tower, torch.bfloat16)
    rounded = logits_of(model)
    assert seen == [torch.bfloat16]
    assert {each.dtype for each in tower.parameters()} == {torch.bfloat16}
    assert model.classifier.weight.dtype == rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.05 * exact.abs().max()


def test_after_a_while_of_bfloat16_the_answers_are_the_old_ones_bit_for_bit(model):
    exact, tower = logits_of(model), get_audio_tower(model)
    tower.register_buffer("scale", torch.tensor([0.1]))
    with lowered_precision(tower, torch.bfloat16):
        assert tower.scale.dtype == torch.bfloat16
        assert not torch.equal(logits_of(model), exact)
    assert torch.equal(logits_of(model), exact)
    assert tower.scale.tolist() == torch.tensor([0.1]).tolist()


def test_weights_come_back_after_an_error_too(model):
    exact, tower = logits_of(model), get_audio_tower(model)
    with pytest.raises(RuntimeError, match="full"), lowered_precision(tower, torch.bfloat16):
        raise RuntimeError("full")
    assert torch.equal(logits_of(model), exact)


def test_float32_changes_nothing(model):
    exact = logits_of(model)
    assert lower_precision(get_audio_tower(model), torch.float32) == []
    assert torch.equal(logits_of(model), exact)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UnknownNameError, match=r"Unknown dtype 'bfloat'.* Did you mean 'bfloat16'\?"):
        parse_dtype("bfloat")


def test_float32_is_exact_on_cards_that_would_round_it_and_comes_back_as_it_was(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32
