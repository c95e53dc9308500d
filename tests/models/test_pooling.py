import torch

from mmser.models.fusion.pooling import masked_mean


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
