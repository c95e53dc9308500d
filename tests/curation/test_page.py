import base64
import io
import re

import numpy as np
import soundfile
from datasets import Dataset

from mmser.curation.page import (
    PageClip,
    choose_clips,
    draw_classes,
    draw_durations,
    draw_spectrogram,
    make_page,
)

RECORD = {
    "settings": {"scheme": "paper7", "protocol": "paper"},
    "classes": ["angry", "sad"],
    "leaks": ["source: 3 in train & validation"],
    "counts_by_corpus_and_class": {"clean": {"savee": {"angry": 2}, "tess": {"angry": 3, "sad": 4}}},
}
TABLES = {"2_cleaned": [["corpus", "angry", "sad", "total"], ["savee", 2, 0, 2], ["<b>", 3, 4, 7]]}
DURATIONS_S = {"savee": [1.0, 3.0], "tess": [2.0]}


def make_clip(**changes):
    values = {
        "id": "tess/OAF_dog_angry",
        "label": "angry",
        "transcript": "Say <dog>",
        "before": np.zeros(66_150, np.float32),  # 1.5 s
        "rate_hz": 44_100,
        "after": np.full(16_000, 0.25, np.float32),
    }
    return PageClip(**values | changes)


def test_the_page_needs_no_other_file():
    page = make_page(RECORD, TABLES, DURATIONS_S, [make_clip()])
    sources = re.findall(r'(?:src|href)="([^"]{0,12})', page)
    assert len(sources) == 2 + 2 + 2  # classes and durations, two spectrograms, two players
    assert all(source.startswith("data:") for source in sources)


def test_both_sounds_of_a_clip_can_be_played():
    page = make_page(RECORD, TABLES, DURATIONS_S, [make_clip()])
    sounds = [
        soundfile.read(io.BytesIO(base64.b64decode(content)))
        for content in re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    ]
    assert [(len(waveform), rate_hz) for waveform, rate_hz in sounds] == [(66_150, 44_100), (16_000, 16_000)]
    assert (sounds[1][0] == 0.25).all()
    assert "as recorded, 1.50 s at 44.1 kHz" in page
    assert "cleaned, 1.00 s at 16 kHz" in page


def test_names_and_texts_are_escaped():
    page = make_page(RECORD, TABLES, DURATIONS_S, [make_clip()])
    assert "Say &lt;dog&gt;" in page
    assert "&lt;b&gt;" in page
    assert "<dog>" not in page


def test_leaks_are_at_the_top_and_absent_where_there_are_none():
    page = make_page(RECORD, TABLES, DURATIONS_S, [])
    assert page.index("3 in train &amp; validation") < page.index("Clips by class and corpus")
    assert "too high" not in make_page(RECORD | {"leaks": []}, TABLES, DURATIONS_S, [])


def test_bars_of_a_class_are_stacked_by_corpus():
    (axes,) = draw_classes(RECORD).axes
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 2), (0, 0), (2, 3), (0, 4)]  # savee: angry, sad; then tess beside it


def test_durations_share_one_axis_of_seconds():
    savee, tess = draw_durations(DURATIONS_S).axes
    assert [axes.get_ylabel() for axes in (savee, tess)] == ["savee", "tess"]
    outline = savee.patches[0].get_xy()  # a step a bin, whose height is there twice
    assert sum(outline[:, 1]) == 2 * len(DURATIONS_S["savee"])
    assert outline[:, 0].max() == max(max(values) for values in DURATIONS_S.values())
    assert savee.get_xlim() == tess.get_xlim()


def test_spectrograms_of_a_clip_share_their_axes_whatever_its_rate():
    before, after = (
        draw_spectrogram(np.ones(rate_hz, np.float32), rate_hz, 1.5).axes[0] for rate_hz in (48_000, 16_000)
    )
    assert before.get_xlim() == after.get_xlim() == (0, 1.5)
    assert before.get_ylim() == after.get_ylim()


def test_one_colour_is_one_power_in_all_spectrograms_however_loud_they_are():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    loud, quiet = (draw_spectrogram(gain * tone, 16_000, 1.0).axes[0] for gain in (1, 0.01))
    assert loud.images[0].get_clim() == quiet.images[0].get_clim() == (-120, -30)
    assert loud.get_ylabel() == "kHz"
    assert [label.get_text() for label in loud.get_yticklabels()] == ["0", "2", "4", "6", "8"]


def test_one_clip_a_corpus_is_shown_each_of_another_class():
    rows = Dataset.from_dict(
        {
            "id": ["tess/b", "tess/a", "savee/d", "savee/c", "savee/e"],
            "corpus": ["tess", "tess", "savee", "savee", "savee"],
            "label": ["sad", "angry", "angry", "sad", "angry"],
        }
    )
    # savee comes first and shows class 0, its first by id; tess shows class 1
    assert choose_clips(rows, ["angry", "sad"]) == [2, 0]
    assert choose_clips(rows, ["happy"]) == [3, 1]  # a corpus without the class shows its first clip
