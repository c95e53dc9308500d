"""Decode clips with Whisper, in batches.  waveforms (S,) at 16 kHz -> transcripts with their scores

``whisper.transcribe`` encodes 30 s for every clip and decodes one at a time. Clips of a corpus last two or
three seconds: here the silence after them is thinned and they are decoded together. What is thinned, and how
many tokens a clip may have, follows from its own duration: its transcript does not depend on the clips beside
it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from whisper.audio import HOP_LENGTH, log_mel_spectrogram
from whisper.decoding import DecodingOptions, DecodingResult, DecodingTask

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.curation.transcripts import (
    MAX_COMPRESSION_RATIO,
    MIN_AVG_LOGPROB,
    Transcript,
    is_silence,
    join_transcripts,
    judge,
)
from mmser.curation.whisper_inference import WindowInference
from mmser.curation.whisper_window import WINDOW_S, EncodedWindow, encode_window

TAIL_S = 0.2  # silence after a clip of which every position is kept
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
_BUCKETS_PER_S = 2
_TOKENS_PER_S = 10  # fast speech has about seven
_MIN_TOKENS = 12
_PAUSE_SAMPLES = SAMPLE_RATE_HZ // 5  # 0.2 s: the quietest place of that length is taken for a pause
_SEARCHED_S = 10  # of a window that a clip goes beyond, its last seconds are searched for a pause


def bucket_s(duration_s: float) -> float:
    """Seconds that decide how a clip is decoded; clips of one bucket may share a batch."""
    return min(math.ceil(_BUCKETS_PER_S * (duration_s + TAIL_S)) / _BUCKETS_PER_S, WINDOW_S)


def decode_clips(
    model: Any, waveforms: Sequence[np.ndarray], language: str, *, seeds: Sequence[int]
) -> list[Transcript]:
    """Transcribe clips of one bucket; those beyond Whisper's window are cut at pauses and joined again.

    Args:
        model: an openai-whisper model.
        waveforms: clips, each (S,), full scale 1, at 16 kHz, of one :func:`bucket_s`.
        language: code of the language spoken.
        seeds: one a clip, for the temperatures above zero that a clip falls back to.

    Returns:
        One transcript a clip, in order.
    """
    longest = max(len(waveform) for waveform in waveforms)
    if longest <= WINDOW_S * SAMPLE_RATE_HZ:
        return _decode_batch(model, waveforms, language, seeds)
    joined = []
    for waveform, seed in zip(waveforms, seeds, strict=True):
        parts = split_at_pauses(waveform)
        joined.append(join_transcripts([_decode_batch(model, [part], language, [seed])[0] for part in parts]))
    return joined


def split_at_pauses(waveform: np.ndarray) -> list[np.ndarray]:
    """Cut a clip (S,) into parts that fit into Whisper's window, each at its quietest late place."""
    window, searched = WINDOW_S * SAMPLE_RATE_HZ, _SEARCHED_S * SAMPLE_RATE_HZ
    parts = []
    while len(waveform) > window:
        energy = np.cumsum(waveform[window - searched : window].astype(np.float64) ** 2)
        pause = int(np.argmin(energy[_PAUSE_SAMPLES:] - energy[:-_PAUSE_SAMPLES]))
        cut = window - searched + pause + _PAUSE_SAMPLES // 2
        parts.append(waveform[:cut])
        waveform = waveform[cut:]
    return [*parts, waveform]


@torch.inference_mode()
def _decode_batch(
    model: Any, waveforms: Sequence[np.ndarray], language: str, seeds: Sequence[int]
) -> list[Transcript]:
    seconds = bucket_s(max(len(waveform) for waveform in waveforms) / SAMPLE_RATE_HZ)
    mels = torch.stack([_log_mel(model, waveform, seconds) for waveform in waveforms])  # (B, M, 2N)
    options = {
        "language": language,
        "without_timestamps": True,
        "fp16": False,
        "sample_len": min(_MIN_TOKENS + int(_TOKENS_PER_S * seconds), model.dims.n_text_ctx // 2),
    }
    results = _run(model, encode_window(model, mels), options)
    for index, result in enumerate(results):
        if has_failed(result, options["sample_len"]):
            results[index] = _fall_back(model, mels[index : index + 1], options, seeds[index])
    return [
        judge(each.text, each.avg_logprob, each.no_speech_prob, each.compression_ratio) for each in results
    ]


class _WindowTask(DecodingTask):
    """whisper's decoding of windows that are encoded already."""

    def __init__(self, model: Any, window: EncodedWindow, options: DecodingOptions):
        super().__init__(model, options)
        self.inference = WindowInference(model, window, self.tokenizer.eot)

    def _get_audio_features(self, mel: Tensor) -> Tensor:
        return mel


def _run(
    model: Any, window: EncodedWindow, options: dict[str, Any], temperature: float = 0.0
) -> list[DecodingResult]:
    task = _WindowTask(model, window, DecodingOptions(**options, temperature=temperature))
    return task.run(window.states)


def _log_mel(model: Any, waveform: np.ndarray, seconds: float) -> Tensor:
    """Log-mel spectrogram of a clip padded to ``seconds``, (M, 2N); its scale depends on this clip alone."""
    num_samples = int(seconds * SAMPLE_RATE_HZ)
    padded = np.zeros(num_samples, dtype=np.float32)
    padded[: len(waveform)] = waveform
    return log_mel_spectrogram(padded, model.dims.n_mels, device=model.device)[:, : num_samples // HOP_LENGTH]


def _fall_back(model: Any, mel: Tensor, options: dict[str, Any], seed: int) -> DecodingResult:
    """Decode a failed clip again in the whole window, then at rising temperatures, until it passes.

    The temperatures are those of ``whisper.transcribe``.
    """
    window = encode_window(model, mel, stride=1)
    (result,) = _run(model, window, options)
    for temperature in TEMPERATURES:
        if not has_failed(result, options["sample_len"]):
            break
        with torch.random.fork_rng(devices=[mel.device] if mel.is_cuda else []):
            torch.manual_seed(seed)
            (result,) = _run(model, window, options, temperature)
    return result


def has_failed(result: DecodingResult, max_tokens: int) -> bool:
    """Whether a transcript is a loop, a guess, or longer than its clip allows; silence is no failure."""
    if is_silence(result.avg_logprob, result.no_speech_prob):
        return False
    return (
        result.compression_ratio > MAX_COMPRESSION_RATIO
        or result.avg_logprob < MIN_AVG_LOGPROB
        or len(result.tokens) >= max_tokens
    )
