"""Tiny checkpoints on disk, two clips of unlike length, and models built from them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion

CLASSES = ["angry", "happy", "sad"]
TEXT_OF = {"hubert": "bert", "wav2vec2": "roberta", "wavlm": "distilbert", "whisper": "gpt2"}


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    for audio, text in TEXT_OF.items():
        save_audio_checkpoint(audio, root / audio)
        save_text_checkpoint(text, root / text)
    return root


@pytest.fixture(scope="session")
def clips() -> tuple[np.ndarray, np.ndarray]:
    """One second and three seconds, the longer one louder."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.05, 16_000).astype(np.float32), rng.normal(0, 0.3, 48_000).astype(np.float32)


@pytest.fixture
def fusion(checkpoints):
    """Builds (model, processor) of one audio tower; its head large enough that a change of states shows."""

    def build(audio: str = "hubert", text: str | None = None, **options):
        torch.manual_seed(1)
        text = text or TEXT_OF[audio]
        model, processor = build_fusion(
            str(checkpoints / audio), str(checkpoints / text), CLASSES, window_s=4, **options
        )
        torch.nn.init.normal_(model.classifier.weight)
        return model, processor

    return build


@pytest.fixture
def audio_classifier(checkpoints):
    """Builds (model, features) of one encoder; its head large enough that a change of states shows."""

    def build(audio: str = "hubert", **options):
        torch.manual_seed(1)
        model, features = build_audio_classifier(str(checkpoints / audio), CLASSES, window_s=4, **options)
        torch.nn.init.normal_(model.projector.weight)
        torch.nn.init.normal_(model.classifier.weight)
        return model, features

    return build
