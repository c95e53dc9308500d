"""Recognize emotion in recordings.  files or waveforms -> label, probabilities, transcript, warnings"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import SAMPLE_RATE_HZ, quantize
from mmser.errors import AudioError, MmserError, SettingsError
from mmser.evaluation.predictions import softmax
from mmser.inference.batching import iter_ahead, iter_groups
from mmser.inference.inspection import Limits, inspect_cleaned, inspect_recording, inspect_transcript
from mmser.inference.listening import Transcriber
from mmser.inference.prediction import ClipWarning, Prediction, choose_label
from mmser.inference.waveforms import Clip, read_clip
from mmser.memory import kept_memory
from mmser.models.batching import BatchLimits, iter_batches, max_batch_s
from mmser.models.loading import Model, Processor, choose_device, load_model
from mmser.models.precision import exact_float32, lower_encoders

BATCHES_AHEAD = 4  # clips that a thread cleans while others are heard, in batches
_UNHEARD = ClipWarning("silent", "Nothing is to be heard: it was judged by its text alone.")


@dataclass(frozen=True)
class _Cleaned:
    """A clip that can be classified; ``text`` is None until somebody has listened, or for good."""

    waveform: np.ndarray
    text: str | None
    warnings: tuple[ClipWarning, ...]
    has_sound: bool = True


class EmotionRecognizer:
    """A trained model with the preprocessing of its own corpus; several threads may use it at once.

    Args:
        model: a fusion model or a stock audio classifier.
        processor: its processor.
        whisper: name or ``.pt`` file of the openai-whisper checkpoint that listens, in place of the one that
            the model names; "none" where nobody is to, and a model that was trained with modality dropout
            goes by sound alone.
        abstain_threshold: a label is given from this probability on, 0 to 1, in place of the model's own
            (``config.abstain_threshold``); 0 always answers.
        dtype: "float32", or "bfloat16": the encoders of ``model`` are rounded, for good, which takes half
            the time where the processor multiplies it, and probabilities move a little.

    Attributes:
        classes: names in the order of the model's logits.
        temperature: what logits are divided by (``config.calibration_temperature``); 1 where there is none.
        abstain_threshold: see above; 0 where neither says one.
        reads_text: whether the model needs to know what is said.
        goes_without: whether it was trained to go without sound or without text (modality dropout).
        limits: what the model knows; clips beyond it get a warning.

    Raises:
        SettingsError: the model does not say how its clips were cleaned, the threshold is no probability, an
            export is to run in another precision than its own, or nobody is to listen for a model that cannot
            go without text.
        UnknownNameError: a precision that is none of the two.
    """

    def __init__(
        self,
        model: Model,
        processor: Processor,
        *,
        whisper: str | None = None,
        abstain_threshold: float | None = None,
        dtype: str = "float32",
    ):
        self.model: Any = lower_encoders(model.eval(), dtype)
        self.processor = processor
        config: Any = model.config
        preprocessing = getattr(config, "preprocessing", None)
        if not preprocessing:
            raise SettingsError(
                "This model does not say how its clips were cleaned (config.preprocessing is empty). "
                "Load a folder that an mmser recipe wrote."
            )
        self.cleaning = CleaningSettings.from_dict(preprocessing["cleaning"])
        self.reads_text = getattr(config, "text_config", None) is not None
        self.goes_without = bool(getattr(config, "modality_dropout", 0.0))
        self.transcriber = Transcriber(preprocessing["transcripts"], whisper)
        if self.transcriber.is_deaf and self.reads_text and not self.goes_without:
            raise SettingsError(
                "whisper is 'none', but this model reads what is said and was not trained to go without "
                "(modality_dropout). Name a checkpoint, or say what is spoken: texts=[…] (`--text`)."
            )
        self.classes: list[str] = [config.id2label[index] for index in range(len(config.id2label))]
        self.temperature: float = getattr(config, "calibration_temperature", None) or 1.0
        stored = getattr(config, "abstain_threshold", None) or 0.0
        self.abstain_threshold = check_threshold(stored if abstain_threshold is None else abstain_threshold)
        self.limits = Limits(
            self.cleaning.min_duration_s, getattr(config, "trained_duration_s", None), _window_s(processor)
        )
        self._lock = threading.Lock()

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        device: str | None = None,
        whisper: str | None = None,
        abstain_threshold: float | None = None,
        dtype: str = "float32",
    ) -> "EmotionRecognizer":
        """Load the folder of a finished run, or a model of the Hub.

        Args:
            source: the folder, or its name on the Hub.
            device: where the model runs, e.g. "cpu"; by default the GPU where there is one.
            whisper: as the class; where the model's own is a file, say here where it lies.
            abstain_threshold, dtype: as the class.

        Raises:
            CheckpointError: the folder lacks a file or weights that the model needs; none is ever initialised
                anew.
            SettingsError, UnknownNameError: as the class.
        """
        model, processor = load_model(source)
        model.to(choose_device(device))  # type: ignore[arg-type]
        return cls(model, processor, whisper=whisper, abstain_threshold=abstain_threshold, dtype=dtype)

    def predict(
        self,
        clips: Sequence[Clip],
        *,
        texts: Sequence[str | None] | None = None,
        batch_size: int = 8,
    ) -> list[Prediction]:
        """Predict recordings; each answer is the one it would get alone.

        Args:
            clips: audio files or their bytes, or pairs of a waveform (S,) and its sample rate in Hz: floats
                of full scale 1, or integers, which are scaled by their type's full scale.
            texts: what is said in each; where it is None, for a model that reads text, Whisper listens.
            batch_size: clips in a batch at most; a processor takes fewer long ones at a time.

        Returns:
            One prediction a clip, in order.

        Raises:
            AudioError: a file that cannot be read, or a silent recording; the first of them. Where the others
                are to be answered all the same use :meth:`iter_predictions`.
            SettingsError: a waveform without its rate or that is not one channel of sound in scale
                (:func:`read_clip`), texts that do not match the clips, or a Whisper checkpoint that is not
                there.
        """
        if isinstance(clips, str | Path | bytes):
            name = "bytes" if isinstance(clips, bytes) else repr(str(clips))
            raise SettingsError(f"Got one file, {name}, expected a list of clips: [{name}].")
        if texts is not None and len(texts) != len(clips):
            raise SettingsError(f"{len(texts)} texts for {len(clips)} clips, expected one each.")
        predictions = []
        for answer in self.iter_predictions(clips, texts=texts, batch_size=batch_size):
            if isinstance(answer, MmserError):
                raise answer
            predictions.append(answer)
        return predictions

    def iter_predictions(
        self,
        clips: Iterable[Clip],
        *,
        texts: Iterable[str | None] | None = None,
        batch_size: int = 8,
    ) -> Iterator[Prediction | MmserError]:
        """Predict any number of recordings, some batches at a time; a bad one does not stop the rest.

        Args:
            clips: as for :meth:`predict`; they are taken as they are needed.
            texts: as for :meth:`predict`.
            batch_size: clips in a batch.

        Yields:
            One answer a clip, in order: a prediction, or the error that says what is wrong with the clip.

        Raises:
            SettingsError: the batch size is not above 0, or a Whisper checkpoint is needed that is not there.
            ValueError: there is not one text a clip.
        """
        if batch_size < 1:
            raise SettingsError(f"batch_size is {batch_size}, expected clips in a batch, from 1.")
        if self.reads_text and texts is None:
            self.transcriber.check()
        pairs = zip(clips, repeat(None)) if texts is None else zip(clips, texts, strict=True)
        groups = iter_groups(enumerate(pairs), BATCHES_AHEAD * batch_size)
        for cleaned in iter_ahead(self._clean_each, groups):
            yield from self._answer(cleaned, batch_size)

    def _clean_each(
        self, items: Sequence[tuple[int, tuple[Clip, str | None]]]
    ) -> list[_Cleaned | MmserError]:
        """Clean numbered clips, or say what is wrong with them."""
        cleaned: list[_Cleaned | MmserError] = []
        for number, (clip, text) in items:
            try:
                cleaned.append(self._clean(clip, text, name_clip(clip, number)))
            except MmserError as error:
                cleaned.append(error)
        return cleaned

    def _clean(self, clip: Clip, text: str | None, name: str) -> _Cleaned:
        recording = read_clip(clip, where=name)
        try:
            waveform = quantize(clean_waveform(recording.waveform, recording.rate_hz, self.cleaning))
        except AudioError as error:
            if error.reason == "silent" and (text or "").strip() and self.goes_without:
                return _Cleaned(np.zeros(SAMPLE_RATE_HZ, np.float32), text, (_UNHEARD,), has_sound=False)
            raise AudioError(error.reason, f"{name}: {error}") from error
        return _Cleaned(
            waveform,
            text if self.reads_text else "",
            (*inspect_recording(*recording), *inspect_cleaned(len(waveform) / SAMPLE_RATE_HZ, self.limits)),
        )

    def _answer(
        self, clips: Sequence[_Cleaned | MmserError], batch_size: int
    ) -> Iterator[Prediction | MmserError]:
        """Answers in order; errors stay where they are."""
        good = [clip for clip in clips if isinstance(clip, _Cleaned)]
        with self._lock:
            heard = self._listen(good)
            rows = self._classify(heard, batch_size)
        answers = map(self._describe, heard, rows)
        for clip in clips:
            yield next(answers) if isinstance(clip, _Cleaned) else clip

    def _listen(self, clips: Sequence[_Cleaned]) -> list[_Cleaned]:
        """Let Whisper hear the clips that came without text."""
        if self.transcriber.is_deaf:
            return list(clips)
        unheard = [clip.waveform for clip in clips if clip.text is None]
        transcripts = iter(self.transcriber.transcribe(unheard) if unheard else [])
        return [replace(clip, text=next(transcripts)) if clip.text is None else clip for clip in clips]

    @torch.inference_mode()
    def _classify(self, clips: Sequence[_Cleaned], batch_size: int) -> np.ndarray:
        """Calibrated probabilities of clips with their texts, float64 (N, C)."""
        logits = np.empty((len(clips), len(self.classes)))
        lengths = [len(clip.waveform) for clip in clips]
        audio: Any = getattr(self.processor, "audio", self.processor)
        limits = BatchLimits(batch_size, max_batch_s(self.model.device) * SAMPLE_RATE_HZ / audio.stretch)
        with exact_float32(), kept_memory():
            for batch in iter_batches(lengths, limits):
                inputs = self._pad([clips[i] for i in batch])
                logits[batch] = self.model(**inputs).logits.double().cpu().numpy()
        return softmax(logits / self.temperature)

    def _pad(self, clips: Sequence[_Cleaned]) -> dict[str, Any]:
        features = [self.processor.features(each.waveform, each.text) for each in clips]
        inputs = {name: each.to(self.model.device) for name, each in self.processor.pad(features).items()}
        has_sound = torch.tensor([clip.has_sound for clip in clips], device=self.model.device)
        mask = inputs["attention_mask"]
        return {**inputs, "attention_mask": mask * has_sound.view(-1, *[1] * (mask.ndim - 1))}

    def _describe(self, clip: _Cleaned, row: np.ndarray) -> Prediction:
        probabilities = dict(zip(self.classes, row.tolist(), strict=True))
        expects_words = self.reads_text and self.transcriber.source != "none" and clip.text is not None
        return Prediction(
            label=choose_label(probabilities, self.abstain_threshold),
            probabilities=probabilities,
            transcript=clip.text if self.reads_text else None,
            duration_s=clip.has_sound * len(clip.waveform) / SAMPLE_RATE_HZ,
            warnings=(*clip.warnings, *(inspect_transcript(str(clip.text)) if expects_words else ())),
        )


def name_clip(clip: Clip, number: int) -> str:
    """What errors call a clip: its file, or its place in the list, from 0."""
    return str(clip) if isinstance(clip, str | Path) else f"clip {number}"


def check_threshold(threshold: float) -> float:
    """Return a threshold of :attr:`EmotionRecognizer.abstain_threshold` that is one.

    Raises:
        SettingsError: it is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise SettingsError(
            f"abstain_threshold is {threshold}, expected a probability from 0 (always answer) to 1."
        )
    return threshold


def _window_s(processor: Any) -> float | None:
    """Seconds that a Whisper tower hears; None of a tower that takes clips of any length."""
    audio = getattr(processor, "audio", processor)
    num_samples = getattr(audio.feature_extractor, "n_samples", None)
    return num_samples and min(audio.speeds) * num_samples / SAMPLE_RATE_HZ
