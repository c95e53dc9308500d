import numpy as np
import pytest
import torch

from mmser.errors import AudioError, SettingsError
from mmser.inference.waveforms import Recording, read_clip

SECOND = np.full(16_000, 0.5, dtype=np.float32)


@pytest.mark.parametrize(
    ("samples", "dtype"),
    [
        ([16384, -32768], np.int16),
        ([2**30, -(2**31)], np.int32),
        ([64, -128], np.int8),
        ([192, 0], np.uint8),  # silence is 128
        ([0.5, -1.0], np.float16),
        ([0.5, -1.0], np.float64),
    ],
)
def test_every_type_of_samples_has_full_scale_one(samples, dtype):
    waveform, rate_hz, num_channels = read_clip((np.array(samples, dtype=dtype), 16_000))
    assert waveform.dtype == np.float32
    assert waveform.tolist() == [0.5, -1.0]
    assert (rate_hz, num_channels) == (16_000, 1)


def test_lists_and_tensors_are_arrays():
    assert read_clip(([0.5, -1.0], 16_000))[0].tolist() == [0.5, -1.0]
    assert read_clip((torch.tensor([0.5, -1.0]), 16_000))[0].tolist() == [0.5, -1.0]


def test_what_was_read_before_is_taken_as_it_is():
    recording = Recording(SECOND, 16_000, num_channels=8)
    assert read_clip(recording) is recording
    with pytest.raises(AudioError, match=r"lasts 121\.0 seconds, expected a clip of 120 at most"):
        read_clip(recording._replace(waveform=np.zeros(121 * 16_000)))


def test_floats_may_go_a_little_over_full_scale():
    assert read_clip((np.array([0.0, -1.4]), 16_000))[0].min() == np.float32(-1.4)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (
            np.stack([SECOND] * 2, axis=1),
            r"shape \(16000, 2\).*Average the channels: waveform\.mean\(axis=1\)",
        ),
        (np.stack([SECOND] * 2), r"shape \(2, 16000\).*Average the channels: waveform\.mean\(axis=0\)"),
        (np.float32(0.5), r"shape \(\), expected one channel"),
        (SECOND[:0], "holds no samples"),
        (np.append(SECOND, np.nan), "NaN or infinite"),
        (np.append(SECOND, -np.inf), "NaN or infinite"),
        (SECOND * 20_000, r"peaks at 10000, expected full scale 1: .*waveform / 32768 for 16 bits"),
        (np.ones(9, dtype=np.int64), r"holds int64, expected floats of full scale 1, or one of \['int16'"),
        (np.ones(9, dtype=bool), "holds bool, expected floats"),
        (SECOND.astype(complex), "holds complex128, expected floats"),
        ([[0.1], [0.1, 0.2]], r"cannot be read as an array .* Pass a NumPy array"),
        (torch.ones(9, requires_grad=True), r"requires grad.* Pass a NumPy array"),
    ],
)
def test_what_is_not_one_channel_of_sound_in_scale_is_refused(waveform, message):
    with pytest.raises(SettingsError, match=message):
        read_clip((waveform, 16_000))


@pytest.mark.parametrize("rate_hz", [None, "16000", True, [16_000]])
def test_a_rate_that_is_no_number_is_refused(rate_hz):
    with pytest.raises(SettingsError, match="expected a number in Hz"):
        read_clip((SECOND, rate_hz))


@pytest.mark.parametrize("rate_hz", [0, -16_000, 44.1, 22_050.5, float("nan"), float("inf"), 10**9])
def test_a_rate_that_no_recording_has_is_refused(rate_hz):
    with pytest.raises(SettingsError, match=r"expected whole Hz between 1000 and 768000: 44\.1 kHz is 44100"):
        read_clip((SECOND, rate_hz))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100.0, np.int64(48_000)])
def test_a_rate_of_any_numeric_type_is_whole_hz(rate_hz):
    assert type(read_clip((SECOND, rate_hz))[1]) is int
