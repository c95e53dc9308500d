"""Data parallelism on the CPU: torchrun starts as many processes as asked, `accelerate launch --cpu` one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
LIMIT_S = 200
pytestmark = pytest.mark.slow


@pytest.fixture
def begin(corpus, towers, tmp_path):
    """Start a recipe in processes of their own; returns them and the folder of the run."""

    def start(out, num_processes, batch_size, *, recipe="train_fusion", **settings):
        folder = tmp_path / out
        options = {
            "corpus": corpus,
            "out": folder,
            "audio-encoder": towers["hubert"],
            "cache_dir": tmp_path / f"cache-{out}",
            "per_device_train_batch_size": batch_size,
            "use_cpu": True,
            "num_train_epochs": 2,
            "learning_rate": 0.001,
            "logging_steps": 1,
            "save_total_limit": 2,
            **({"text-encoder": towers["bert"], "dropout": 0.0} if recipe == "train_fusion" else {}),
            **settings,
        }
        flags = [str(each) for name, value in options.items() for each in (f"--{name}", value)]
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
        process = subprocess.Popen(
            [sys.executable, *launcher, str(ROOT / "recipes" / f"{recipe}.py"), *flags],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "HF_HUB_OFFLINE": "1",
                "PYTHONPATH": str(ROOT / "src"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process, folder

    return start


@pytest.fixture
def launch(begin):
    """Run a recipe to its end, in which no weight went without a gradient; returns the folder of the run."""

    def run(*args, **settings):
        process, folder = begin(*args, **settings)
        said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said
        assert "find_unused_parameters" not in said
        assert "unused parameters" not in said
        return folder

    return run


def history_of(run):
    *_, state = sorted(run.glob("checkpoints/*/trainer_state.json"))
    steps = [entry for entry in json.loads(state.read_text())["log_history"] if "loss" in entry]
    return [(entry["loss"], entry["grad_norm"]) for entry in steps]


def assert_same_weights(first, second):
    weights = load_file(second / "model.safetensors")
    for name, tensor in load_file(first / "model.safetensors").items():
        np.testing.assert_allclose(tensor, weights[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {"freeze": "classifier", "freeze_text": True},
        {"freeze": "classifier", "freeze_text": False},
        {"freeze": "top-cnn"},
        {"freeze": "partial"},
        {"freeze": "top-layers", "num_trained_layers": 1},
        {"freeze": "entire"},
        {"freeze": "entire", "freeze_text": True, "train_sampling_strategy": "group_by_length"},
        {"recipe": "train_hubert", "freeze": "top-cnn"},
        {"recipe": "train_hubert", "freeze": "partial"},
        {"recipe": "train_hubert", "freeze": "top-layers", "num_trained_layers": 1},
        {"recipe": "train_hubert", "freeze": "classifier", "embedding_dtype": "bfloat16"},
        {
            "recipe": "train_hubert",
            "freeze": "entire",
            "class_weights": True,
            "loss": "focal",
            "layer_lr_decay": 0.5,
            "augment": "background_noise",
            "augment_probability": 1.0,
        },
    ],
    ids=[
        *("frozen", "text trained", "top-cnn", "partial", "top-layers", "entire", "by length"),
        *("speech, top-cnn", "speech, partial", "speech, top-layers", "speech, bfloat16"),
        "speech, weighed and altered",
    ],
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
    assert_same_weights(one, two)


@pytest.mark.parametrize(
    "masks", [{"mask_time_prob": 0.3, "mask_time_length": 5}, {"mask_feature_prob": 0.3}]
)
def test_masks_leave_no_weight_without_a_gradient(launch, masks):
    """The vector that is written over masked frames: no clip of a batch may be masked, or features alone."""
    run = launch("two", 2, 2, recipe="train_hubert", freeze="partial", num_train_epochs=1, **masks)
    assert (run / "metrics.json").is_file()


@pytest.mark.parametrize("freeze", ["classifier", "top-layers", "partial", "entire"])
@pytest.mark.parametrize("recipe", ["train_fusion", "train_hubert"])
def test_two_processes_killed_and_resumed_are_one_that_ran_through(begin, launch, recipe, freeze):
    settings = {"recipe": recipe, "freeze": freeze, "num_trained_layers": 1, "num_train_epochs": 6}
    settings |= {"freeze_text": freeze == "classifier"} if recipe == "train_fusion" else {}
    process, folder = begin("two", 2, 8, **settings)
    while not (folder / "checkpoints/checkpoint-4/trainer_state.json").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()
    process.communicate(timeout=LIMIT_S)
    assert not (folder / "metrics.json").exists()
    assert_same_weights(launch("one", 1, 16, **settings), launch("two", 2, 8, resume=True, **settings))
