import noisereduce
import numpy as np
import pytest

from mmser.audio.denoising import reduce_noise


def make_noisy_clip(num_samples, seed=0):
    generator = np.random.default_rng(seed)
    time_s = np.arange(num_samples) / 16_000
    voice = np.sin(2 * np.pi * 200 * time_s) * (np.sin(2 * np.pi * 3 * time_s) > 0)
    return (0.3 * voice + 0.01 * generator.normal(size=num_samples)).astype(np.float32)


# one sample; below, at and above a hop and a window; odd lengths; longer than the floor's two seconds
@pytest.mark.parametrize("num_samples", [1, 255, 256, 1023, 1024, 1025, 16_000, 31_999, 48_001, 100_000])
def test_the_result_is_noisereduces_own(num_samples):
    clip = make_noisy_clip(num_samples)
    expected = noisereduce.reduce_noise(y=clip, sr=16_000)
    result = reduce_noise(clip, 16_000)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100])
def test_other_rates_are_the_librarys_too(rate_hz):
    clip = make_noisy_clip(30_000, seed=1)
    np.testing.assert_allclose(
        reduce_noise(clip, rate_hz), noisereduce.reduce_noise(y=clip, sr=rate_hz), atol=2e-6
    )


def test_a_recording_of_several_chunks_is_the_librarys():
    clip = make_noisy_clip(600_001)
    np.testing.assert_allclose(
        reduce_noise(clip, 16_000), noisereduce.reduce_noise(y=clip, sr=16_000), atol=2e-6
    )


def test_digital_silence_gives_no_finite_value_as_in_the_library():
    with np.errstate(all="ignore"):
        expected = noisereduce.reduce_noise(y=np.zeros(4000, np.float32), sr=16_000)
    assert not np.isfinite(expected).any()
    assert not np.isfinite(reduce_noise(np.zeros(4000, np.float32), 16_000)).any()
