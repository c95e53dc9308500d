"""Hear a clip at several speeds.  waveform (S,), speed -> waveform (S / speed,)

What a frozen encoder says of a clip changes with the speed at which it is played, pitch with it, and not all
of that is the speaker's emotion: its states at several speeds, pooled together, say it more steadily.
"""

import numpy as np

LOWEST, HIGHEST = 0.5, 2.0


def parse_speeds(text: str) -> tuple[float, ...]:
    """Read speeds as settings have them: "1", or "1+1.1+1.2".

    Raises:
        ValueError: not numbers from 0.5 to 2, each given once.
    """
    try:
        speeds = tuple(float(each) for each in text.split("+"))
    except ValueError:
        speeds = ()
    if not speeds or len(set(speeds)) < len(speeds) or not all(LOWEST <= each <= HIGHEST for each in speeds):
        raise ValueError(
            f"speeds is {text!r}, expected numbers from {LOWEST:g} to {HIGHEST:g}, each once, such as "
            "'1' or '1+1.1+1.2'."
        )
    return speeds


def change_speed(waveform: np.ndarray, speed: float) -> np.ndarray:
    """Play a clip faster or slower, its pitch with it: its spectrum is cut or filled up with zeros.

    Args:
        waveform: float32 (S,).
        speed: above 1 is faster.

    Returns:
        float32 (S / speed,), rounded, at least one sample.
    """
    length = max(1, round(len(waveform) / speed))
    if length == len(waveform):
        return waveform
    spectrum = np.fft.rfft(waveform)
    return (np.fft.irfft(spectrum, length) * (length / len(waveform))).astype(np.float32)
