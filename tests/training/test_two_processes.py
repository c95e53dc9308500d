"""Data parallelism on the CPU: torchrun starts as many processes as asked, `accelerate launch --cpu` one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def launch(corpus, towers, tmp_path):
    def run(out, num_processes, batch_size, **settings):
        folder = tmp_path / out
        options = {
            "corpus": corpus,
            "out": folder,
            "audio-encoder": towers["hubert"],
            "text-encoder": towers["bert"],
            "cache_dir": tmp_path / f"cache-{out}",
            "per_device_train_batch_size": batch_size,
            "dropout": 0.0,
            "use_cpu": True,
            "num_train_epochs": 2,
            "learning_rate": 0.001,
            "logging_steps": 1,
            "save_total_limit": 2,
            **settings,
        }
        flags = [str(each) for name, value in options.items() for each in (f"--{name}", value)]
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
        subprocess.run(
            [sys.executable, *launcher, str(ROOT / "recipes/train_fusion.py"), *flags],
            check=True,
            timeout=200,
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )
        return folder

    return run


def history_of(run):
    *_, state = sorted(run.glob("checkpoints/*/trainer_state.json"))
    steps = [entry for entry in json.loads(state.read_text())["log_history"] if "loss" in entry]
    return [(entry["loss"], entry["grad_norm"]) for entry in steps]


@pytest.mark.parametrize(
    "settings",
    [
        {"freeze": "classifier", "freeze_text": True},
        {"freeze": "classifier", "freeze_text": False},
        {"freeze": "partial"},
        {"freeze": "entire"},
        {"freeze": "entire", "freeze_text": True, "train_sampling_strategy": "group_by_length"},
    ],
    ids=["frozen", "text trained", "partial", "entire", "by length"],
)
def test_two_processes_of_eight_are_one_of_sixteen(launch, settings):
    one, two = launch("one", 1, 16, **settings), launch("two", 2, 8, **settings)
    metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, two)]
    assert [each["num_processes"] for each in metrics] == [1, 2]
    assert len(history_of(one)) == 4  # 32 clips, 16 a step, two epochs
    np.testing.assert_allclose(history_of(one), history_of(two), rtol=1e-3)
    for split in ("validation", "test"):
        assert metrics[0][split]["ua"] == pytest.approx(metrics[1][split]["ua"], abs=1e-3)
        assert metrics[0][split]["recall"] == pytest.approx(metrics[1][split]["recall"], abs=1e-3)
    first, second = (load_file(run / "model.safetensors") for run in (one, two))
    for name, tensor in first.items():
        np.testing.assert_allclose(tensor, second[name], atol=1e-4, err_msg=name)
