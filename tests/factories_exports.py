"""Finished runs whose answers differ widely between clips, so that a graph that is wrong shows."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from factories_corpus import make_tone
from factories_runs import save_model, save_speech_model

KINDS = {
    "hubert": lambda folder: save_model(folder, "hubert"),
    "fusion": lambda folder: save_model(folder, "fusion"),
    "speech": lambda folder: save_speech_model(folder),
    "speech-attention": lambda folder: save_speech_model(
        folder, audio_pooling="attention", audio_layers="1-2"
    ),
    "speech-wavlm": lambda folder: save_speech_model(folder, "wavlm"),
    "speech-whisper": lambda folder: save_speech_model(folder, "whisper"),
    "speech-speeds": lambda folder: save_speech_model(folder, speeds=(1.0, 1.2)),
    "speech-whisper-speeds": lambda folder: save_speech_model(folder, "whisper", speeds=(0.9, 1.0)),
}
CLIPS = (  # none as long as those that a graph is traced with
    (make_tone("sad", duration_s=2.3, seed=1), "kids are talking by the door"),
    (make_tone("angry", duration_s=0.7, seed=2), ""),
    (make_tone("happy", duration_s=3.9, seed=3), "the dogs"),
    (make_tone("happy", duration_s=1.31, seed=4), "kids"),
)


def save_run(folder: Path, kind: str) -> Path:
    """Write the folder of a run, its head large enough that a change of states shows."""
    return enlarge_head(KINDS[kind](folder))


def enlarge_head(folder: Path) -> Path:
    """Draw the weights of a head anew, with a deviation of 1."""
    torch.manual_seed(2)
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if name.startswith(("classifier.", "projector.", "audio_pooling.", "text_pooling.")):
            torch.nn.init.normal_(weight)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def logits_of(model, processor, clips=CLIPS) -> np.ndarray:
    """Logits of a batch of clips with their texts, (B, C)."""
    with torch.no_grad():
        return model(**processor.pad([processor.features(*clip) for clip in clips])).logits.numpy()
