"""Layer by layer against the papers' tables; a changed layer, kernel or activation fails here."""

import pytest
import torch
from torch import nn

from mmser.models.networks.autoencoder import AutoencoderClassifier
from mmser.models.networks.cnn1d import KhanCnn, SharmaCnn
from mmser.models.networks.cnn2d import PhoCnn
from mmser.models.networks.recurrent import CnnLstm, KhanRnn, Lstm


def sizes(module):
    """Parameters that are trained, of each layer that has any."""
    return [
        count
        for layer in module.modules()
        if not list(layer.children())
        and (count := sum(each.numel() for each in layer.parameters() if each.requires_grad))
    ]


def names(module):
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def values(module, kind, *attributes):
    """Attributes of each layer of a kind, in order; numbers for one dimension and for two read alike."""
    return [
        tuple(
            value[0] if isinstance(value := getattr(layer, name), tuple) and len(set(value)) == 1 else value
            for name in attributes
        )
        for layer in module.modules()
        if isinstance(layer, kind)
    ]


def rates(module):
    return [rate for (rate,) in values(module, nn.Dropout, "p")]


def assert_plain(module):
    """What no parameter count and no shape of these networks tells is PyTorch's own."""
    for padding_mode, dilation, groups in values(
        module, nn.Conv1d | nn.Conv2d, "padding_mode", "dilation", "groups"
    ):
        assert (padding_mode, dilation, groups) == ("zeros", 1, 1)
    for kernel, stride, *others in values(
        module, nn.MaxPool1d | nn.MaxPool2d, "kernel_size", "stride", "padding", "dilation", "ceil_mode"
    ):
        assert stride == kernel
        assert others == [0, 1, False]
    for batch_norm in values(module, nn.BatchNorm1d | nn.BatchNorm2d, "eps", "momentum"):
        assert batch_norm == (1e-5, 0.1)
    for (alpha,) in values(module, nn.ELU, "alpha"):
        assert alpha == 1
    for recurrent in values(module, nn.RNNBase, "batch_first", "bidirectional", "bias"):
        assert recurrent == (True, False, True)


def assert_each_clip_alone(model, features):
    """The others of a batch do not change a clip's answer, as where batch and time were mixed."""
    together = model.eval()(features)
    alone = torch.cat([model(each[None]) for each in features])
    assert torch.allclose(together, alone, atol=1e-5)


def shapes(module, features, *kinds):
    """Output shape of each layer with parameters, or of each of some kinds, for one batch."""
    found, hooks = [], []
    for layer in module.modules():
        wanted = isinstance(layer, kinds) if kinds else list(layer.parameters())
        if not list(layer.children()) and wanted:
            hooks.append(
                layer.register_forward_hook(
                    lambda _, __, out: found.append(
                        tuple((out[0] if isinstance(out, tuple) else out).shape[1:])
                    )
                )
            )
    module.eval()(features)
    for hook in hooks:
        hook.remove()
    return found


def test_sharmas_cnn_has_the_papers_layers():
    model = SharmaCnn(7)
    assert names(model) == [
        "Unflatten",
        *["Conv1d", "ReLU"] * 2,
        "BatchNorm1d",
        "Dropout",
        *["Conv1d", "ReLU"] * 4,
        "BatchNorm1d",
        "Dropout",
        *["Conv1d", "ReLU"] * 2,
        "Flatten",
        "Linear",
        "Linear",
        "ReLU",
        "Dropout",
        "Linear",
    ]
    # kernel 8: 8 * 1 * 256 + 256, then 8 * 256 * 256 + 256 …; 94 steps of 64 filters are flattened
    assert sizes(model) == [
        *[2_304, 524_544, 512],
        *[262_272, 131_200, 131_200, 131_200, 256],
        *[65_600, 32_832],
        *[94 * 64 * 128 + 128, 128 * 64 + 64, 64 * 7 + 7],
    ]
    assert shapes(model, torch.randn(2, 94)) == [
        *[(256, 94)] * 3,
        *[(128, 94)] * 5,
        *[(64, 94)] * 2,
        *[(128,), (64,), (7,)],
    ]
    assert rates(model) == [0.6] * 3
    assert values(model, nn.Conv1d, "kernel_size", "stride", "padding") == [(8, 1, "same")] * 8
    assert_plain(model)
    assert_each_clip_alone(model, torch.randn(3, 94))


