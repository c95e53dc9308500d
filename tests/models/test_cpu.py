"""Tests of linear layers by oneDNN: the same answers and gradients."""

import copy
import pickle

import pytest
import torch
from torch import nn

from mmser.models import cpu
from mmser.models.cpu import FastLinear, install_fast_linears, prefers_onednn

needs_onednn = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="PyTorch was built without oneDNN"
)


@pytest.fixture
def onednn(monkeypatch):
    """Have oneDNN compute every layer, however small; gives the shapes of the rows that it got."""
    multiplied, multiply = [], cpu._multiply

    def count(rows, weight, bias=None):
        multiplied.append(tuple(rows.shape))
        return multiply(rows, weight, bias)

    monkeypatch.setattr(cpu, "prefers_onednn", lambda: True)
    monkeypatch.setattr(cpu, "_MIN_MULTIPLICATIONS", 1)
    monkeypatch.setattr(cpu, "_multiply", count)
    return multiplied


def fast(layer):
    """The same layer, sharing its weights, computed by oneDNN."""
    copied = copy.copy(layer)
    install_fast_linears(copied)
    return copied


def compute(layer, values):
    """Output, and gradients of values, weight and bias."""
    values = values.clone().requires_grad_()
    layer.zero_grad()
    output = layer(values)
    output.square().sum().backward()
    return output.detach(), values.grad, layer.weight.grad, None if layer.bias is None else layer.bias.grad


@needs_onednn
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 20), (3, 5, 20), (2, 3, 4, 20), (20,)])
def test_a_linear_layer_has_the_same_output_and_gradients(onednn, shape, has_bias):
    torch.manual_seed(0)
    layer, values = nn.Linear(20, 12, bias=has_bias), torch.randn(shape)
    expected = compute(layer, values)
    assert not onednn
    found = compute(fast(layer), values)
    rows = values.numel() // 20
    assert onednn == [(rows, 20), (rows, 12), (12, rows)]  # output, gradient of values, of weight
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None and theirs is None) or torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)


@needs_onednn
def test_rows_that_do_not_lie_together_are_multiplied_alike(onednn):
    torch.manual_seed(0)
    layer, values = nn.Linear(6, 4), torch.randn(6, 5, 3).transpose(0, 2)
    assert torch.allclose(fast(layer)(values), layer(values), atol=1e-6)
    assert onednn == [(15, 6)]


@needs_onednn
def test_bfloat16_is_rounded_alike(onednn):
    torch.manual_seed(0)
    layer, values = nn.Linear(20, 12).bfloat16(), torch.randn(7, 20).bfloat16()
    found = fast(layer)(values)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found, layer(values), atol=2**-6)
    assert onednn == [(7, 20)]


@needs_onednn
def test_nothing_is_computed_for_weights_that_are_frozen(onednn):
    layer = nn.Linear(20, 12).requires_grad_(False)
    fast(layer)(torch.randn(7, 20, requires_grad=True)).sum().backward()
    assert layer.weight.grad is None
    assert onednn == [(7, 20), (7, 12)]


@needs_onednn
def test_an_output_may_be_written_into(onednn):
    layer = nn.Linear(20, 12)
    output = fast(layer)(torch.ones(2, 3, 20))
    output[:, 0] = 0.0
    output.sum().backward()
    assert onednn
    assert layer.bias.grad.tolist() == [4.0] * 12  # 2 x 3 rows, of which two were overwritten


@needs_onednn
def test_a_checkpointed_layer_is_computed_again_by_the_same_library(onednn):
    layer, values = nn.Linear(20, 12), torch.randn(7, 20, requires_grad=True)
    torch.utils.checkpoint.checkpoint(fast(layer), values, use_reentrant=False).sum().backward()
    assert onednn == [(7, 20), (7, 20), (7, 12), (12, 7)]


@needs_onednn
@pytest.mark.parametrize(
    "values",
    [torch.ones(3, 20, dtype=torch.float64), torch.ones(3, 20, device="meta")],
    ids=["float64", "another device"],
)
def test_other_layers_are_left_to_torch(onednn, values):
    layer = nn.Linear(20, 12).to(values)
    assert fast(layer)(values).shape == (3, 12)
    assert not onednn


@needs_onednn
def test_mixed_precision_is_left_to_torch(onednn):
    with torch.autocast("cpu", torch.bfloat16):
        assert fast(nn.Linear(20, 12))(torch.ones(3, 20)).dtype == torch.bfloat16
    assert not onednn


@needs_onednn
def test_small_layers_are_left_to_torch(onednn, monkeypatch):
    monkeypatch.setattr(cpu, "_MIN_MULTIPLICATIONS", 3 * 20 * 12 + 1)
    layer = fast(nn.Linear(20, 12))
    layer(torch.ones(3, 20))
    assert not onednn
    layer(torch.ones(4, 20))
    assert onednn == [(4, 20)]


@needs_onednn
def test_a_traced_layer_is_one_of_torch(onednn):
    traced = torch.jit.trace(fast(nn.Linear(20, 12)), torch.ones(3, 20), check_trace=False)
    assert not [node for node in traced.inlined_graph.nodes() if "Python" in node.kind()]
    assert not onednn


def test_every_linear_layer_of_a_model_is_replaced_and_nothing_else(onednn):
    special = type("Special", (nn.Linear,), {})(4, 4)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 2), nn.Conv1d(1, 1, 1)), special)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    install_fast_linears(model)
    kinds = [type(each).__name__ for each in model.modules() if not isinstance(each, nn.Sequential)]
    assert kinds == ["FastLinear", "FastLinear", "Conv1d", "Special"]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_where_onednn_is_not_preferred_nothing_changes(monkeypatch):
    monkeypatch.setattr(cpu, "prefers_onednn", lambda: False)
    layer = nn.Linear(20, 12)
    install_fast_linears(layer)
    assert not isinstance(layer, FastLinear)


@needs_onednn
def test_of_frozen_weights_no_rows_are_kept(onednn):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda each: kept.append(each.shape) or each, lambda each: each
    ):
        fast(nn.Linear(20, 12).requires_grad_(False))(torch.ones(7, 20, requires_grad=True))
    assert kept == [(12, 20)]


@needs_onednn
def test_a_replaced_model_is_copied_saved_and_loaded_like_any(onednn):
    model = fast(nn.Linear(20, 12))
    pickled = pickle.loads(pickle.dumps(model))  # noqa: S301  # our own
    for other in (copy.deepcopy(model), pickled):
        assert type(other) is FastLinear
        assert torch.equal(other(torch.ones(3, 20)), model(torch.ones(3, 20)))
    nn.Linear(20, 12).load_state_dict(model.state_dict())


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="PyTorch was built without MKL")
@needs_onednn
@pytest.mark.parametrize(
    ("vendor", "capability", "expected"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        ("", "AVX512", False),
    ],
)
def test_onednn_is_preferred_where_mkl_leaves_avx512_unused(
    tmp_path, monkeypatch, vendor, capability, expected
):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    monkeypatch.setattr(cpu, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert prefers_onednn.__wrapped__() is expected


def test_the_processor_is_asked_of_python_where_the_system_has_no_such_file(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "_CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(cpu.platform, "processor", lambda: "AMD64 Family 25, AuthenticAMD")
    assert cpu._read_processor() == "AMD64 Family 25, AuthenticAMD"
