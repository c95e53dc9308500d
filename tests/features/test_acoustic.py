import librosa
import numpy as np
import pytest

from mmser.features.acoustic import FAMILIES, compute_families, compute_mlp_features, compute_paper94

SIZES = {"time": 6, "frequency": 6, "mfcc": 40, "chroma": 24, "rhythm": 10, "wavelet": 12}


def sine(hz, seconds=2.0):
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * 16_000)) / 16_000).astype(np.float32)


def family(waveform, name):
    return compute_families(waveform, [name])


def test_the_94_are_in_the_papers_order():
    # A5 is 880 Hz: chroma band 9 of C, C#, D …; it crosses zero 2 * 880 times a second of 16,000 samples
    features = compute_paper94(sine(880))
    assert features.shape == (94,)
    assert features.dtype == np.float32
    assert features[:12].argmax() == 9
    assert features[92] == pytest.approx(2 * 880 / 16_000, rel=0.05)
    assert features[93] == pytest.approx(880, rel=0.05)


def test_the_94_are_librosas_own_means():
    waveform = (0.1 * np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
    usual = {"y": waveform, "sr": 16_000}
    expected = [
        librosa.feature.chroma_stft(**usual),
        librosa.feature.melspectrogram(**usual, n_mels=60),
        librosa.feature.mfcc(**usual, n_mfcc=20),
        librosa.feature.zero_crossing_rate(waveform),
        librosa.feature.spectral_centroid(**usual),
    ]
    means = np.concatenate([each.mean(axis=1) for each in expected])
    assert np.allclose(compute_paper94(waveform), means, rtol=1e-4, atol=1e-4)


def test_the_mlp_takes_mfcc_chroma_and_mel():
    features = compute_mlp_features(sine(440))
    assert features.shape == (40 + 12 + 128,)
    assert features[40:52].argmax() == 9  # A4


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_its_size_and_stands_where_it_was_asked_for(name):
    waveform = sine(300) + 0.5 * sine(2000)
    alone = family(waveform, name)
    assert alone.shape == (SIZES[name],)
    both = compute_families(waveform, ["time", name])
    assert np.array_equal(both[6:], alone)


def test_energy_that_comes_late_has_a_late_centroid():
    waveform = np.concatenate([np.zeros(16_000, np.float32), sine(440, 1.0)])
    energy_mean, energy_deviation, *_, centroid_s, variance = family(waveform, "time")
    assert centroid_s == pytest.approx(1.5, abs=0.05)
    assert energy_mean == pytest.approx(0.5 / np.sqrt(2), rel=0.05)  # half of it silent
    assert energy_deviation == pytest.approx(energy_mean, rel=0.1)  # 0 or twice the mean
    assert variance == pytest.approx(0.25, rel=0.01)


def test_a_sine_is_narrow_and_noise_is_wide():
    noise = (0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)
    narrow, wide = family(sine(1000), "frequency"), family(noise, "frequency")
    assert narrow[0] == pytest.approx(1000, rel=0.05)  # centroid
    assert wide[0] == pytest.approx(4000, rel=0.05)
    assert narrow[2] < 400 < 2000 < wide[2]  # bandwidth
    assert narrow[4] == pytest.approx(1000, abs=50)  # roll-off: 85 % of the energy lies below
    assert wide[4] == pytest.approx(0.85 * 8000, rel=0.05)


def test_clicks_have_their_tempo():
    clicks = np.zeros(8 * 16_000, np.float32)
    clicks[::8_000] = 1.0  # two a second
    tempo, *histogram = family(clicks, "rhythm")
    assert tempo == pytest.approx(120, rel=0.03)
    assert sum(histogram) == pytest.approx(1)


def test_energy_falls_into_the_sub_band_of_its_frequency():
    # six bands: up to 250 Hz, then 250-500, 500-1000, 1000-2000, 2000-4000, 4000-8000
    for hz, band in ((100, 0), (350, 1), (700, 2), (1500, 3), (3000, 4), (6000, 5)):
        shares = family(sine(hz), "wavelet")[:6]
        assert shares.sum() == pytest.approx(1)
        assert shares.argmax() == band
        assert shares[band] > 0.7


def test_a_sub_band_with_one_sound_has_no_entropy_and_noise_has_much():
    impulse = np.zeros(16_000, np.float32)
    impulse[8_000] = 1.0
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    # white noise spreads over the 8,000 samples of its highest band: ln 8000 = 8.99, less 0.73 for squares
    assert family(noise, "wavelet")[11] == pytest.approx(8.99 - 0.73, abs=0.05)
    assert family(impulse, "wavelet")[11] < 2


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("waveform", [np.zeros(16_000, np.float32), sine(440, 0.01)], ids=["silent", "short"])
def test_silence_and_scraps_have_finite_features(waveform):
    assert np.isfinite(compute_paper94(waveform)).all()
    assert np.isfinite(compute_families(waveform, list(FAMILIES))).all()


def test_an_unknown_family_is_refused():
    from mmser.errors import UnknownNameError

    with pytest.raises(UnknownNameError, match=r"Unknown feature family 'wavelets'.*Did you mean 'wavelet'"):
        compute_families(sine(440), ["wavelets"])


def mean_and_deviation(frames):
    return np.concatenate([frames.mean(axis=1), frames.std(axis=1)])


def paper94_of_librosa(usual):
    feature = librosa.feature
    parts = [
        feature.chroma_stft(**usual),
        feature.melspectrogram(**usual, n_mels=60),
        feature.mfcc(**usual, n_mfcc=20),
        feature.zero_crossing_rate(usual["y"]),
        feature.spectral_centroid(**usual),
    ]
    return [part.mean(axis=1) for part in parts]


def families_of_librosa(usual):
    """Of all but the wavelets, which librosa does not have, and the temporal centroid and variance."""
    feature = librosa.feature
    tempogram = feature.tempogram(**usual).mean(axis=1)[1:]
    tempi = librosa.tempo_frequencies(len(tempogram) + 1, sr=16_000)[1:]
    histogram = np.array(
        [np.abs(tempogram[(tempi >= low) & (tempi < low + 30)]).sum() for low in range(30, 300, 30)]
    )
    return {
        "time": [
            mean_and_deviation(each(y=usual["y"])) for each in (feature.rms, feature.zero_crossing_rate)
        ],
        "frequency": [
            mean_and_deviation(each(**usual))
            for each in (feature.spectral_centroid, feature.spectral_bandwidth, feature.spectral_rolloff)
        ],
        "mfcc": [mean_and_deviation(feature.mfcc(**usual, n_mfcc=20))],
        "chroma": [mean_and_deviation(feature.chroma_stft(**usual))],
        "rhythm": [feature.tempo(**usual), histogram / histogram.sum()],
    }


@pytest.mark.corpus
def test_real_clips_have_librosas_94(real_waveforms):
    for waveform in real_waveforms:
        found = np.split(compute_paper94(waveform), [12, 72, 92, 93])
        expected = paper94_of_librosa({"y": waveform, "sr": 16_000})
        for part, librosas in zip(found, expected, strict=True):
            assert np.allclose(part, librosas, rtol=1e-4, atol=1e-8)


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["time", "frequency", "mfcc", "chroma", "rhythm"])
def test_real_clips_have_librosas_families(real_waveforms, name):
    for waveform in real_waveforms:
        expected = np.concatenate(families_of_librosa({"y": waveform, "sr": 16_000})[name])
        found = family(waveform, name)
        assert len(found) - len(expected) == (2 if name == "time" else 0)
        assert np.allclose(found[: len(expected)], expected, rtol=1e-4, atol=1e-4 * (name == "mfcc"))