def test_khans_cnn_has_200_610_and_88_parameters():
    model = KhanCnn(8)
    assert sizes(model) == [200, 610, 88]
    # 80 steps: 78 after the first convolution, 26 after pooling by 3, 24, then 8, then one
    assert shapes(model, torch.randn(2, 80, 3)) == [(20, 78), (10, 24), (8,)]
    assert names(model) == [
        *["_ToChannelsFirst", "Conv1d", "ReLU", "MaxPool1d", "Dropout"],
        *["Conv1d", "ReLU", "MaxPool1d", "AdaptiveAvgPool1d", "Flatten", "Linear"],
    ]
    features = torch.randn(3, 80, 3)
    assert shapes(model, features, nn.MaxPool1d, nn.AdaptiveAvgPool1d) == [(20, 26), (10, 8), (10, 1)]
    assert values(model, nn.MaxPool1d, "kernel_size", "stride") == [(3, 3)] * 2
    assert values(model, nn.Conv1d, "kernel_size", "stride", "padding") == [(3, 1, 0)] * 2
    assert rates(model) == [0.25]
    assert_plain(model)
    assert_each_clip_alone(model, features)


def test_khans_rnn_has_sixteen_simple_units_with_one_bias():
    model = KhanRnn(8)
    assert sizes(model) == [16 * 3 + 16 * 16 + 16, 16 * 8 + 8]  # 320: the paper's 560 would need 18 channels
    assert model.recurrent.nonlinearity == "tanh"
    features = torch.randn(2, 80, 3)
    assert shapes(model, features) == [(80, 16), (8,)]
    states, state = [], torch.zeros(2, 16)
    weights = dict(model.recurrent.named_parameters())
    for step in features.unbind(1):
        state = torch.tanh(
            step @ weights["weight_ih_l0"].T + weights["bias_ih_l0"] + state @ weights["weight_hh_l0"].T
        )
        states.append(state)
    expected = model.classifier(torch.stack(states).mean(0))
    assert torch.allclose(model(features), expected, atol=1e-5)
    assert_plain(model)
    assert_each_clip_alone(model, features)


def test_phos_cnn_has_four_convolutions_and_four_dense_layers():
    model = PhoCnn(7)
    assert names(model) == [
        *["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"] * 4,
        "Flatten",
        *["Linear", "ReLU", "Dropout"] * 3,
        "Linear",
    ]
    # 278 x 200 pooled by 2 four times: 139 x 100, 69 x 50, 34 x 25, 17 x 12
    assert shapes(model, torch.randn(2, 278, 200)) == [
        *[(16, 278, 200)] * 2,
        *[(32, 139, 100)] * 2,
        *[(64, 69, 50)] * 2,
        *[(128, 34, 25)] * 2,
        *[(512,), (256,), (128,), (7,)],
    ]
    # kernels of 3 by 3, each with its batch norm; 17 x 12 maps of 128 are flattened
    assert sizes(model) == [
        *[3 * 3 * 1 * 16 + 16, 2 * 16],
        *[3 * 3 * 16 * 32 + 32, 2 * 32],
        *[3 * 3 * 32 * 64 + 64, 2 * 64],
        *[3 * 3 * 64 * 128 + 128, 2 * 128],
        *[128 * 17 * 12 * 512 + 512, 512 * 256 + 256, 256 * 128 + 128, 128 * 7 + 7],
    ]
    assert rates(model) == [0.3] * 3
    features = torch.randn(2, 278, 200)
    assert shapes(model, features, nn.MaxPool2d) == [
        (16, 139, 100),
        (32, 69, 50),
        (64, 34, 25),
        (128, 17, 12),
    ]
    assert values(model, nn.MaxPool2d, "kernel_size", "stride") == [(2, 2)] * 4
    assert values(model, nn.Conv2d, "kernel_size", "stride", "padding") == [(3, 1, 1)] * 4
    assert_plain(model)
    assert_each_clip_alone(model, features)


