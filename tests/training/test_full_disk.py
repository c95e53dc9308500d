import errno
import json
import subprocess
import sys

import pytest
from safetensors import SafetensorError

from mmser.errors import DiskFullError
from mmser.training.full_disk import is_full_disk, naming_full_disk
from mmser.training.trainer import EmotionTrainer

WRITERS = """
import resource, sys
import torch
from safetensors.torch import save_file
from mmser.training.full_disk import is_full_disk
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
states, path = {"states": torch.ones(5000)}, sys.argv[1]
def write_text():
    with open(path, "w") as file:
        file.write("x" * 5000)
for write in (write_text, lambda: save_file(states, path), lambda: torch.save(states, path)):
    try:
        write()
    except Exception as error:
        print(type(error).__name__, is_full_disk(error))
"""


def test_every_library_that_a_run_writes_by_is_understood(tmp_path):
    """A limit on the size of files stands for a full disk: the libraries say both alike."""
    command = [sys.executable, "-c", WRITERS, str(tmp_path / "states")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split("\n")[:3] == ["OSError True", "SafetensorError True", "RuntimeError True"], (
        done.stderr
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (SafetensorError("I/O error: (os error 28)"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (SafetensorError("Error while deserializing header"), False),
        (RuntimeError("[enforce fail at inline_container.cc:145] . PytorchStreamReader failed"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(tmp_path, error, expected):
    assert is_full_disk(error) is expected
    with pytest.raises(DiskFullError if expected else type(error)), naming_full_disk(tmp_path):
        raise error


def test_a_run_that_finds_no_room_for_a_checkpoint_goes_on_from_the_one_before(
    run_recipe, monkeypatch, tmp_path
):
    settings = {"num_train_epochs": 2, "per_device_train_batch_size": 16}
    save = EmotionTrainer._save_optimizer_and_scheduler

    def fill_up(self, folder):
        if self.state.global_step == 4:  # 32 clips, 16 a step: the end of the second epoch
            raise OSError(errno.ENOSPC, "No space left on device", f"{folder}/optimizer.pt")
        save(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "_save_optimizer_and_scheduler", fill_up)
        message = r"run: no room for a file \(.*No space left.*optimizer\.pt.*a run with --resume True"
        with pytest.raises(DiskFullError, match=message):
            run_recipe("train_hubert", **settings)
    assert not (tmp_path / "run" / "metrics.json").exists()
    run = run_recipe("train_hubert", "--resume", "True", **settings)
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 12
