import pytest
import torch

from mmser.models.fusion.pooling import Pooling, masked_mean, masked_statistics

# One clip of two real frames and a third of padding, D = 1, two layers: 1, 3 and 10, 20.
LAYERS = [torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[[10.0], [20.0], [99.0]]])]
MASK = torch.tensor([[True, True, False]])


def test_masked_mean_averages_real_positions_alone():
    # row 0: (1 + 3) / 2 = 2, the 100 is padding; row 1: all three real, (0 + 6 + 3) / 3 = 3
    hidden = torch.tensor([[[1.0], [3.0], [100.0]], [[0.0], [6.0], [3.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert masked_mean(hidden, mask).tolist() == [[2.0], [3.0]]


def test_masked_mean_does_not_read_what_stands_at_padding():
    hidden = torch.tensor([[[1.0], [float("nan")]]])
    assert masked_mean(hidden, torch.tensor([[True, False]])).tolist() == [[1.0]]


def test_masked_mean_sums_in_float32_and_returns_the_input_dtype():
    # 4,096 ones and a 2: in bfloat16 a running sum stops growing at 256
    hidden = torch.ones(1, 4096, 1, dtype=torch.bfloat16)
    mean = masked_mean(hidden, torch.ones(1, 4096, dtype=torch.bool))
    assert mean.dtype == torch.bfloat16
    assert mean.item() == 1.0


def test_statistics_are_mean_and_deviation_of_real_positions():
    # mean (1 + 3) / 2 = 2, variance ((1-2)^2 + (3-2)^2) / 2 = 1
    assert masked_statistics(LAYERS[0], MASK).flatten().tolist() == pytest.approx([2, 1], abs=1e-6)


def test_one_frame_has_no_deviation_and_a_finite_gradient():
    hidden = torch.tensor([[[5.0]]], requires_grad=True)
    mean, deviation = masked_statistics(hidden, torch.tensor([[True]]))[0, :, 0]
    (mean + deviation).backward()
    assert deviation.item() == pytest.approx(0.001)  # the root of 1e-6
    assert hidden.grad.item() == 1.0


def test_the_last_layer_is_read_alone():
    pooling = Pooling(1, 2)
    assert pooling(*pooling.reduce(LAYERS, MASK)).tolist() == [[15.0]]
    assert pooling(*pooling.reduce(LAYERS[1:], MASK)).tolist() == [[15.0]]
    assert not list(pooling.parameters())


def test_mean_and_deviation_stand_side_by_side():
    pooling = Pooling(1, 2, pooling="mean+std")
    assert pooling.out_features == 2
    assert pooling(*pooling.reduce(LAYERS, MASK)).flatten().tolist() == pytest.approx([15, 5], abs=1e-6)


def test_layers_are_weighed_by_a_softmax():
    pooling = Pooling(1, 2, pooling="mean+std", layers="weighted")
    rows = pooling.reduce(LAYERS, MASK)
    # equal at first: (2 + 15) / 2 and (1 + 5) / 2
    assert pooling(*rows).flatten().tolist() == pytest.approx([8.5, 3], abs=1e-6)
    # a softmax of (ln 3, 0) is 3/4, 1/4: 3/4 * 2 + 1/4 * 15 and 3/4 * 1 + 1/4 * 5
    pooling.layer_weights.data = torch.tensor([3.0, 1.0]).log()
    assert pooling(*rows).flatten().tolist() == pytest.approx([5.25, 2], abs=1e-6)


@pytest.mark.parametrize(("layers", "by_hand"), [("0-1", [2, 15, 1, 5]), ("0", [2, 1]), ("1", [15, 5])])
def test_a_range_of_layers_stands_side_by_side(layers, by_hand):
    pooling = Pooling(1, 2, pooling="mean+std", layers=layers)
    assert pooling.out_features == len(by_hand)
    assert pooling(*pooling.reduce(LAYERS, MASK)).flatten().tolist() == pytest.approx(by_hand, abs=1e-6)


def test_frames_are_weighed_by_a_softmax_of_their_scores():
    pooling = Pooling(1, 2, pooling="attention")
    with torch.no_grad():
        pooling.score.weight.fill_(torch.tensor(3.0).log() / 10)  # 20 scores ln 3 more than 10
    # 1/4 * 10 + 3/4 * 20, whatever stands at padding
    assert pooling(*pooling.reduce(LAYERS, MASK)).item() == pytest.approx(17.5, abs=1e-5)


@pytest.mark.parametrize("layers", ["last", "weighted", "1-2", "0"])
@pytest.mark.parametrize("kind", ["mean", "mean+std", "attention"])
def test_a_clip_is_pooled_alike_beside_a_longer_one(kind, layers):
    torch.manual_seed(0)
    pooling = Pooling(4, 3, pooling=kind, layers=layers)
    hidden = [torch.randn(2, 7, 4) for _ in range(3)]
    mask = torch.tensor([[True] * 3 + [False] * 4, [True] * 7])
    beside = pooling(*pooling.reduce(hidden, mask))[0]
    alone = pooling(*pooling.reduce([layer[:1, :3] for layer in hidden], mask[:1, :3]))[0]
    torch.testing.assert_close(alone, beside, atol=1e-6, rtol=1e-6)
    kept = [pooling.select(rows) for rows in pooling.reduce(hidden, mask)[0]]
    torch.testing.assert_close(
        pooling(torch.stack(kept), pooling.reduce(hidden, mask)[1])[0], beside, atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("kind", ["mean", "mean+std", "attention"])
def test_a_clip_without_real_positions_is_pooled_to_zeros(kind):
    pooling = Pooling(1, 1, pooling=kind)
    hidden = [torch.full((1, 3, 1), float("nan"))]
    assert not pooling(*pooling.reduce(hidden, torch.zeros(1, 3, dtype=torch.bool))).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, r"pooling is 'max', expected one of \['mean', 'mean\+std', 'attention'\]"),
        ({"layers": "first"}, r"layers is 'first', expected one of \['last', 'weighted'\], or a range"),
        ({"layers": "4-2"}, r"layers is '4-2', expected"),
        ({"layers": "0-1"}, r"layers is '0-1', but the tower's layers are 0 to 0"),
    ],
)
def test_an_unknown_way_of_pooling_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Pooling(1, 1, **options)


def test_layers_and_frames_have_weights_that_can_be_looked_at():
    plain = Pooling(1, 2)
    assert plain.weigh_layers(2).tolist() == [0, 1]
    assert plain.weigh_frames(LAYERS[1], MASK).tolist() == [[0.5, 0.5, 0.0]]
    assert Pooling(1, 3, layers="1-2").weigh_layers(3).tolist() == [0, 1, 1]
    learned = Pooling(1, 2, pooling="attention", layers="weighted")
    with torch.no_grad():
        learned.layer_weights.copy_(torch.tensor([0.0, 1.0]))
        learned.score.weight.fill_(1.0)
    assert learned.weigh_layers(2).tolist() == pytest.approx([1 / (1 + 2.718282), 2.718282 / (1 + 2.718282)])
    # frames 1 and 3 with a score of themselves: their weights are as 1 to e squared, and padding has none
    assert learned.weigh_frames(LAYERS[0], MASK)[0].tolist() == pytest.approx(
        [1 / (1 + 7.389056), 7.389056 / (1 + 7.389056), 0.0]
    )
