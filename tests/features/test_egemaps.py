import sys

import numpy as np
import pytest

from mmser.errors import SettingsError
from mmser.features import egemaps
from mmser.features.egemaps import compute_egemaps


def test_a_higher_voice_has_a_higher_pitch():
    times_s = np.arange(32_000) / 16_000
    low, high = (
        sum(np.sin(2 * np.pi * hz * k * times_s) / k for k in range(1, 10)).astype(np.float32) * 0.2
        for hz in (120, 240)
    )
    low, high = compute_egemaps(low), compute_egemaps(high)
    assert low.shape == (88,)
    assert low.dtype == np.float32
    # feature 0 is the mean of F0 in semitones above 27.5 Hz: an octave is 12
    assert high[0] - low[0] == pytest.approx(12, abs=0.5)


def test_without_opensmile_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    egemaps._load_smile.cache_clear()
    with pytest.raises(SettingsError, match=r"pip install 'mmser\[opensmile\]'"):
        compute_egemaps(np.zeros(16_000, np.float32))
