"""What becomes of clips before they are split, seen in dropped.csv and corpus.json."""

import csv
import json
import shutil
from itertools import product

import pytest

from factories_audio import make_speech, write_clip
from mmser.errors import EmptySplitError

LABELS = {"ang": "angry", "hap": "happy", "neu": "neutral", "sad": "sad"}


@pytest.fixture
def iemocap_root(tmp_path):
    """Write six dialogs of four clips, one an emotion, and label lines of those that are asked for."""

    def write(is_labelled=lambda name: True):
        session = tmp_path / "root" / "Session1"
        (session / "dialog" / "EmoEvaluation").mkdir(parents=True)
        for number, (part, speaker) in enumerate(product((1, 2, 3), "FM")):
            dialog = f"Ses0{part}{speaker}_impro01"
            lines = []
            for turn, code in enumerate(LABELS):
                name = f"{dialog}_{speaker}{turn:03}"
                write_clip(session / "sentences" / f"{name}.wav", make_speech(seed=4 * number + turn))
                if is_labelled(name):
                    lines.append(f"[1.0 - 2.0]\t{name}\t{code}\t[2.5, 2.5, 2.5]\n")
            (session / "dialog" / "EmoEvaluation" / f"{dialog}.txt").write_text("\n".join(lines))
        return tmp_path / "root"

    return write


def _dropped(folder):
    with (folder / "dropped.csv").open(newline="") as file:
        return {row["id"]: (row["step"], row["reason"]) for row in csv.DictReader(file)}


def test_audio_without_a_label_line_is_read_counted_and_named_among_the_dropped(build, iemocap_root):
    root = iemocap_root(lambda name: name not in ("Ses01F_impro01_F000", "Ses02M_impro01_M003"))
    folder = build(root=root, corpora=("iemocap",), scheme="iemocap4")
    assert _dropped(folder) == {
        "iemocap/Ses01F_impro01_F000": ("relabel", "no-label"),
        "iemocap/Ses02M_impro01_M003": ("relabel", "no-label"),
    }
    record = json.loads((folder / "corpus.json").read_text())
    counts = record["counts"]
    assert (counts["read"], counts["relabel"], counts["clean"]) == (24, 22, 22)
    of_emotion = record["counts_by_corpus_and_class"]["read"]["iemocap"]
    assert of_emotion == {"angry": 5, "happy": 6, "neutral": 6, "sad": 5}


def test_clips_without_a_label_alone_leave_nothing_and_the_error_says_why(build, iemocap_root):
    root = iemocap_root(lambda name: False)
    with pytest.raises(EmptySplitError, match=r"No clip, of 24, has a class of iemocap4 \(.*no-label.*24"):
        build(root=root, corpora=("iemocap",), scheme="iemocap4")


def test_a_clip_whose_twin_has_no_label_stays_and_one_whose_twin_is_outside_the_scheme_goes(
    build, iemocap_root
):
    root = iemocap_root(lambda name: name != "Ses01F_impro01_F000")
    folder = root / "Session1" / "sentences"
    shutil.copy(folder / "Ses01M_impro01_M003.wav", folder / "Ses01F_impro01_F000.wav")  # sad = no label
    labels = root / "Session1" / "dialog" / "EmoEvaluation" / "Ses03M_impro01.txt"
    labels.write_text(labels.read_text().replace("\tang\t", "\tfru\t"))
    shutil.copy(folder / "Ses02F_impro01_F001.wav", folder / "Ses03M_impro01_M000.wav")  # happy = frustrated
    assert _dropped(build(root=root, corpora=("iemocap",), scheme="iemocap4")) == {
        "iemocap/Ses01F_impro01_F000": ("relabel", "no-label"),
        "iemocap/Ses03M_impro01_M000": ("relabel", "not-in-scheme"),
        "iemocap/Ses02F_impro01_F001": ("clean", "duplicate-other-label"),
    }
