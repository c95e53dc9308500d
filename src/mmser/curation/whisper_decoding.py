"""Decode short clips with Whisper, in batches.  waveforms (S,) at 16 kHz -> transcripts with their scores

``whisper.transcribe`` pads every clip to 30 s and decodes one at a time. Clips of a corpus last two or three
seconds: here the encoder's context is cut to 10 s (its positional embedding is sliced) and clips are decoded
together. Context and token limit follow from a clip's own duration, so its transcript does not depend on the
clips beside it.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
import whisper
from torch import Tensor
from whisper.audio import HOP_LENGTH, log_mel_spectrogram
from whisper.decoding import DecodingOptions, DecodingResult, DecodingTask

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.curation.transcripts import Transcript

MIN_CONTEXT_S = 10  # Whisper, trained on 30 s, repeats a sentence of 2 s in a context of 2 to 8 s
TAIL_S = 0.5  # silence after a longer clip, by which Whisper knows that it is over
WINDOW_S = 30  # all that Whisper can hear
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
MAX_COMPRESSION_RATIO = 2.4  # these three are whisper.transcribe's own thresholds
MIN_AVG_LOGPROB = -1.0
MAX_NO_SPEECH_PROB = 0.6
_TOKENS_PER_S = 10  # fast speech has about seven
_MIN_TOKENS = 12


def bucket_s(duration_s: float) -> int:
    """Whole seconds that decide how a clip is decoded; clips of one bucket may share a batch."""
    return min(math.ceil(duration_s + TAIL_S), WINDOW_S)


@torch.inference_mode()
def decode_clips(
    model: Any, waveforms: Sequence[np.ndarray], language: str, *, seeds: Sequence[int]
) -> list[Transcript]:
    """Transcribe clips of one bucket.

    Args:
        model: an openai-whisper model.
        waveforms: clips, each (S,), full scale 1, at 16 kHz, of one :func:`bucket_s`.
        language: code of the language spoken.
        seeds: one a clip, for the temperatures above zero that a clip falls back to.

    Returns:
        One transcript a clip, in order.
    """
    seconds = bucket_s(max(len(waveform) for waveform in waveforms) / SAMPLE_RATE_HZ)
    context_s = max(seconds, MIN_CONTEXT_S)
    mels = torch.stack([_log_mel(model, waveform, context_s) for waveform in waveforms])  # (B, M, 2F)
    features = _encode(model, mels)  # (B, F, D)
    options = {
        "language": language,
        "without_timestamps": True,
        "fp16": features.dtype == torch.float16,
        "sample_len": min(_MIN_TOKENS + _TOKENS_PER_S * seconds, model.dims.n_text_ctx // 2),
    }
    greedy = _EncodedTask(model, DecodingOptions(**options)).run(features)
    return [
        _judge(_fall_back(model, features[index : index + 1], result, options, seeds[index]))
        for index, result in enumerate(greedy)
    ]


class _EncodedTask(DecodingTask):
    """whisper's decoding of features that are encoded already, of any length."""

    def _get_audio_features(self, mel: Tensor) -> Tensor:
        return mel


def _log_mel(model: Any, waveform: np.ndarray, seconds: int) -> Tensor:
    """Log-mel spectrogram of a clip padded to ``seconds``, (M, 2F); its scale depends on this clip alone."""
    num_samples = seconds * SAMPLE_RATE_HZ
    padded = np.zeros(num_samples, dtype=np.float32)
    padded[: len(waveform)] = waveform[:num_samples]
    return log_mel_spectrogram(padded, model.dims.n_mels, device=model.device)[:, : num_samples // HOP_LENGTH]


def _encode(model: Any, mels: Tensor) -> Tensor:
    """The encoder's forward over as many positions as there are frames: (B, M, 2F) -> (B, F, D)."""
    encoder = model.encoder
    hidden = torch.nn.functional.gelu(encoder.conv1(mels.to(encoder.conv1.weight.dtype)))
    hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    hidden = hidden + encoder.positional_embedding[: hidden.shape[1]].to(hidden.dtype)
    for block in encoder.blocks:
        hidden = block(hidden)
    return encoder.ln_post(hidden)


def _fall_back(
    model: Any, features: Tensor, result: DecodingResult, options: dict[str, Any], seed: int
) -> DecodingResult:
    """Decode a failed clip again at rising temperatures until one passes, as ``whisper.transcribe`` does."""
    for temperature in TEMPERATURES:
        if not _has_failed(result):
            break
        with torch.random.fork_rng(devices=[features.device] if features.is_cuda else []):
            torch.manual_seed(seed)
            (result,) = _EncodedTask(model, DecodingOptions(**options, temperature=temperature)).run(features)
    return result


def _has_failed(result: DecodingResult) -> bool:
    """A loop or a guess; silence is no failure."""
    if _is_silence(result):
        return False
    return result.compression_ratio > MAX_COMPRESSION_RATIO or result.avg_logprob < MIN_AVG_LOGPROB


def _is_silence(result: DecodingResult) -> bool:
    return result.no_speech_prob > MAX_NO_SPEECH_PROB and result.avg_logprob < MIN_AVG_LOGPROB


def _judge(result: DecodingResult) -> Transcript:
    """Empty what Whisper made up: text over silence, and loops that stayed loops at every temperature."""
    made_up = _is_silence(result) or result.compression_ratio > MAX_COMPRESSION_RATIO
    return Transcript(
        text="" if made_up else result.text.strip(),
        avg_logprob=float(result.avg_logprob),
        no_speech_prob=float(result.no_speech_prob),
        compression_ratio=float(result.compression_ratio),
    )


@cache
def load_whisper(source: str) -> Any:
    """Load an openai-whisper checkpoint once a process, on the GPU where there is one."""
    return whisper.load_model(source, device="cuda" if torch.cuda.is_available() else "cpu").eval()
