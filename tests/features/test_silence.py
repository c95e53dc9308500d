import numpy as np
import pytest

from mmser.features.silence import compute_silence

RATE_HZ = 16_000


def make_clip(*parts, seed=0):
    """Noise of one level after another: pairs of seconds and root mean square."""
    rng = np.random.default_rng(seed)
    noises = [level * rng.standard_normal(round(seconds * RATE_HZ)) for seconds, level in parts]
    return np.concatenate(noises).astype(np.float32)


def test_a_clip_gives_22_finite_numbers():
    found = compute_silence(make_clip((1, 0.1), (0.5, 0.001)))
    assert (found.shape, found.dtype) == ((22,), np.float32)
    assert np.isfinite(found).all()


def test_share_and_level_are_those_of_frames_30_db_below_the_peak():
    # a quarter at 0.001, which is -60 dB of full scale and 40 dB below the rest
    share, level_db = compute_silence(make_clip((1.5, 0.1), (0.5, 0.001)))[:2]
    assert share == pytest.approx(0.25, abs=0.02)
    assert level_db == pytest.approx(-60, abs=1)


def test_frames_20_db_below_the_peak_are_not_quiet():
    # none is quiet, so the quietest tenth is described: all of it in the part at -40 dB
    share, level_db = compute_silence(make_clip((1.5, 0.1), (0.5, 0.01)))[:2]
    assert share == 0
    assert level_db == pytest.approx(-40.5, abs=1)


def test_what_is_loud_is_not_described():
    quiet = make_clip((0.5, 0.0005))
    first = compute_silence(np.concatenate([make_clip((1, 0.1), seed=1), quiet]))
    tone = 0.15 * np.sin(2 * np.pi * 300 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    second = compute_silence(np.concatenate([tone, quiet]))
    # only the frames on the border hold any of it, and they are loud
    assert np.allclose(first, second, atol=1e-3)


def test_digital_silence_counts_as_minus_120_db():
    share, level_db = compute_silence(np.concatenate([make_clip((1, 0.1)), np.zeros(RATE_HZ, np.float32)]))[
        :2
    ]
    assert share == pytest.approx(0.5, abs=0.02)
    assert level_db == pytest.approx(-120)


@pytest.mark.parametrize("num_samples", [1, 399, 400])
def test_a_clip_shorter_than_a_frame_is_one_frame(num_samples):
    found = compute_silence(np.full(num_samples, 0.1, dtype=np.float32))
    assert np.isfinite(found).all()
    assert found[0] == 0
