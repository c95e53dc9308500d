"""The sound of what is not speech.  waveform (S,) at 16 kHz -> a vector (22,)

What stands between the words is the room, the microphone and what was done to the recording. If it tells the
emotion, a model can learn the recording instead.
"""

import numpy as np

from mmser.audio.compiled import librosa
from mmser.audio.io import SAMPLE_RATE_HZ

QUIET_BELOW_PEAK_DB = 30.0
_FRAME_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000
_HOP_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
_QUIETEST_SHARE = 0.1  # of the frames, where none is quiet
_LEAST_AMPLITUDE = 1e-6  # digital silence counts as -120 dB
_NUM_MEL_BANDS, _NUM_COEFFICIENTS = 40, 20


def compute_silence(waveform: np.ndarray) -> np.ndarray:
    """Describe the frames of 25 ms whose level is 30 dB or more below that of the loudest.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.

    Returns:
        float32 (22,): the share of such frames; their mean level in dB of full scale; the mean over them of
        20 MFCC. Where no frame is so quiet the share is 0, and the quietest tenth of the frames is described.
    """
    padded = np.pad(waveform, (0, max(0, _FRAME_SAMPLES - len(waveform))))
    (energy,) = librosa.feature.rms(
        y=padded, frame_length=_FRAME_SAMPLES, hop_length=_HOP_SAMPLES, center=False
    )
    levels_db = 20 * np.log10(np.maximum(energy, _LEAST_AMPLITUDE))
    quiet = levels_db <= levels_db.max() - QUIET_BELOW_PEAK_DB
    share = quiet.mean()
    if not share:
        quiet = levels_db <= np.quantile(levels_db, _QUIETEST_SHARE)
    mel = librosa.feature.melspectrogram(
        y=padded,
        sr=SAMPLE_RATE_HZ,
        n_fft=_FRAME_SAMPLES,
        hop_length=_HOP_SAMPLES,
        center=False,
        n_mels=_NUM_MEL_BANDS,
    )
    log_mel = librosa.power_to_db(mel, amin=_LEAST_AMPLITUDE**2, top_db=None)  # top_db would let the peak in
    coefficients = librosa.feature.mfcc(S=log_mel, n_mfcc=_NUM_COEFFICIENTS)
    described = [share, levels_db[quiet].mean(), *coefficients[:, quiet].mean(axis=1)]
    return np.array(described, dtype=np.float32)
