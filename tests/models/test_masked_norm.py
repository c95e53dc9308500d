import copy
import pickle

import pytest
import torch
from torch import nn
from transformers import HubertConfig, HubertForSequenceClassification, HubertModel, Wav2Vec2Model

from mmser.models.fusion import install_masked_norm
from mmser.models.fusion.masked_norm import MaskedNormConvLayer, masked_channel_norm


@pytest.fixture
def hubert(checkpoints):
    return install_masked_norm(HubertModel.from_pretrained(checkpoints / "hubert").eval())


def padded_batch(*num_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips of noise, zero-padded to the longest, and their mask."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(max(num_samples)) < torch.tensor(num_samples)[:, None]
    return torch.randn(mask.shape, generator=generator) * mask, mask.long()


def test_statistics_run_over_real_frames_alone():
    # frames 1 and 3 are real: mean 2, variance 1, so they become -1 and 1; scaled by 10 and shifted by 5
    norm = nn.GroupNorm(1, 1, eps=0.0)
    nn.init.constant_(norm.weight, 10.0)
    nn.init.constant_(norm.bias, 5.0)
    normed = masked_channel_norm(torch.tensor([[[1.0, 3.0, 99.0]]]), torch.tensor([2]), norm)
    assert normed[0, 0, :2].tolist() == [-5.0, 15.0]


def test_a_full_mask_gives_what_torch_gives():
    norm = nn.GroupNorm(4, 4)
    nn.init.normal_(norm.weight)
    hidden = torch.randn(2, 4, 50) + 3
    torch.testing.assert_close(masked_channel_norm(hidden, torch.tensor([50, 50]), norm), norm(hidden))


def test_a_graph_that_is_traced_normalises_alike():
    norm = nn.GroupNorm(4, 4).requires_grad_(False)
    nn.init.normal_(norm.weight)
    hidden, counts = torch.randn(2, 4, 50) + 3, torch.tensor([50, 20])

    def run(hidden, counts):
        return masked_channel_norm(hidden, counts, norm)

    traced, plain = torch.jit.trace(run, (hidden, counts))(hidden, counts), run(hidden, counts)
    for clip, count in enumerate(counts):
        torch.testing.assert_close(traced[clip, :, :count], plain[clip, :, :count])
    assert "aten::group_norm" not in str(torch.jit.trace(run, (hidden, counts)).graph)


@pytest.mark.parametrize("count", [0, 1])
def test_a_clip_of_one_frame_or_none_has_numbers(count):
    norm = nn.GroupNorm(4, 4)
    hidden = torch.randn(2, 4, 50)
    normed = masked_channel_norm(hidden, torch.tensor([50, count]), norm)
    assert normed.isfinite().all()
    torch.testing.assert_close(normed[:1], norm(hidden[:1]))
    assert normed[1, :, 0].abs().max() < 1e-4  # one value is its own mean


def test_gradients_of_real_frames_know_nothing_of_padding():
    norm, weights = nn.GroupNorm(2, 2), torch.randn(1, 2, 20)
    real = torch.randn(1, 2, 20)
    grads = []
    for padding in (0, 15):
        hidden = nn.functional.pad(real, (0, padding)).requires_grad_()
        (masked_channel_norm(hidden, torch.tensor([20]), norm)[:, :, :20] * weights).sum().backward()
        grads.append(hidden.grad[:, :, :20])
        assert not hidden.grad[:, :, 20:].any()
    torch.testing.assert_close(*grads)


def test_stock_hubert_changes_with_padding_and_ours_does_not(checkpoints, hubert):
    stock = HubertModel.from_pretrained(checkpoints / "hubert").eval()
    values, mask = padded_batch(16_000, 48_000)
    moved = []
    for model in (stock, hubert):
        with torch.no_grad():
            alone = model(values[:1, :16_000]).last_hidden_state[0]
            beside = model(values, mask).last_hidden_state[0, :49]
        moved.append((alone - beside).abs().max())
    assert moved[0] > 0.1
    assert moved[1] < 1e-5


def test_without_a_mask_nothing_differs_from_stock(checkpoints, hubert):
    stock = HubertModel.from_pretrained(checkpoints / "hubert").eval()
    values, _ = padded_batch(16_000, 48_000)
    with torch.no_grad():
        assert torch.equal(hubert(values).last_hidden_state, stock(values).last_hidden_state)


def test_lengths_of_one_call_are_forgotten_before_the_next(hubert):
    values, mask = padded_batch(16_000, 48_000)
    with torch.no_grad():
        before = hubert(values).last_hidden_state
        hubert(values, attention_mask=mask)
        assert torch.equal(hubert(values).last_hidden_state, before)


def test_lengths_are_forgotten_when_a_call_fails(hubert):
    values, mask = padded_batch(16_000, 48_000)
    hubert.encoder.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("stop")))
    with pytest.raises(RuntimeError, match="stop"):
        hubert(values, attention_mask=mask)
    assert hubert.feature_extractor.conv_layers[0].num_samples is None


