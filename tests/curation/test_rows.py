import gc
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from datasets import Dataset, Features, Value

from mmser.curation.rows import add_columns, map_rows, read_columns, take_rows

INTERRUPTED = """
import sys, time
from pathlib import Path
from datasets import Dataset
from mmser.curation.rows import map_rows

def dawdle(row):
    Path(sys.argv[1], "started").touch()
    time.sleep(0.2)
    return row

try:
    map_rows(Dataset.from_dict({"n": list(range(200))}), dawdle, num_proc=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_columns_come_in_the_order_asked_for():
    rows = Dataset.from_dict({"a": [1, 2], "b": [3, 4]}).select([1, 0])
    assert read_columns(rows, ("b", "a")) == [[4, 3], [2, 1]]


def test_columns_are_added_with_their_types():
    features = Features({"b": Value("string"), "c": Value("int32")})
    rows = add_columns(Dataset.from_dict({"a": [1, 2]}).select([1]), {"b": [""], "c": [3]}, features)
    assert rows.to_list() == [{"a": 2, "b": "", "c": 3}]
    assert rows.features == Features({"a": Value("int64")} | dict(features))


def test_rows_are_taken_in_any_order_and_any_number_as_one_table():
    rows = take_rows(Dataset.from_dict({"a": [1, 2, 3]}), [2, 0, 2])
    assert rows["a"] == [3, 1, 3]
    assert rows.data.column("a").num_chunks == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not fork")
def test_workers_do_not_search_what_their_parent_holds_for_garbage():
    rows = map_rows(Dataset.from_dict({"n": [0, 0]}), lambda row: {"n": gc.get_freeze_count()}, num_proc=2)
    assert min(rows["n"]) > 1000
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("num_proc", [1, 2])
def test_rows_are_mapped_in_order(num_proc):
    rows = map_rows(Dataset.from_dict({"n": [1, 2, 3]}), lambda row: {"n": row["n"] * 2}, num_proc=num_proc)
    assert rows["n"] == [2, 4, 6]


def test_an_error_in_a_worker_is_raised():
    def fail(row):
        raise ValueError(f"no {row['n']}")

    with pytest.raises(ValueError, match="no 1"):
        map_rows(Dataset.from_dict({"n": [1, 1]}), fail, num_proc=2)


def test_ctrl_c_ends_all_processes_as_an_interrupt(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    while not (tmp_path / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)  # Python ignores an interrupt that falls into a callback, and setting up a pool runs many
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot end a process with its parent")
def test_kill_9_leaves_no_worker_behind(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, str(tmp_path)], stderr=subprocess.DEVNULL)
    while not (tmp_path / "started").exists() and process.poll() is None:
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert len(workers) >= 2  # the pool, and the server of its queue
    for _ in range(200):
        left = [worker for worker in workers if worker.is_running() and worker.status() != "zombie"]
        if not left:
            return
        time.sleep(0.05)
    for worker in left:
        worker.kill()
    pytest.fail(f"{len(left)} processes go on without their parent")
