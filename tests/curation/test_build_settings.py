from dataclasses import replace

import pytest

from mmser.curation.settings import BuildSettings
from mmser.errors import SettingsError, UnknownNameError

USUAL = BuildSettings()


def test_the_defaults_can_be_built():
    USUAL.check()
    assert (USUAL.protocol, USUAL.folds, USUAL.fold, USUAL.scheme) == ("speaker", 5, 0, "paper7")
    assert USUAL.corpora == ("cremad", "iemocap", "ravdess", "savee", "tess")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "paprr"}, "Unknown protocol 'paprr'"),
        ({"scheme": "paper8"}, "Unknown scheme 'paper8'"),
        ({"corpora": ("savve",)}, r"Unknown corpus 'savve'.*Did you mean 'savee'"),
        ({"transcripts": "refernce"}, r"Unknown source of transcripts.*Did you mean 'reference'"),
        ({"balance_to": "hapy=3"}, r"Did you mean 'happy'"),
    ],
)
def test_unknown_names_are_found_before_the_work(changes, message):
    with pytest.raises(UnknownNameError, match=message):
        replace(USUAL, **changes).check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 2}, "Fold 0 of 2: expected 3 folds or more"),
        ({"fold": 5}, "Fold 5 of 5: .*from 0 to 4"),
        ({"fold": -1}, "Fold -1 of 5"),
        ({"seed": -1}, "Seed -1: expected a number from 0"),
        ({"num_proc": 0}, "--num-proc 0: expected 1 or more"),
        ({"corpora": ()}, "No corpus is named"),
        ({"balance_to": "lots"}, "--balance-to 'lots'"),
        ({"cleaning": replace(USUAL.cleaning, sample_rate_hz=8000)}, "Cleaning to 8000 Hz"),
    ],
)
def test_values_that_cannot_be_used_are_found_before_the_work(changes, message):
    with pytest.raises(SettingsError, match=message):
        replace(USUAL, **changes).check()


def test_an_unknown_setting_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"build setting 'protocl'.* Did you mean 'protocol'"):
        USUAL.changed({"protocl": "paper"})


def test_what_does_not_change_a_corpus_is_not_recorded(tmp_path):
    moved = replace(USUAL, num_proc=7, cache_dir=tmp_path, overwrite=True)
    assert moved.to_dict(["savee"]) == USUAL.to_dict(["savee"])
    assert USUAL.to_dict([])["transcripts"] == {"source": "whisper", "whisper": "base", "language": "en"}


def test_a_protocol_without_folds_is_one_fold():
    recorded = replace(USUAL, protocol="paper", folds=5, fold=3).to_dict([])
    assert (recorded["folds"], recorded["fold"]) == (1, 0)
