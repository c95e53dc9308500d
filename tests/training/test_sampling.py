import pytest
import torch
from accelerate.data_loader import SeedableRandomSampler

from mmser.training.sampling import StepSampler

LENGTHS = [float(index % 7) for index in range(50)]


def steps_of(order, size=4):
    return [order[start : start + size] for start in range(0, len(order), size)]


@pytest.mark.parametrize("alike", [True, False])
def test_the_order_holds_every_clip_and_follows_from_seed_and_epoch_alone(alike):
    sampler, again = (StepSampler(LENGTHS, 4, seed=3, alike=alike) for _ in range(2))
    first = list(sampler)
    assert sorted(first) == list(range(50))
    torch.rand(5)
    assert list(again) == first
    again.set_epoch(1)
    assert list(again) != first


def test_steps_hold_the_clips_that_trainer_draws_the_longest_first():
    torch.manual_seed(3)  # whose seed accelerate takes
    stock = SeedableRandomSampler(range(50), data_seed=torch.random.initial_seed())
    sampler = StepSampler(LENGTHS, 4, seed=3)
    for epoch in (0, 1):
        stock.set_epoch(epoch)
        sampler.set_epoch(epoch)
        ours, theirs = steps_of(list(sampler)), steps_of(list(stock))
        assert [sorted(step) for step in ours] == [sorted(step) for step in theirs]
        for step in ours:
            lengths = [LENGTHS[index] for index in step]
            assert lengths == sorted(lengths, reverse=True)


def test_clips_of_like_length_share_a_step_where_that_is_asked_for():
    lengths = [float(index % 100) for index in range(400)]

    def mean_spread(alike):
        order = list(StepSampler(lengths, 4, seed=0, alike=alike))
        steps = [[lengths[index] for index in step] for step in steps_of(order)]
        return sum(max(step) - min(step) for step in steps) / len(steps)

    assert mean_spread(alike=True) < 10
    assert mean_spread(alike=False) > 40