def test_an_lstm_reads_frames_to_the_end():
    model = Lstm(7).eval()
    features = torch.randn(2, 278, 200)
    assert model(features).shape == (2, 7)
    changed = features.clone()
    changed[:, -1] += 1
    assert not torch.allclose(model(changed), model(features))
    assert sizes(model) == [4 * (200 * 128 + 128 * 128 + 256) + 4 * (2 * 128 * 128 + 256), 128 * 7 + 7]
    assert model.recurrent.dropout == 0.3
    assert model.recurrent.num_layers == 2
    assert names(model) == ["LSTM", "Linear"]
    assert_plain(model)
    assert_each_clip_alone(model, features)
    states = model.recurrent(features)[0]
    assert torch.allclose(model(features), model.classifier(sum(states.unbind(1)) / 278), atol=1e-5)


def test_a_cnn_lstm_pools_time_and_bands_by_128():
    model = CnnLstm(7)
    # 278 x 200: 139 x 100, 34 x 25, 8 x 6, 2 x 1
    assert shapes(model, torch.randn(2, 278, 200)) == [
        *[(64, 278, 200)] * 2,
        *[(64, 139, 100)] * 2,
        *[(128, 34, 25)] * 2,
        *[(128, 8, 6)] * 2,
        *[(2, 256), (7,)],
    ]
    assert names(model) == [*["Conv2d", "BatchNorm2d", "ELU", "MaxPool2d"] * 4, "LSTM", "Linear"]
    assert sizes(model) == [
        *[3 * 3 * 1 * 64 + 64, 2 * 64],
        *[3 * 3 * 64 * 64 + 64, 2 * 64],
        *[3 * 3 * 64 * 128 + 128, 2 * 128],
        *[3 * 3 * 128 * 128 + 128, 2 * 128],
        *[4 * (128 * 256 + 256 * 256 + 2 * 256), 256 * 7 + 7],
    ]
    features = torch.randn(2, 278, 200)
    assert shapes(model, features, nn.MaxPool2d) == [(64, 139, 100), (64, 34, 25), (128, 8, 6), (128, 2, 1)]
    assert values(model, nn.MaxPool2d, "kernel_size", "stride") == [(2, 2), (4, 4), (4, 4), (4, 4)]
    assert values(model, nn.Conv2d, "kernel_size", "stride", "padding") == [(3, 1, 1)] * 4
    assert values(model, nn.LSTM, "num_layers", "dropout") == [(1, 0)]
    assert_plain(model)
    assert_each_clip_alone(model, features)
    steps = model.blocks(features[:, None]).transpose(1, 2).flatten(2)
    assert torch.allclose(model(features), model.classifier(model.recurrent(steps)[1][0][0]), atol=1e-5)


def test_an_autoencoder_restores_its_input_through_a_bottleneck_of_32():
    model = AutoencoderClassifier(7)
    features = torch.randn(4, 94)
    assert names(model) == [*["Linear", "ReLU"] * 2, "Linear", "ReLU", "Linear", "Linear"]
    assert sizes(model) == [
        *[94 * 64 + 64, 64 * 32 + 32],
        *[32 * 64 + 64, 64 * 94 + 94],
        32 * 7 + 7,
    ]
    assert shapes(model.encoder, features) == [(64,), (32,)]
    assert shapes(model.decoder, model.encoder(features)) == [(64,), (94,)]
    assert torch.equal(model(features), model.classifier(model.encoder(features)))
    restored = model.decoder(model.encoder(features))
    assert model.penalty(features).item() == pytest.approx(((restored - features) ** 2).mean().item())
