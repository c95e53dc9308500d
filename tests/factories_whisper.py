"""A tiny random openai-whisper checkpoint: what `whisper.load_model(path)` takes, without its weights."""

from pathlib import Path

import torch
from whisper.model import ModelDimensions, Whisper


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
