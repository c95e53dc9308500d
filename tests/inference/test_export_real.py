"""Real weights and real clips, in PyTorch and in onnxruntime."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from factories_corpus import CLASSES
from factories_exports import logits_of
from factories_runs import REFERENCE
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import read_waveform
from mmser.inference.export import MAX_DIFFERENCE, ExportSettings, export_run
from mmser.inference.onnx_graph import quantize_graph
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion, build_speech
from mmser.models.loading import load_model

pytestmark = [pytest.mark.weights, pytest.mark.corpus, pytest.mark.slow]
TEXTS = ("kids are talking by the door", "", "it is eleven o'clock", "dogs are sitting by the door")


@pytest.fixture(scope="module")
def clips():
    """A clip of each of four corpora, cleaned, each with a text."""
    folders = sorted(path for path in Path(os.environ["MMSER_CORPORA"]).iterdir() if path.is_dir())
    paths = [sorted(folder.rglob("*.wav"))[0] for folder in folders if any(folder.rglob("*.wav"))][:4]
    waveforms = [clean_waveform(*read_waveform(path), CleaningSettings()) for path in paths]
    return list(zip(waveforms, TEXTS, strict=False))


def build(kind):
    torch.manual_seed(0)
    weights = Path(os.environ["MMSER_MODELS"])
    audio, text = str(weights / "whisper-tiny.en"), str(weights / "minilm-l6")
    if kind == "stock":
        return build_audio_classifier(audio, CLASSES)
    if kind == "speech":
        return build_speech(audio, CLASSES, audio_pooling="mean+std", audio_layers="weighted")
    return build_fusion(audio, text, CLASSES)


@pytest.mark.parametrize("kind", ["stock", "speech", "fusion"])
def test_real_clips_get_the_same_logits_in_onnxruntime(clips, tmp_path, kind):
    model, processor = build(kind)
    torch.nn.init.normal_(model.classifier.weight)
    model.config.preprocessing = {"cleaning": CleaningSettings().to_dict(), "transcripts": REFERENCE}
    model.save_pretrained(tmp_path / "run")
    processor.save_pretrained(str(tmp_path / "run"))
    export_run(tmp_path / "run", tmp_path / "onnx", ExportSettings())
    expected = logits_of(model, processor, clips)
    assert len(clips) == 4
    assert np.ptp(expected, axis=0).max() > 0.1
    exported, features = load_model(tmp_path / "onnx")
    for chosen in (slice(None), *(slice(index, index + 1) for index in range(4))):
        difference = logits_of(exported, features, clips[chosen]) - expected[chosen]
        assert np.abs(difference).max() < MAX_DIFFERENCE
    quantize_graph(tmp_path / "onnx" / "model.onnx", tmp_path / "int8.onnx")
    whole = (tmp_path / "onnx" / "model.onnx").stat().st_size
    assert (tmp_path / "int8.onnx").stat().st_size < 0.4 * whole
