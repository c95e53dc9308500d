import numpy as np

from factories_audio import make_speech
from mmser.app.pictures import draw_clip, to_png


def test_waveform_and_spectrogram_share_the_seconds_of_the_clip():
    waveform = make_speech(2.5)
    upper, lower = draw_clip(waveform, np.ones(len(waveform), bool)).axes
    assert upper.get_xlim() == lower.get_xlim() == (0, 2.5)
    picture = lower.images[0].get_array()
    assert picture.shape == (80, 251)  # a window each 10 ms, the ends included
    assert (picture.min(), picture.max()) == (-70, 0)


def test_a_tone_lies_between_the_ticks_of_its_neighbours():
    # 2 kHz lies between the ticks of 1 and 4 kHz
    tone = np.sin(2 * np.pi * 2000 * np.arange(16_000) / 16_000).astype(np.float32)
    _, lower = draw_clip(tone, np.ones(16_000, bool)).axes
    ticks = dict(
        zip([label.get_text() for label in lower.get_yticklabels()], lower.get_yticks(), strict=True)
    )
    loudest = lower.images[0].get_array().mean(axis=1).argmax()
    assert ticks["1,000"] < loudest < ticks["4,000"]


def test_what_is_cut_has_a_grey_ground():
    waveform = make_speech(2.0)
    kept = np.ones(len(waveform), bool)
    kept[:8000] = kept[24_000:28_000] = False
    ground = draw_clip(waveform, kept).axes[0].collections[-1]
    spans = sorted((path.get_extents().x0, path.get_extents().x1) for path in ground.get_paths())
    np.testing.assert_allclose(spans, [(0, 0.5), (1.5, 1.75)])


def test_a_clip_of_a_single_sample_is_drawn():
    assert to_png(draw_clip(np.ones(1, np.float32), np.ones(1, bool))).startswith(b"\x89PNG")
