import errno
import logging
import os
import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import torch

from mmser.models.batching import BatchLimits
from mmser.training import embedding_cache
from mmser.training.embedding_cache import (
    EmbeddingStore,
    fill_store,
    hash_text,
    hash_weights,
    trim_stores,
)


def compute_doubles(values, calls):
    def compute(indices):
        calls.append(indices)
        return [torch.tensor([2.0 * values[index]]) for index in indices]

    return compute


def test_results_are_computed_once_shortest_first_and_found_again(tmp_path):
    calls = []
    compute = compute_doubles([1, 2, 3], calls)
    store = EmbeddingStore(tmp_path)
    assert fill_store(store, ["a", "b", "c"], [3.0, 1.0, 2.0], compute, limits=BatchLimits(2)) == 3
    assert calls == [[1, 2], [0]]
    reread = EmbeddingStore(tmp_path)
    assert fill_store(reread, ["a", "b", "c"], [3.0, 1.0, 2.0], compute, limits=BatchLimits(2)) == 0
    assert reread.stack(["c", "a"]).tolist() == [[6.0], [2.0]]


def test_results_of_unlike_length_come_back_each_with_its_own(tmp_path):
    store = EmbeddingStore(tmp_path)
    store.write(["a", "b"], [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]])])
    for each in (store, EmbeddingStore(tmp_path)):
        assert each.find("a").get().tolist() == [[1, 2]]
        assert each.find("b").get().tolist() == [[3, 4], [5, 6]]


def read_anonymous_bytes():
    """Memory of this process that is of no file."""
    (kilobytes,) = re.findall(r"^RssAnon:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(kilobytes)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says how much of memory is of files")
def test_rows_are_mapped_so_that_reading_them_takes_no_memory(tmp_path):
    EmbeddingStore.write_shard(tmp_path, ["a", "b"], [torch.ones(2**22)] * 2)  # 32 MiB
    before = read_anonymous_bytes()
    store = EmbeddingStore(tmp_path)
    assert sum(store.find(key).get().sum().item() for key in "ab") == 2**23
    assert read_anonymous_bytes() - before < 8 * 2**20


FILL = """
import sys
from pathlib import Path
import torch
from mmser.models.batching import BatchLimits
from mmser.training.embedding_cache import EmbeddingStore, fill_store
from test_embedding_cache import read_anonymous_bytes
keys = [f"{number:064x}" for number in range(10_240)]
compute = lambda batch: [torch.ones(2, 3, 128) for _ in batch]
before = read_anonymous_bytes()
fill_store(EmbeddingStore(Path(sys.argv[1])), keys, [1.0] * len(keys), compute, limits=BatchLimits(64))
print((read_anonymous_bytes() - before) // len(keys))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says how much of memory is of files")
def test_filling_a_store_keeps_no_rows_in_memory(tmp_path):
    """3,072 bytes each: without giving back what was freed the process grew by as much a clip."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) < 1500, done.stderr


def test_what_is_held_of_a_clip_is_its_name_and_place_alone(tmp_path):
    keys = [f"{number:064x}" for number in range(2048)]  # 113 bytes each
    for start in range(0, 2048, 512):
        EmbeddingStore.write_shard(tmp_path, keys[start : start + 512], [torch.zeros(20)] * 512)
    tracemalloc.start()
    try:
        store = EmbeddingStore(tmp_path)
        places = [store.find(key) for key in keys]
        num_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(places) == 2048
    assert num_bytes / 2048 < 400


def test_items_of_equal_content_are_computed_once(tmp_path):
    calls = []
    compute = compute_doubles([5, 5, 7], calls)
    assert (
        fill_store(EmbeddingStore(tmp_path), ["a", "a", "b"], [1.0] * 3, compute, limits=BatchLimits(8)) == 2
    )
    assert calls == [[0, 2]]


def test_two_processes_compute_a_half_each(tmp_path):
    compute = compute_doubles(range(5), [])
    shares = [
        fill_store(
            EmbeddingStore(tmp_path / str(index)),
            list("abcde"),
            [1.0] * 5,
            compute,
            limits=BatchLimits(2),
            share=(index, 2),
        )
        for index in (0, 1)
    ]
    assert shares == [3, 2]
    halves = [{key for key in "abcde" if key in EmbeddingStore(tmp_path / name)} for name in "01"]
    assert halves == [set("ace"), set("bd")]


def test_what_was_computed_before_an_interrupt_is_kept(tmp_path):
    def compute(indices):
        if indices == [1]:
            raise KeyboardInterrupt
        return [torch.ones(1)]

    with pytest.raises(KeyboardInterrupt):
        fill_store(EmbeddingStore(tmp_path), ["a", "b"], [1.0, 2.0], compute, limits=BatchLimits(1))
    assert "a" in EmbeddingStore(tmp_path)
    assert len(EmbeddingStore(tmp_path)) == 1


