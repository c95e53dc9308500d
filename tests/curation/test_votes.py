"""What raters heard, from the label files of two corpora to the classes of a clip."""

import pytest

from mmser.corpora import cremad, iemocap
from mmser.curation.filtering import relabel_clips
from mmser.labels import get_scheme


@pytest.fixture
def rated(tmp_path):
    """Six IEMOCAP clips and the words of their three raters; consensus codes stand beside them."""
    ratings = {
        ("F000", "neu"): ("Neutral;", "Neutral;", "Neutral;"),
        ("F001", "fru"): ("Neutral;", "Frustration; Anger;", "Frustration;"),
        ("F002", "xxx"): ("Anger; Sadness;", "Fear;", "Neutral;"),
        ("F003", "fru"): ("Frustration;", "Frustration;", "Other;"),
        ("M000", "exc"): ("Excited;", "Excited;", "Happiness;"),
        ("M001", "xxx"): ("Sadness;", "Surprise;", "Anger;"),
    }
    session = tmp_path / "Session1"
    audio, labels = session / "sentences/wav/Ses01F_impro01", session / "dialog/EmoEvaluation"
    audio.mkdir(parents=True)
    labels.mkdir(parents=True)
    blocks = []
    for (turn, code), words in ratings.items():
        (audio / f"Ses01F_impro01_{turn}.wav").touch()
        lines = [f"C-E{rater}:\t{said}\t()" for rater, said in enumerate(words, start=2)]
        blocks.append("\n".join([f"[1.0 - 2.0]\tSes01F_impro01_{turn}\t{code}\t[2.5, 2.5, 2.5]", *lines]))
    (labels / "Ses01F_impro01.txt").write_text("\n\n".join(blocks))
    return list(iemocap.iter_clips(tmp_path))


def _relabel(clips, scheme):
    rows, drops = relabel_clips(clips, get_scheme(scheme))
    return {row["id"][-4:]: row["label"] for row in rows}, {drop.id[-4:]: drop.reason for drop in drops}


def test_all_that_iemocaps_raters_named_are_classes_and_four_are_too_many(rated):
    assert _relabel(rated, "ekman7-multi") == (
        {"F000": "neutral", "F001": "angry+neutral", "M000": "happy", "M001": "angry+sad+surprised"},
        {"F002": "too-many-emotions", "F003": "not-in-scheme"},
    )


def test_with_one_class_a_clip_the_consensus_decides(rated):
    assert _relabel(rated, "ekman7")[0] == {"F000": "neutral", "M000": "happy"}
    assert _relabel(rated, "iemocap4")[0] == {"F000": "neutral", "M000": "happy"}


@pytest.mark.parametrize(
    ("counts", "label"),
    [("1,0,0,0,9,1", "neutral"), ("0,0,4,0,4,0", "fearful+neutral"), ("2,2,2,0,2,0", "")],
)
def test_the_winners_of_crema_ds_vote_are_classes_and_a_tie_of_four_is_too_many(tmp_path, counts, label):
    (tmp_path / "1001_IEO_HAP_MD.wav").touch()
    (tmp_path / "tabulatedVotes.csv").write_text(
        f'"","A","D","F","H","N","S","fileName"\n"100003",{counts},"1001_IEO_HAP_MD"\n'
        '"200003",9,0,0,0,0,0,"1001_IEO_HAP_MD"\n'  # of the face alone
    )
    labels, drops = _relabel(cremad.iter_clips(tmp_path), "ekman7-multi")
    assert labels == ({"P_MD": label} if label else {})
    assert drops == ({} if label else {"P_MD": "too-many-emotions"})
