import pytest
import torch

from factories_corpus import CLASSES
from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.audio.cleaning import CleaningSettings
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion

REFERENCE = {"source": "reference", "whisper": None, "language": None}


@pytest.fixture
def save_run(tmp_path):
    """Write the folder of a run: model, processor, preprocessing."""

    def save(kind, transcripts=REFERENCE, preprocessing=True):
        torch.manual_seed(0)
        audio = str(save_audio_checkpoint("hubert", tmp_path / "hubert"))
        if kind == "fusion":
            text = str(save_text_checkpoint("bert", tmp_path / "bert"))
            model, processor = build_fusion(audio, text, CLASSES)
        else:
            model, processor = build_audio_classifier(audio, CLASSES)
        if preprocessing:
            model.config.preprocessing = {
                "cleaning": CleaningSettings().to_dict(),
                "transcripts": transcripts,
            }
        folder = tmp_path / "runs" / kind
        model.save_pretrained(folder)
        processor.save_pretrained(str(folder))
        return folder

    return save
