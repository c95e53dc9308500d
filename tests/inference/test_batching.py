import threading

import pytest

from mmser.inference.batching import iter_ahead, iter_batches, iter_groups


def test_groups_are_taken_as_they_are_asked_for():
    taken = []
    groups = iter_groups((taken.append(number) or number for number in range(5)), 2)
    assert next(groups) == [0, 1]
    assert taken == [0, 1]
    assert list(groups) == [[2, 3], [4]]


def test_a_group_is_made_while_the_one_before_is_used():
    second_began = threading.Event()

    def make(number):
        if number == 2:
            second_began.set()
        return 10 * number

    made = iter_ahead(make, iter([1, 2, 3]))
    assert next(made) == 10
    assert second_began.wait(timeout=10)  # although nobody has asked for it
    assert list(made) == [20, 30]


def test_an_error_in_the_thread_comes_out_where_its_group_would():
    made = iter_ahead(lambda number: 6 / number, iter([2, 0]))
    assert next(made) == 3
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_nothing_is_made_of_no_groups():
    assert list(iter_ahead(lambda group: group, iter([]))) == []


def test_items_of_like_length_share_a_batch():
    assert list(iter_batches([5, 1, 4, 2], max_items=2, max_length=100)) == [[1, 3], [2, 0]]


def test_a_batch_is_not_longer_with_its_padding_than_allowed():
    # 1, 2, 3 padded to 3 are 9; a fourth of 4 would make 16; 20 alone is over the limit and still goes.
    assert list(iter_batches([1, 2, 3, 4, 20], max_items=8, max_length=12)) == [[0, 1, 2], [3], [4]]
