"""openSMILE's eGeMAPS, where opensmile is installed.  waveform (S,) at 16 kHz -> a vector (88,)"""

from functools import cache
from typing import Any

import numpy as np

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.errors import SettingsError


def compute_egemaps(waveform: np.ndarray) -> np.ndarray:
    """Return the 88 functionals of the extended Geneva minimalistic acoustic parameter set, version 2.

    Args:
        waveform: float32 (S,), full scale 1, at 16 kHz.

    Returns:
        float32 (88,), F. Eyben et al., IEEE Transactions on Affective Computing 7 (2016).

    Raises:
        SettingsError: opensmile is not installed.
    """
    return _load_smile().process_signal(waveform, SAMPLE_RATE_HZ).to_numpy(np.float32)[0]


@cache
def _load_smile() -> Any:
    try:
        import opensmile
    except ImportError as error:
        raise SettingsError(
            "eGeMAPS needs openSMILE: pip install 'mmser[opensmile]' (its licence is for research alone)."
        ) from error
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
