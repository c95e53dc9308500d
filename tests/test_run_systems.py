"""benchmarks/run_systems.py: every system of the papers, by one command, on the demo's corpora."""

import subprocess
import sys
from pathlib import Path

import pytest

from factories_models import save_image_checkpoint
from mmser.demo import write_demo_corpora, write_demo_towers
from mmser.models.classical import SYSTEMS
from mmser.models.networks.mobilenet import BLOCK_NETS
from mmser.models.networks.systems import NETWORKS

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "run_systems.py"
TOWERS = ("speech", "speech-text", "hubert", "hubert-top-cnn", "hubert-partial", "hubert-entire", "fusion")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """RAVDESS and SAVEE in miniature, RAVDESS without its second repetitions."""
    folder = tmp_path_factory.mktemp("systems")
    write_demo_corpora(folder / "data", corpora=["ravdess", "savee"])
    for path in (folder / "data").rglob("03-01-*-02-??.wav"):
        path.unlink()
    write_demo_towers(folder / "towers")
    save_image_checkpoint(folder / "towers" / "mobilenet")
    return folder


def run(demo, *options):
    command = [
        sys.executable,
        SCRIPT,
        "--root",
        demo / "data",
        "--out",
        demo / "out",
        "--transcripts",
        "reference",
    ]
    towers = {
        "audio-encoder": "hubert",
        "text-encoder": "bert",
        "image-encoder": "mobilenet",
        "hubert": "hubert",
        "bert": "bert",
    }
    command += [part for option, name in towers.items() for part in (f"--{option}", demo / "towers" / name)]
    return subprocess.run(
        [*map(str, command), *options], capture_output=True, text=True, cwd=demo, timeout=1500, check=False
    )


def test_one_command_trains_every_system_and_ranks_them(demo, monkeypatch):
    monkeypatch.setenv("MMSER_CACHE", str(demo / "cache"))
    done = run(demo, "--epochs", "1", "--paper-balance-to", "30", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    for corpus in ("speaker-fold0", "paper"):
        runs = demo / "out" / "runs" / corpus
        assert {path.name for path in (runs / "classical").iterdir()} == set(SYSTEMS)
        for name in (*NETWORKS, *BLOCK_NETS, *TOWERS):
            assert (runs / name / "metrics.json").is_file()
    page = (demo / "out" / "leaderboards" / "all" / "leaderboard.md").read_text()
    towers = "hubert (speech)", "hubert+bert (speech-text)", "hubert (hubert-entire)", "hubert+bert (fusion)"
    for system in (*SYSTEMS, *NETWORKS, *BLOCK_NETS, *towers):
        assert f"| {system} |" in page
    again = run(demo, "--paper-balance-to", "30")  # nothing is left to do but the leaderboards
    assert again.returncode == 0
    assert [line.split()[-1] for line in again.stdout.splitlines() if " exit " in line] == [
        "all", "without-tess", "ravdess",
    ]  # fmt: skip


def test_a_system_that_fails_is_named_and_leaves_the_others(demo, monkeypatch):
    monkeypatch.setenv("MMSER_CACHE", str(demo / "cache"))
    (demo / "towers" / "hubert" / "config.json").rename(demo / "towers" / "hubert" / "config.gone")
    options = ["--only", "speech", "khan-cnn", "--epochs", "1", "--protocols", "speaker"]
    done = run(demo, *options, "--out", str(demo / "other"))
    assert done.returncode == 1
    assert "failed: speaker-fold0-speech (exit code 1, " in done.stderr  # accelerate launch has its own
    assert (demo / "other" / "runs" / "speaker-fold0" / "khan-cnn" / "metrics.json").is_file()
