import pytest
from matplotlib.colors import to_hex

from factories_corpus import write_corpus
from mmser import load_corpus
from mmser.curation.overview import draw_speakers, list_clips, read_rows
from mmser.errors import SettingsError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return load_corpus(write_corpus(tmp_path_factory.mktemp("corpus") / "tones", num_train=6, num_test=3))


@pytest.fixture(scope="module")
def clips(corpus):
    return list_clips(corpus)


def make_clips(clips, splits):
    """Four clips of one corpus, by two speakers, in given splits."""
    frame = clips.head(4).assign(corpus="ravdess", split=splits)
    return frame.assign(speaker=["ravdess/01", "ravdess/01", "ravdess/02", "ravdess/02"])


def read_parts(figure):
    """(split, start, width) of each part of the bars, in percent."""
    colours = {to_hex(patch.get_facecolor()): patch.get_label() for patch in figure.legends[0].get_patches()}
    bars = [bar for bar in figure.axes[0].patches if bar.get_width()]
    return [(colours[to_hex(bar.get_facecolor())], bar.get_x(), bar.get_width()) for bar in bars]


def test_all_splits_are_in_one_table_with_names_for_classes_and_without_sound(clips):
    assert clips["split"].value_counts().to_dict() == {"train": 6, "validation": 3, "test": 3}
    assert clips["label"].tolist() == ["angry", "happy", "sad"] * 4
    assert clips["label"].tolist() == clips["emotion"].tolist()
    assert "audio" not in clips.columns
    assert not clips["is_copy"].any()


def test_a_copy_is_known_by_its_augmentation(corpus):
    copied = corpus["train"].map(
        lambda row: {"augmentation": "gain 3 dB" if row["id"].endswith("1") else ""},
        load_from_cache_file=False,
    )
    clips = list_clips({**corpus, "train": copied})
    assert clips[clips["is_copy"]]["id"].tolist() == ["ravdess/train-001"]


def test_clips_are_read_in_the_order_asked_for_with_their_sound(corpus):
    rows = read_rows(corpus, ["ravdess/test-001", "ravdess/train-005", "ravdess/test-001"])
    assert [row["id"] for row in rows] == ["ravdess/test-001", "ravdess/train-005", "ravdess/test-001"]
    assert rows[0]["audio"]["bytes"][:4] == b"fLaC"


def test_a_clip_of_another_corpus_is_named(corpus):
    with pytest.raises(SettingsError, match=r"'tess/x', the first of 2 such ids, is in no split"):
        read_rows(corpus, ["ravdess/test-001", "tess/x", "tess/y"])


def test_speakers_in_one_split_each_have_one_colour(clips):
    figure = draw_speakers(make_clips(clips, ["test", "test", "train", "train"]))
    assert read_parts(figure) == [("test", 0, 50), ("train", 50, 50)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["01", "02"]


def test_speakers_on_two_sides_are_cut_in_two(clips):
    figure = draw_speakers(make_clips(clips, ["test", "train", "test", "validation"]))
    assert [text.get_position() for text in figure.axes[0].texts] == [(12.5, 0), (62.5, 0)]
    assert read_parts(figure) == [
        *(("train", 0, 25), ("test", 25, 25)),
        *(("validation", 50, 25), ("test", 75, 25)),
    ]


def test_copies_are_not_counted(clips):
    frame = make_clips(clips, ["test", "test", "train", "train"]).assign(is_copy=[False, False, False, True])
    widths = [width for *_, width in read_parts(draw_speakers(frame))]
    assert widths == pytest.approx([100 * 2 / 3, 100 / 3])
