"""Hand-made features of a clip.  waveform (S,) at 16 kHz -> a vector (D,)

What each system of the literature takes: the 94 of Sharma's baselines and the six families of Pinto et al.
librosa computes them, with its own defaults (frames of 128 ms every 32 ms, centred) unless a paper says
otherwise. A vector holds means over time, and standard deviations where its family says so.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pywt

from mmser.audio.compiled import librosa
from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.errors import UnknownNameError

_HOP_SAMPLES = 512
_TEMPO_RANGE_BPM = (30.0, 300.0)
_NUM_TEMPO_BINS = 9  # of 30 beats a minute
_WAVELET, _WAVELET_LEVELS = "db4", 5


class Sound:
    """A clip and what several features share: its spectra, each computed once.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.
    """

    def __init__(self, waveform: np.ndarray):
        self.waveform = waveform

    @cached_property
    def magnitude(self) -> np.ndarray:
        """Short-time spectrum, (1025, F)."""
        return np.abs(librosa.stft(self.waveform))

    @cached_property
    def power(self) -> np.ndarray:
        """Its square, (1025, F)."""
        return self.magnitude**2

    def mel(self, num_bands: int) -> np.ndarray:
        """Mel spectrogram, power, (num_bands, F)."""
        return librosa.feature.melspectrogram(S=self.power, sr=SAMPLE_RATE_HZ, n_mels=num_bands)

    @cached_property
    def log_mel(self) -> np.ndarray:
        """Mel spectrogram of 128 bands in dB, (128, F)."""
        return librosa.power_to_db(self.mel(128))

    def mfcc(self, num_coefficients: int) -> np.ndarray:
        """Mel-frequency cepstral coefficients, (num_coefficients, F)."""
        return librosa.feature.mfcc(S=self.log_mel, n_mfcc=num_coefficients)

    @cached_property
    def chroma(self) -> np.ndarray:
        """Chromagram, (12, F)."""
        return librosa.feature.chroma_stft(S=self.power, sr=SAMPLE_RATE_HZ)


def compute_paper94(waveform: np.ndarray) -> np.ndarray:
    """Return the 94 features of Sharma's baselines.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.

    Returns:
        float32 (94,): means over time of the chromagram (12), the mel spectrogram (60), MFCC (20), the
        zero-crossing rate (1) and the spectral centroid in Hz (1).
    """
    sound = Sound(waveform)
    parts = (
        sound.chroma,
        sound.mel(60),
        sound.mfcc(20),
        librosa.feature.zero_crossing_rate(waveform),
        librosa.feature.spectral_centroid(S=sound.magnitude, sr=SAMPLE_RATE_HZ),
    )
    return np.concatenate([part.mean(axis=1) for part in parts]).astype(np.float32)


def compute_mlp_features(waveform: np.ndarray) -> np.ndarray:
    """Return the features of Yeralkhanova et al.: float32 (180,).

    Means over time of MFCC (40), the chromagram (12) and the mel spectrogram (128), as librosa has them.
    """
    sound = Sound(waveform)
    parts = (sound.mfcc(40), sound.chroma, sound.mel(128))
    return np.concatenate([part.mean(axis=1) for part in parts]).astype(np.float32)


def compute_families(waveform: np.ndarray, families: Sequence[str]) -> np.ndarray:
    """Return some of the six feature families that Pinto et al. survey, one after another.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.
        families: names of ``FAMILIES``.

    Returns:
        float32 (D,).

    Raises:
        UnknownNameError: no family has a name.
    """
    for name in families:
        if name not in FAMILIES:
            raise UnknownNameError("feature family", name, FAMILIES)
    sound = Sound(waveform)
    return np.concatenate([FAMILIES[name](sound) for name in families]).astype(np.float32)


def _mean_and_deviation(frames: np.ndarray) -> np.ndarray:
    """(D, F) -> means over time, then standard deviations, (2D,)."""
    return np.concatenate([frames.mean(axis=1), frames.std(axis=1)])


def _time(sound: Sound) -> np.ndarray:
    """RMS energy and zero crossings (mean and deviation), temporal centroid in s, variance; (6,)."""
    energy = librosa.feature.rms(y=sound.waveform)
    frame_times_s = librosa.frames_to_time(np.arange(energy.shape[1]), sr=SAMPLE_RATE_HZ)
    centroid_s = (energy[0] * frame_times_s).sum() / max(float(energy.sum()), 1e-12)
    crossings = librosa.feature.zero_crossing_rate(sound.waveform)
    return np.array(
        [
            *_mean_and_deviation(energy),
            *_mean_and_deviation(crossings),
            centroid_s,
            sound.waveform.var(dtype=np.float64),
        ]
    )


def _frequency(sound: Sound) -> np.ndarray:
    """Spectral centroid, bandwidth and roll-off in Hz, mean and deviation of each; (6,)."""
    return np.concatenate(
        [
            _mean_and_deviation(feature(S=sound.magnitude, sr=SAMPLE_RATE_HZ))
            for feature in (
                librosa.feature.spectral_centroid,
                librosa.feature.spectral_bandwidth,
                librosa.feature.spectral_rolloff,
            )
        ]
    )


def _mfcc(sound: Sound) -> np.ndarray:
    """20 MFCC, mean and deviation; (40,)."""
    return _mean_and_deviation(sound.mfcc(20))


def _chroma(sound: Sound) -> np.ndarray:
    """12 chroma bands, mean and deviation; (24,)."""
    return _mean_and_deviation(sound.chroma)


def _rhythm(sound: Sound) -> np.ndarray:
    """Tempo in beats a minute, and a beat histogram: how much of the onsets repeat at each tempo; (10,).

    The histogram has bins of 30 beats a minute from 30 to 300 and sums to 1, or is 0 where nothing repeats.
    """
    onsets = librosa.onset.onset_strength(S=sound.log_mel, sr=SAMPLE_RATE_HZ)
    tempo = librosa.feature.tempo(onset_envelope=onsets, sr=SAMPLE_RATE_HZ)[0] if onsets.any() else 0.0
    tempogram = librosa.feature.tempogram(onset_envelope=onsets, sr=SAMPLE_RATE_HZ).mean(axis=1)
    tempi = librosa.tempo_frequencies(len(tempogram), sr=SAMPLE_RATE_HZ, hop_length=_HOP_SAMPLES)
    histogram, _ = np.histogram(
        tempi[1:], bins=_NUM_TEMPO_BINS, range=_TEMPO_RANGE_BPM, weights=np.abs(tempogram[1:])
    )
    return np.array([tempo, *(histogram / max(float(histogram.sum()), 1e-12))])


def _wavelet(sound: Sound) -> np.ndarray:
    """Share of energy and entropy in nats of each of six sub-bands (Daubechies 4, five levels); (12,)."""
    bands = [
        band.astype(np.float64) ** 2
        for band in pywt.wavedec(sound.waveform, _WAVELET, level=_WAVELET_LEVELS, mode="periodization")
    ]
    energies = np.array([band.sum() for band in bands])
    shares = energies / max(float(energies.sum()), 1e-12)
    entropies = []
    for band, energy in zip(bands, energies, strict=True):
        probabilities = band[band > 0] / max(float(energy), 1e-300)
        entropies.append(float(-(probabilities * np.log(probabilities)).sum()))
    return np.concatenate([shares, entropies])


FAMILIES: Mapping[str, Callable[[Sound], np.ndarray]] = MappingProxyType(
    {
        "time": _time,
        "frequency": _frequency,
        "mfcc": _mfcc,
        "chroma": _chroma,
        "rhythm": _rhythm,
        "wavelet": _wavelet,
    }
)
