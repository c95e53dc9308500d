"""The folder of a finished run, without the training: model, processor, preprocessing, scores."""

from pathlib import Path

import torch

from factories_corpus import CLASSES
from factories_evaluation import make_facts, make_frame
from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.audio.cleaning import CleaningSettings
from mmser.evaluation.report import write_evaluation
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion, build_speech

REFERENCE = {"source": "reference", "whisper": None, "language": None, "backend": None}
WHISPER = {"source": "whisper", "whisper": "base", "language": "en", "backend": "openai-whisper"}


def save_model(
    folder: Path, kind: str, *, transcripts: dict = REFERENCE, preprocessing: bool = True, **fields
) -> Path:
    """Write model and processor of a run, "hubert", "whisper" or "fusion"; towers go beside the run's parent.

    ``fields`` are further ones of its configuration.
    """
    torch.manual_seed(0)
    towers = folder.parents[1]
    tower = "whisper" if kind == "whisper" else "hubert"
    audio = str(save_audio_checkpoint(tower, towers / tower))
    if kind == "fusion":
        text = str(save_text_checkpoint("bert", towers / "bert"))
        model, processor = build_fusion(audio, text, CLASSES)
    else:
        model, processor = build_audio_classifier(audio, CLASSES, window_s=2)
    if preprocessing:
        model.config.preprocessing = {"cleaning": CleaningSettings().to_dict(), "transcripts": transcripts}
    for name, value in fields.items():
        setattr(model.config, name, value)
    model.save_pretrained(folder)
    processor.save_pretrained(str(folder))
    return folder


def save_scores(folder: Path, rows: tuple[str, ...], **facts) -> Path:
    """Write metrics.json and predictions of a run whose test split is ``rows`` (``make_frame``)."""
    facts = {"settings": {"corpus": "corpora/gone", "out": str(folder)}, **facts}
    write_evaluation(folder, make_facts(**facts), make_frame(rows, CLASSES), None)
    return folder


def save_speech_model(folder: Path, audio: str = "hubert", **head) -> Path:
    """Write model and processor of a run of sound alone whose head is not the stock one."""
    torch.manual_seed(0)
    tower = str(save_audio_checkpoint(audio, folder.parents[1] / audio))
    head = {"audio_pooling": "mean+std", "audio_layers": "weighted"} | head
    model, processor = build_speech(tower, CLASSES, window_s=4, **head)
    model.config.preprocessing = {"cleaning": CleaningSettings().to_dict(), "transcripts": REFERENCE}
    model.save_pretrained(folder)
    processor.save_pretrained(str(folder))
    return folder
