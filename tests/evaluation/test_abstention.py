import numpy as np
import pytest

from mmser.evaluation.abstention import fit_abstention

TOPS = np.array([0.9, 0.5, 0.7, 0.6, 1.0, 0.8, 0.55, 0.65, 0.75, 0.85])
PROBABILITIES = np.stack([TOPS, 1 - TOPS], axis=1)


@pytest.mark.parametrize(("share", "threshold", "num_below"), [(0.0, 0.0, 0), (0.2, 0.55, 1), (0.5, 0.7, 4)])
def test_at_most_the_share_of_the_least_sure_lies_below(share, threshold, num_below):
    found = fit_abstention(PROBABILITIES, share)
    assert found == threshold
    assert (found > TOPS).sum() == num_below


def test_where_all_are_equally_sure_none_lies_below():
    assert fit_abstention(np.full((5, 2), 0.5), 0.4) == 0.5