def test_a_long_fill_is_written_shard_by_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_cache, "_CLIPS_A_SHARD", 2)
    store = EmbeddingStore(tmp_path)
    fill_store(store, list("abcde"), [1.0] * 5, compute_doubles(range(5), []), limits=BatchLimits(1))
    assert len(list(tmp_path.iterdir())) == 3
    assert store.stack("edcba").flatten().tolist() == [8, 6, 4, 2, 0]


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_shard_that_is_damaged_or_of_other_weights_is_rewritten_with_one_log_line(tmp_path, caplog, damage):
    store = EmbeddingStore(tmp_path / "mine")
    if damage == "cut":
        store.write(["a"], [torch.tensor([1.0])])
        (shard,) = store.folder.iterdir()
        shard.write_bytes(shard.read_bytes()[:-2])
    else:
        shard = EmbeddingStore.write_shard(tmp_path / "other", ["a"], [torch.tensor([1.0])])
        store.folder.mkdir()
        shard.rename(store.folder / shard.name)
    with caplog.at_level(logging.WARNING):
        reread = EmbeddingStore(store.folder)
    (record,) = caplog.records
    assert "damaged" in record.message
    assert ("it belongs to other" in record.message) == (damage == "foreign")
    assert len(reread) == 0
    assert fill_store(reread, ["a"], [1.0], compute_doubles([4], []), limits=BatchLimits(1)) == 1
    assert EmbeddingStore(store.folder).stack(["a"]).tolist() == [[8.0]]


def test_a_shard_cut_short_while_being_written_is_not_seen(tmp_path):
    (tmp_path / "0.part").write_bytes(b"half")
    assert len(EmbeddingStore(tmp_path)) == 0


def test_results_that_another_process_wrote_are_found_by_reading_again(tmp_path):
    mine, other = EmbeddingStore(tmp_path), EmbeddingStore(tmp_path)
    other.write(["b"], [torch.tensor([9.0])])
    assert "b" not in mine
    mine.read()
    assert mine.stack(["b"]).tolist() == [[9.0]]


FULL = """
import resource, sys
from pathlib import Path
import torch
from mmser.models.batching import BatchLimits
from mmser.training.embedding_cache import EmbeddingStore, fill_store
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store = EmbeddingStore(Path(sys.argv[1]))
compute = lambda batch: [torch.full((500,), index + 1.0) for index in batch]
fill_store(store, ["a", "b"], [1.0, 2.0], compute, limits=BatchLimits(2))
print(store.stack(["b", "a"])[:, 0].tolist(), len(list(Path(sys.argv[1]).iterdir())))
"""


def test_where_nothing_more_can_be_written_a_run_goes_on_from_memory(tmp_path):
    """A limit on the size of files stands for a full disk: the library that writes says both alike."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[2.0, 1.0] 0", done.stderr
    assert "2 results are kept in memory and lost with this run. Make room, or name another" in done.stderr


def test_another_error_of_the_disk_is_not_hidden(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(embedding_cache, "save_file", fail)
    with pytest.raises(PermissionError):
        EmbeddingStore(tmp_path).write(["a"], [torch.ones(1)])


def test_the_hash_of_weights_changes_with_any_weight_and_with_nothing_else():
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    before = hash_weights(layer)
    assert hash_weights(layer) == before
    with torch.no_grad():
        layer.bias[1] += 1e-6
    assert hash_weights(layer) != before


def test_equal_texts_share_a_key():
    assert hash_text("dogs") == hash_text("dogs") != hash_text("Dogs")


@pytest.mark.parametrize(("limit", "left"), [(10_000, "abc"), (2_500, "bc"), (1_500, "c"), (100, "")])
def test_stores_not_used_for_longest_are_deleted_until_the_rest_is_small_enough(tmp_path, limit, left):
    for age, name in enumerate("cba"):
        EmbeddingStore(tmp_path / name).write(["k"], [torch.ones(225)])  # 900 bytes and a header
        os.utime(tmp_path / name, (time.time() - 7200 - age,) * 2)
    assert trim_stores(tmp_path, limit) == 3 - len(left)
    assert {path.name for path in tmp_path.iterdir()} == set(left)


def test_stores_of_this_run_and_of_the_last_hour_are_not_deleted(tmp_path):
    mine, other = EmbeddingStore(tmp_path / "mine"), EmbeddingStore(tmp_path / "other")
    for store in (mine, other):
        store.write(["k"], [torch.ones(9)])
    os.utime(mine.folder, (0, 0))
    assert trim_stores(tmp_path, 1, keep=[mine]) == 0
    assert trim_stores(tmp_path, 1) == 1
    EmbeddingStore(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_looking_into_a_store_is_a_use_of_it(tmp_path):
    EmbeddingStore(tmp_path / "a").write(["k"], [torch.ones(9)])
    os.utime(tmp_path / "a", (0, 0))
    EmbeddingStore(tmp_path / "a")
    assert time.time() - (tmp_path / "a").stat().st_mtime < 3600
