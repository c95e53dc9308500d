"""Features of a clip.  waveform (S,) -> input values and mask, unpadded; several -> one padded batch.

A clip's features depend on that clip alone: it is normalised over its own samples, then padded with zeros.
Where it is heard at several speeds, values and mask have one more axis, of H hearings, before their own.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .speeds import change_speed

logger = logging.getLogger(__name__)

MIN_SAMPLES = 400  # what one frame of a wav2vec 2.0-like encoder sees: 25 ms at 16 kHz


class AudioFeatures:
    """Make a speech encoder's input, the same for training, evaluation and inference.

    Args:
        feature_extractor: the encoder's own; Whisper's carries the window that it pads and crops to. Its
            ``speeds``, if it has any, are those at which each clip is heard.
        input_name: key of the input values; by default what the stock model calls them.
    """

    def __init__(self, feature_extractor: Any, *, input_name: str | None = None):
        self.feature_extractor = feature_extractor
        self.input_name = input_name or feature_extractor.model_input_names[0]
        self._has_warned_of_crop = False

    @property
    def speeds(self) -> Sequence[float]:
        """At which a clip is heard; 1 is as it was recorded."""
        return getattr(self.feature_extractor, "speeds", None) or (1.0,)

    @property
    def stretch(self) -> float:
        """Seconds that a clip of one second takes in a batch: all its hearings, padded to the longest."""
        return len(self.speeds) / min(self.speeds)

    def features(self, waveform: np.ndarray, text: str | None = None) -> dict[str, np.ndarray]:
        """Features of one clip.

        Args:
            waveform: cleaned, at the feature extractor's rate, (S,).
            text: not read; here so that models with and without text are called alike.

        Returns:
            The input values, (S,), or the log-mel spectrogram (80, M) of the whole window for Whisper; and
            ``attention_mask``, 1 at what is real, (S,) or (M,). At several speeds (H, S) or (H, 80, M), and
            (H, S) or (H, M).

        Raises:
            ValueError: the waveform is not one channel of finite samples.
        """
        waveform = _check_waveform(waveform)
        hearings = [self._hear(waveform, speed) for speed in self.speeds]
        if len(hearings) == 1:
            return hearings[0]
        return {name: _stack([each[name] for each in hearings]) for name in hearings[0]}

    def _hear(self, waveform: np.ndarray, speed: float) -> dict[str, np.ndarray]:
        """Features of one clip at one speed."""
        waveform = change_speed(waveform, speed)
        if hasattr(self.feature_extractor, "n_samples"):
            return self._spectrogram(waveform, speed)
        values = self._extract(waveform)
        values = np.pad(values, (0, max(0, MIN_SAMPLES - len(values))))
        return {self.input_name: values, "attention_mask": np.ones(len(values), dtype=np.int64)}

    def check_rate(self, sampling_rate: int | None) -> None:
        """Refuse waveforms of another rate, in Hz, than the model's.

        Raises:
            ValueError: it is not given or another one.
        """
        expected = self.feature_extractor.sampling_rate
        if sampling_rate != expected:
            raise ValueError(
                f"sampling_rate is {sampling_rate}, expected {expected}: resample the waveforms to "
                f"{expected} Hz and pass sampling_rate={expected}."
            )

    def pad(self, features: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Tensor]:
        """Pad clips with zeros to the longest of them.

        Args:
            features: what :meth:`features` gave for each, B of them.

        Returns:
            The input values, (B, S) or (B, 80, M), and ``attention_mask``, (B, S) or (B, M); at several
            speeds (B, H, S) or (B, H, 80, M), and (B, H, S) or (B, H, M).
        """
        return {
            name: pad_arrays([clip[name] for clip in features])
            for name in (self.input_name, "attention_mask")
        }

    def to_dict(self) -> dict[str, Any]:
        """What decides the features: the feature extractor's settings."""
        return self.feature_extractor.to_dict()

    def save_pretrained(self, folder: str) -> None:
        """Write the feature extractor, as stock pipelines read it."""
        self.feature_extractor.save_pretrained(folder)

    def _spectrogram(self, waveform: np.ndarray, speed: float) -> dict[str, np.ndarray]:
        window, hop = self.feature_extractor.n_samples, self.feature_extractor.hop_length
        if len(waveform) > window and not self._has_warned_of_crop:
            self._has_warned_of_crop = True
            logger.warning(
                "A clip of %.1f s is cropped to the model's window of %.1f s, and so is every longer one.",
                speed * len(waveform) / self.feature_extractor.sampling_rate,  # seconds as they were recorded
                speed * window / self.feature_extractor.sampling_rate,
            )
        waveform = waveform[:window]
        values = self._extract(waveform)
        num_real = -(-len(waveform) // hop)
        mask = np.arange(values.shape[-1]) < num_real
        return {self.input_name: values, "attention_mask": mask.astype(np.int64)}

    def _extract(self, waveform: np.ndarray) -> np.ndarray:
        rate_hz = self.feature_extractor.sampling_rate
        stock = self.feature_extractor(waveform, sampling_rate=rate_hz, return_tensors="np")
        return np.asarray(stock[self.feature_extractor.model_input_names[0]][0], dtype=np.float32)


def pad_arrays(arrays: Sequence[np.ndarray], value: float = 0) -> Tensor:
    """Stack arrays of one kind, their last axis filled up with ``value`` to the longest."""
    return torch.from_numpy(_stack(arrays, value))


def _stack(arrays: Sequence[np.ndarray], value: float = 0) -> np.ndarray:
    longest = max(array.shape[-1] for array in arrays)
    padded = [
        np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, longest - array.shape[-1])], constant_values=value)
        for array in arrays
    ]
    return np.stack(padded)


def _check_waveform(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(
            f"A waveform of shape {waveform.shape}, expected one channel of at least one sample, (S,)."
        )
    if not np.isfinite(waveform).all():
        raise ValueError("Got a waveform with samples that are NaN or infinite, expected a cleaned one.")
    return waveform
