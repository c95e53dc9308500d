"""Recognize emotion in recordings.  files or waveforms -> label, probabilities, transcript"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import SAMPLE_RATE_HZ, hash_waveform, quantize
from mmser.errors import MmserError, SettingsError
from mmser.evaluation.predictions import softmax
from mmser.inference.waveforms import Clip, read_clip
from mmser.models.loading import Model, Processor, choose_device, load_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """What a model hears in one recording.

    Attributes:
        label: the most probable class.
        probabilities: class -> probability; all classes, summing to 1.
        transcript: what the text tower read; None for a model that hears sound alone.
        duration_s: seconds left after cleaning.
    """

    label: str
    probabilities: dict[str, float]
    transcript: str | None
    duration_s: float


class EmotionRecognizer:
    """A trained model with the preprocessing of its own corpus.

    Args:
        model: a fusion model or a stock audio classifier.
        processor: its processor.
        whisper: name or ``.pt`` file of the openai-whisper checkpoint that listens, in place of the one that
            the model names.
    """

    def __init__(self, model: Model, processor: Processor, *, whisper: str | None = None):
        self.model: Any = model.eval()
        self.processor = processor
        preprocessing = getattr(model.config, "preprocessing", None)
        if not preprocessing:
            raise SettingsError(
                "This model does not say how its clips were cleaned (config.preprocessing is empty). "
                "Load a folder that an mmser recipe wrote."
            )
        self.cleaning = CleaningSettings.from_dict(preprocessing["cleaning"])
        self.transcripts: dict[str, Any] = preprocessing["transcripts"]
        self.whisper: str | None = whisper or self.transcripts["whisper"]
        self.reads_text = getattr(model.config, "text_config", None) is not None

    @classmethod
    def from_pretrained(
        cls, source: str | Path, *, device: str | None = None, whisper: str | None = None
    ) -> "EmotionRecognizer":
        """Load the folder of a finished run.

        Args:
            source: the folder.
            device: where the model runs, e.g. "cpu"; by default the GPU where there is one.
            whisper: name or ``.pt`` file of the openai-whisper checkpoint that listens. A model names the one
                that its corpus was transcribed with; where that was a file, say here where it lies.

        Raises:
            CheckpointError: the folder lacks a file or weights that the model needs; none is ever initialised
                anew.
        """
        model, processor = load_model(source)
        model.to(choose_device(device))  # type: ignore[arg-type]
        return cls(model, processor, whisper=whisper)

    def predict(
        self,
        clips: Sequence[Clip],
        *,
        texts: Sequence[str] | None = None,
        batch_size: int = 8,
    ) -> list[Prediction]:
        """Predict recordings; each answer is the one it would get alone.

        Args:
            clips: audio files, or pairs of a waveform (S,) and its sample rate in Hz: floats of full scale 1,
                or integers, which are scaled by their type's full scale.
            texts: what is said in each; without it, for a model that reads text, Whisper listens.
            batch_size: clips in a batch.

        Returns:
            One prediction a clip, in order.

        Raises:
            AudioError: a file that cannot be read, or a silent recording.
            SettingsError: a waveform without its rate or that is not one channel of sound in scale
                (:func:`read_clip`), texts that do not match the clips, or a Whisper checkpoint that is not
                there.
        """
        if isinstance(clips, str | Path):
            raise SettingsError(f"Got one file, {str(clips)!r}, expected a list of clips: [{str(clips)!r}].")
        if texts is not None and len(texts) != len(clips):
            raise SettingsError(f"{len(texts)} texts for {len(clips)} clips, expected one each.")
        waveforms = [quantize(clean_waveform(*read_clip(clip), self.cleaning)) for clip in clips]
        transcripts = list(texts) if texts is not None else self._transcribe(waveforms)
        order = sorted(range(len(waveforms)), key=lambda index: len(waveforms[index]))
        predictions: dict[int, Prediction] = {}
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            rows = self._classify([waveforms[i] for i in batch], [transcripts[i] for i in batch])
            for index, row in zip(batch, rows, strict=True):
                predictions[index] = self._describe(waveforms[index], transcripts[index], row)
        return [predictions[index] for index in range(len(clips))]

    @torch.inference_mode()
    def _classify(self, waveforms: list[np.ndarray], texts: list[str]) -> list[list[float]]:
        """Class probabilities of a batch of cleaned waveforms, (B, C)."""
        features = [self.processor.features(*pair) for pair in zip(waveforms, texts, strict=True)]
        batch = {name: tensor.to(self.model.device) for name, tensor in self.processor.pad(features).items()}
        return softmax(self.model(**batch).logits.double().cpu().numpy()).tolist()

    def _describe(self, waveform: np.ndarray, transcript: str, row: list[float]) -> Prediction:
        classes = [self.model.config.id2label[index] for index in range(len(row))]
        return Prediction(
            label=classes[int(np.argmax(row))],
            probabilities=dict(zip(classes, row, strict=True)),
            transcript=transcript if self.reads_text else None,
            duration_s=len(waveform) / SAMPLE_RATE_HZ,
        )

    def _transcribe(self, waveforms: list[np.ndarray]) -> list[str]:
        """Transcripts by the Whisper checkpoint that the model's corpus was transcribed with."""
        if not self.reads_text:
            return [""] * len(waveforms)
        if self.transcripts["source"] != "whisper":
            raise SettingsError(
                f"This model was trained on {self.transcripts['source']} transcripts, not on Whisper's: "
                "say what is spoken with texts=[…] (`mmser predict --text`)."
            )
        from mmser.curation.listeners import TranscriptionSettings, make_listener
        from mmser.curation.transcription import transcribe_waveforms

        settings = TranscriptionSettings(
            str(self.whisper), self.transcripts["language"], self.transcripts["backend"]
        )
        try:
            make_listener(settings)
        except MmserError as error:
            raise SettingsError(
                f"{error} The model's corpus was transcribed with {self.transcripts['whisper']!r}. Say where "
                "that checkpoint is on this machine, or which of openai-whisper's it is (base, tiny.en …): "
                "whisper=… (`mmser predict --whisper`); or say what is spoken: texts=[…] (`--text`)."
            ) from error
        by_hash = {hash_waveform(waveform): waveform for waveform in waveforms}
        durations_s = {key: len(waveform) / SAMPLE_RATE_HZ for key, waveform in by_hash.items()}
        transcripts = transcribe_waveforms(by_hash.__getitem__, durations_s, settings, None, progress=False)
        return [transcripts[hash_waveform(waveform)].text for waveform in waveforms]
