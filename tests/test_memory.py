"""Tests of what glibc is asked to do with memory that is freed."""

import platform

import pytest

from mmser import memory
from mmser.memory import keep_memory, kept_memory, release_memory


class Glibc:
    """Stands for glibc: notes what it is asked for, and may be of old."""

    def __init__(self, largest=2**62):
        self.calls = []
        self.largest = largest

    def mallopt(self, parameter, value):
        """An old one refuses large thresholds for mmap (-3)."""
        self.calls.append((parameter, value))
        return int(parameter != -3 or value <= self.largest)

    def malloc_trim(self, pad):
        self.calls.append(("trim", pad))


@pytest.fixture
def glibc(monkeypatch):
    recorder = Glibc()
    monkeypatch.setattr(memory, "_find_glibc", lambda: recorder)
    return recorder


def test_memory_is_kept_from_the_first_to_the_last_who_wants_it(glibc):
    with kept_memory():
        assert glibc.calls == [(-3, 2**30), (-1, 2**31 - 1)]
        with kept_memory():
            pass
        assert len(glibc.calls) == 2
    assert glibc.calls[2:] == [(-3, 2**25), (-1, 2**26)]


def test_memory_is_returned_again_after_an_error(glibc):
    with pytest.raises(ValueError, match="within"), kept_memory():
        raise ValueError("within")
    assert glibc.calls[-1] == (-1, 2**26)


def test_an_old_glibc_gets_the_largest_threshold_that_it_takes(monkeypatch):
    old = Glibc(largest=2**25)
    monkeypatch.setattr(memory, "_find_glibc", lambda: old)
    with kept_memory():
        assert old.calls == [(-3, 2**30), (-3, 2**25), (-1, 2**31 - 1)]


def test_a_worker_keeps_less(glibc):
    keep_memory()
    assert glibc.calls == [(-3, 2**25), (-1, 2**28)]


def test_memory_is_given_back_at_once_when_that_is_asked_for(glibc):
    release_memory()
    assert glibc.calls == [("trim", 0)]


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_find_glibc", lambda: None)
    with kept_memory():
        keep_memory()
        release_memory()
        assert memory._keepers == 1
    assert memory._keepers == 0


def test_only_glibc_is_asked(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("musl", "1.2"))
    assert memory._find_glibc.__wrapped__() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone has mallopt")
def test_glibc_takes_what_it_is_given():
    libc = memory._find_glibc()
    assert libc.mallopt(-1, 2**26) == libc.mallopt(-3, 2**25) == 1
