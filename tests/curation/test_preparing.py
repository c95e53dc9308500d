"""What becomes of clips before they are split, seen in dropped.csv and corpus.json."""

import csv
import json
from itertools import product

import pytest

from factories_audio import make_speech, write_clip

LABELS = {"ang": "angry", "hap": "happy", "neu": "neutral", "sad": "sad"}


@pytest.fixture
def iemocap_root(tmp_path):
    """Write six dialogs of four clips, one an emotion, and the label lines of the clips that are asked for."""

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
