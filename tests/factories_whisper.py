"""Whisper without its weights: a tiny random checkpoint for `whisper.load_model(path)`, a fake listener."""

from pathlib import Path
from typing import ClassVar

import torch
from whisper.model import ModelDimensions, Whisper

from mmser.curation.transcripts import Transcript


def save_whisper_checkpoint(path: Path, *, multilingual: bool = True, seed: int = 0) -> Path:
    """Write one: two layers, width 16, the real vocabularies (51,865 tokens, English alone 51,864)."""
    torch.manual_seed(seed)
    dims = ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=16,
        n_audio_head=2,
        n_audio_layer=2,
        n_vocab=51865 if multilingual else 51864,
        n_text_ctx=64,
        n_text_state=16,
        n_text_head=2,
        n_text_layer=2,
    )
    model = Whisper(dims)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
    return path


class FakeListener:
    """Hears the checkpoint's name and the language in every clip; ``heard`` has the size of each batch."""

    heard: ClassVar[list[int]] = []

    def __init__(self, settings):
        self.settings = settings

    def check(self):
        pass

    def fetch(self):
        pass

    @property
    def identity(self):
        return f"fake-{self.settings.whisper.replace('/', '-')}-{self.settings.language}"

    def bucket_s(self, duration_s):
        return 1.0

    def decode(self, waveforms, seeds):
        self.heard.append(len(waveforms))
        text = f"{self.settings.whisper} {self.settings.language}"
        return [Transcript(text, -0.5, 0.1, 1.0, "") for _ in waveforms]
