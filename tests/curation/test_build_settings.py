import hashlib
from dataclasses import replace

import pytest

from mmser.curation.settings import BuildSettings
from mmser.errors import CorpusNotFoundError, SettingsError, UnknownNameError

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
        ({"whisper": "bse"}, r"Unknown Whisper checkpoint 'bse'.*Did you mean 'base'"),
        ({"language": "xx"}, "Unknown language 'xx'"),
        ({"backend": "fast-whisper"}, r"Unknown transcription backend.*Did you mean 'faster-whisper'"),
        ({"transcripts": "refernce"}, r"Unknown source of transcripts.*Did you mean 'reference'"),
        ({"balance_to": "hapy=3"}, r"Did you mean 'happy'"),
        ({"emotion_map": {"joy": "hapy"}}, r"emotion in emotion map 'hapy'.*Did you mean 'happy'"),
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
        ({"protocol": "corpus", "fold": 5}, "Fold 5 of protocol 'corpus': expected one from 0 to 4"),
        ({"protocol": "given"}, "'given' takes the column 'split' of users' tables; cremad, iemocap"),
        (
            {"scheme": "ekman7-multi", "balance_to": "2000"},
            "a clip of scheme 'ekman7-multi' has several classes",
        ),
        ({"emotion_map": "joy"}, "--emotion-map 'joy': 'joy' is no pair"),
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
    transcripts = {"source": "whisper", "whisper": "base", "language": "en", "backend": "openai-whisper"}
    assert USUAL.to_dict([])["transcripts"] == transcripts


def test_a_protocol_without_folds_is_one_fold():
    recorded = replace(USUAL, protocol="paper", folds=5, fold=3).to_dict([])
    assert (recorded["folds"], recorded["fold"]) == (1, 0)


def test_a_table_that_is_not_there_is_found_before_the_work(tmp_path):
    with pytest.raises(CorpusNotFoundError, match=r"gone\.csv: no such file"):
        replace(USUAL, corpora=("savee", f"csv:{tmp_path / 'gone.csv'}")).check()


def test_several_labels_may_be_left_as_they_are():
    with pytest.raises(SettingsError, match="has several classes"):
        replace(USUAL, scheme="ekman7-multi", balance_to="5").check()
    replace(USUAL, scheme="ekman7-multi", balance_to="none").check()


def test_builds_are_listed_by_protocol_and_fold_each_once():
    builds = USUAL.list_builds(("speaker", "paper", "speaker", "corpus"), (1, 0, 1), num_corpora=2)
    assert [(each.protocol, each.fold, each.folds) for each in builds] == [
        ("speaker", 1, 5),
        ("speaker", 0, 5),
        ("paper", 0, 1),
        ("corpus", 1, 2),
        ("corpus", 0, 2),
    ]
    assert [each.place for each in builds[:3]] == ["speaker-fold1", "speaker-fold0", "paper"]


def test_all_folds_are_the_blocks_of_speakers_or_the_corpora():
    builds = replace(USUAL, folds=3).list_builds(("speaker", "text", "corpus"), "all", num_corpora=4)
    assert [each.place for each in builds] == [
        *("speaker-fold0", "speaker-fold1", "speaker-fold2"),
        "text",
        *("corpus-fold0", "corpus-fold1", "corpus-fold2", "corpus-fold3"),
    ]


def test_without_names_the_settings_own_protocol_and_fold_are_built():
    assert replace(USUAL, fold=2).list_builds((), (), num_corpora=5) == [replace(USUAL, fold=2)]


def test_a_fold_that_a_protocol_does_not_have_is_an_error():
    with pytest.raises(SettingsError, match="Fold 4 of 3: protocol 'corpus' has the folds 0 to 2"):
        USUAL.list_builds(("speaker", "corpus"), (4,), num_corpora=3)


def test_a_checkpoint_is_recorded_by_the_name_that_others_know_it_by(tmp_path, monkeypatch):
    import whisper

    def recorded(checkpoint):
        return replace(USUAL, whisper=str(checkpoint)).to_dict([])["transcripts"]["whisper"]

    official, other = tmp_path / "downloaded.pt", tmp_path / "mine.pt"
    official.write_bytes(b"official")
    other.write_bytes(b"tuned")
    digest = hashlib.sha256(b"official").hexdigest()
    monkeypatch.setitem(whisper._MODELS, "small", f"https://openai/models/{digest}/small.pt")
    assert recorded(official) == "small"
    assert recorded(other) == "mine.pt"
    assert recorded(tmp_path / "converted") == "converted"  # a folder, as faster-whisper takes
    assert recorded("tiny.en") == "tiny.en"