def test_the_state_dict_keeps_the_stock_names_and_values(checkpoints, hubert):
    stock = HubertModel.from_pretrained(checkpoints / "hubert").state_dict()
    ours = hubert.state_dict()
    assert ours.keys() == stock.keys()
    assert all(torch.equal(ours[name], stock[name]) for name in stock)


def test_installing_twice_is_installing_once(hubert):
    layer = hubert.feature_extractor.conv_layers[0]
    install_masked_norm(hubert)
    assert hubert.feature_extractor.conv_layers[0] is layer
    assert len(hubert._forward_pre_hooks) == 1


def test_an_encoder_with_layer_norm_stays_as_it_is(checkpoints):
    model = install_masked_norm(Wav2Vec2Model.from_pretrained(checkpoints / "wav2vec2"))
    assert not any(isinstance(module, MaskedNormConvLayer) for module in model.modules())
    assert not model._forward_pre_hooks


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_a_copy_masks_by_its_own_calls(checkpoints, clone):
    # conv_pos_batch_norm: torch refuses to pickle the weight norm that stands there otherwise
    config = HubertConfig.from_pretrained(checkpoints / "hubert", conv_pos_batch_norm=True)
    model = install_masked_norm(HubertModel(config).eval())
    values, mask = padded_batch(16_000, 48_000)
    twin = clone(model)
    assert twin.feature_extractor.conv_layers[0] is not model.feature_extractor.conv_layers[0]
    with torch.no_grad():
        expected = model(values, mask).last_hidden_state
        assert torch.equal(twin(values, mask).last_hidden_state, expected)
        assert not torch.equal(twin(values).last_hidden_state, expected)


def test_checkpointing_recomputes_each_pass_with_its_own_lengths(checkpoints):
    """Two passes forward before one backward: the recomputation of each must see its own lengths."""
    gradients = []
    for checkpointing in (False, True):
        model = install_masked_norm(HubertModel.from_pretrained(checkpoints / "hubert", **_CALM)).train()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        losses = [
            model(*padded_batch(*lengths)).last_hidden_state.square().mean()
            for lengths in ((16_000, 48_000), (30_000, 20_000))
        ]
        sum(losses).backward()
        gradients.append(model.feature_extractor.conv_layers[0].conv.weight.grad)
    torch.testing.assert_close(gradients[1], gradients[0])


_CALM = {
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
}


@pytest.mark.slow
def test_a_full_size_hubert_base_answers_a_padded_clip_as_alone():
    torch.manual_seed(0)
    model = install_masked_norm(HubertForSequenceClassification(HubertConfig(num_labels=7)).eval())
    nn.init.normal_(model.classifier.weight, std=0.5)
    values, mask = padded_batch(16_000, 64_000)
    with torch.no_grad():
        alone = model(values[:1, :16_000], mask[:1, :16_000]).logits[0]
        beside = model(values, mask).logits[0]
    assert alone.abs().max() > 1  # logits of a size at which 1e-4 says something
    assert (alone - beside).abs().max() <= 1e-4
