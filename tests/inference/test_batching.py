import threading

import pytest

from mmser.inference.batching import iter_ahead, iter_groups


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
