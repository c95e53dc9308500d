import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from factories_audio import make_speech, write_clip
from factories_models import save_audio_checkpoint
from mmser.curation.schema import read_corpus_json

RECIPE = Path(__file__).parent.parent / "recipes" / "ravdess8_speaker.sh"


@pytest.fixture
def data(tmp_path):
    """Two clips of each emotion by each of twelve actors, a voice each."""
    for actor in range(1, 13):
        for emotion in range(1, 9):
            for statement in (1, 2):
                name = f"03-01-{emotion:02d}-01-{statement:02d}-01-{actor:02d}.wav"
                waveform = make_speech(duration_s=1.5, seed=1_000 * actor + 10 * emotion + statement)
                write_clip(tmp_path / f"data/RAVDESS/Actor_{actor:02d}/{name}", waveform)
    return tmp_path / "data"


@pytest.mark.slow
def test_one_command_chooses_trains_and_pools_folds_of_four_actors(data, tmp_path):
    whisper = save_audio_checkpoint("whisper-deep", tmp_path / "whisper")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "MMSER_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        ["bash", RECIPE, data, tmp_path / "out", whisper],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for fold in range(3):
        about = read_corpus_json(tmp_path / f"out/corpora/speaker-fold{fold}")
        assert about["settings"]["cleaning"]["denoise"] is False
        choice = json.loads((tmp_path / f"out/fold{fold}/choice.json").read_text())
        assert choice["judged_on"] == "4 folds by speaker"
        assert len(choice["tried"]) == 6
    pooled = [
        json.loads((tmp_path / f"out/pooled-{seed}/metrics.json").read_text())["test"] for seed in range(3)
    ]
    assert {each["n"] for each in pooled} == {12 * 8 * 2}
    assert len({each["ua"] for each in pooled}) == 1  # closed form has no seed
