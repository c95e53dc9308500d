import json
import os
import subprocess
import sys

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load, load_file, save, save_file

from factories_corpus import make_tone
from factories_exports import logits_of
from mmser import EmotionRecognizer
from mmser.errors import CheckpointError, NotForPublicationError, OutputExistsError
from mmser.evaluation.predictions import softmax
from mmser.hub.place import Place
from mmser.hub.publishing import push_run
from mmser.models.loading import load_model

WITHOUT_MMSER = """
import json, sys
for name in ("mmser", "torchcodec", "torchaudio"):
    sys.modules[name] = None
import numpy as np, torch
torch.set_num_threads(1)
waveform = np.load(sys.argv[1])
printed = []
print, log = printed.append, print
{usage}
log(json.dumps(printed[0]))
"""


def run_usage_of(card, clip, environment):
    """Run the lines for a process without mmser that a card shows; returns the process."""
    usage = card.split("```python\n")[2].split("```")[0]
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_MMSER.replace("{usage}", usage), str(clip)],
        env={name: value for name, value in os.environ.items() if not name.startswith("HF_")} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, make_tone("sad", duration_s=1.5))
    return path


def test_a_dry_run_writes_what_would_be_uploaded_and_asks_no_network(finished_run, tmp_path, hub):
    place = Place("me/voice")
    address = push_run(finished_run(), place, dry_run=tmp_path / "dry")
    assert address == str(tmp_path / "dry")
    assert hub.requests == []
    written = {path.name: path.read_bytes() for path in (tmp_path / "dry").iterdir()}
    push_run(tmp_path / "runs" / "fusion", place)
    pushed = hub.model("me/voice")
    del pushed[".gitattributes"]
    assert written == pushed


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_dry_run_replaces_nothing(finished_run, tmp_path, kind):
    out = tmp_path / "dry"
    if kind == "folder":
        out.mkdir()
    (out / "mine.txt" if kind == "folder" else out).write_text("mine")
    with pytest.raises(OutputExistsError, match=r"dry: is not empty\. Choose another folder for --dry-run"):
        push_run(finished_run("audio"), Place("me/voice"), dry_run=out)


def test_the_card_is_that_of_the_scores(finished_run, hub):
    folder = finished_run()
    push_run(folder, Place("me/voice"))
    card = ModelCard(hub.model("me/voice")["README.md"].decode(), ignore_metadata_errors=False)
    ua = json.loads((folder / "metrics.json").read_text())["test"]["ua"]
    assert card.data.eval_results[0].metric_value == round(ua, 2)
    assert "![confusion matrix](confusion_matrix.png)" in card.text


@pytest.mark.parametrize("kind", ["fusion", "audio"])
def test_a_run_that_lacks_a_weight_is_not_pushed_and_the_weight_is_named(finished_run, hub, kind):
    folder = finished_run(kind)
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 weights would start at random: classifier\.weight"):
        push_run(folder, Place("me/voice"))
    assert hub.requests == []


def test_a_folder_that_is_no_run_is_refused_before_the_network_is_asked(tmp_path, hub):
    with pytest.raises(NotForPublicationError, match="not a finished run"):
        push_run(tmp_path, Place("me/voice"))
    assert hub.requests == []


def test_a_pushed_model_answers_by_its_name_as_the_run_did(finished_run, hub, tmp_path, monkeypatch):
    folder = finished_run()
    push_run(folder, Place("me/voice", private=True))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    tone = (make_tone("sad", duration_s=1.5), 16_000)
    answers = [
        EmotionRecognizer.from_pretrained(source, device="cpu").predict([tone], texts=["kids"])
        for source in (folder, "me/voice")
    ]
    assert answers[0] == answers[1]


def test_a_model_that_is_not_on_the_hub_is_named(hub):
    with pytest.raises(CheckpointError, match=r"me/absent: holds no model that mmser knows"):
        EmotionRecognizer.from_pretrained("me/absent")


@pytest.mark.parametrize("kind", ["fusion", "audio", "speech"])
def test_the_cards_own_lines_run_from_the_hub_where_mmser_is_not(finished_run, hub, tmp_path, clip, kind):
    folder = finished_run(kind)
    push_run(folder, Place("me/voice"))
    card = hub.model("me/voice")["README.md"].decode()
    process = run_usage_of(card, clip, hub.environment(tmp_path / "home"))
    assert process.returncode == 0, process.stderr
    rows = {row["label"]: row["score"] for row in json.loads(process.stdout.splitlines()[-1])}
    (expected,) = softmax(logits_of(*load_model(folder), [(np.load(clip), "kids are talking by the door")]))
    assert rows == pytest.approx(dict(zip(("angry", "happy", "sad"), expected, strict=True)), abs=1e-5)


@pytest.mark.slow
def test_a_weight_that_is_lost_on_the_way_is_an_error_where_mmser_is_not(finished_run, hub, tmp_path, clip):
    push_run(finished_run(), Place("me/voice"))
    files = hub.model("me/voice")
    weights = load(files["model.safetensors"])
    del weights["classifier.bias"]
    files["model.safetensors"] = save(weights, metadata={"format": "pt"})
    process = run_usage_of(files["README.md"].decode(), clip, hub.environment(tmp_path / "home"))
    assert process.returncode == 1
    assert "1 weights would start at random: classifier.bias" in process.stderr
