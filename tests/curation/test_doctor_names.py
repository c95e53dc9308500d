"""What the doctor says of names, copies and labels: clips that were taken, added, renamed, not labelled."""

import shutil
from dataclasses import replace
from pathlib import Path

from factories_doctor import (
    SAVEE,
    assert_whole,
    check,
    findings,
    make_wav,
    write_iemocap_dialog,
    write_whole_corpus,
)
from mmser.corpora import CORPORA


def test_missing_clips_are_counted_and_named(savee):
    for name in ("DC/a01.wav", "KL/su15.wav"):
        (savee / SAVEE / name).unlink()
    report, found = findings(savee, "savee")
    assert (report.num_found, report.complete) == (478, False)
    assert report.census.missing == ("DC_a01", "KL_su15")
    assert found["missing"].message == "Missing clips: 2 of 480."
    assert found["missing"].examples == ("DC_a01", "KL_su15")
    assert found["missing"].remedy == CORPORA["savee"].info.how_to_get
    assert check(savee, "savee").ok


def test_a_clip_that_was_not_published_is_extra_and_may_be_meant_for_a_missing_one(savee):
    (savee / SAVEE / "DC/a15.wav").rename(savee / SAVEE / "DC/a16.wav")
    report, found = findings(savee, "savee")
    assert (report.census.num_missing, report.census.num_extra) == (1, 1)
    assert report.census.extra == ("DC_a16",)
    assert found["extra"].examples[0].startswith(str(SAVEE / "DC/a16.wav"))
    assert "479 of 480 clips, 1 missing, 1 extra" in str(report)


def test_a_misnamed_clip_is_named_with_the_one_that_it_may_be_meant_for(tmp_path):
    root = write_whole_corpus(tmp_path, "ravdess")
    clip = root / "RAVDESS/Actor_07/03-01-06-01-02-01-07.wav"
    clip.rename(clip.with_name("03-01-06-01-02-01_07.wav"))
    report, found = findings(root, "ravdess")
    assert found["misnamed"].severity == "warning"
    assert found["misnamed"].examples == (
        "RAVDESS/Actor_07/03-01-06-01-02-01_07.wav (meant for 03-01-06-01-02-01-07?)",
    )
    assert report.census.missing == ("03-01-06-01-02-01-07",)


def test_an_emotion_that_the_corpus_does_not_have_ends_the_reader_and_is_an_error(tmp_path):
    root = write_whole_corpus(tmp_path, "tess")
    clip = root / "TESS/OAF_sad/OAF_back_sad.wav"
    clip.rename(clip.with_name("OAF_back_sda.wav"))
    report, found = findings(root, "tess")
    assert found["labels"].severity == "error"
    assert "OAF_back_sda.wav: emotion code 'sda' is not one of" in found["labels"].message
    assert "nothing-usable" not in found
    assert report.census.missing == ("OAF_back_sad",)
    assert found["extra"].examples == ("TESS/OAF_sad/OAF_back_sda.wav (meant for OAF_back_sad?)",)
    assert not check(root, "tess").ok


def test_a_nested_copy_is_a_note_that_says_what_to_delete(tmp_path):
    root = write_whole_corpus(tmp_path, "ravdess")
    shutil.copytree(root / "RAVDESS", root / "RAVDESS/audio_speech_actors_01-24")
    report, found = findings(root, "ravdess")
    assert_whole(report, 1440)
    assert found["copies"].count == 1440
    assert found["copies"].examples[0] == (
        "RAVDESS/Actor_01/03-01-01-01-01-01-01.wav = "
        "RAVDESS/audio_speech_actors_01-24/Actor_01/03-01-01-01-01-01-01.wav"
    )
    assert "delete RAVDESS/audio_speech_actors_01-24 to save room" in found["copies"].remedy


def test_copies_among_the_clips_are_not_said_to_be_a_folder_to_delete(savee):
    shutil.copy(savee / SAVEE / "DC/a01.wav", savee / SAVEE / "DC/DC_a01.wav")
    _, found = findings(savee, "savee")
    assert "delete the copies to save room" in found["copies"].remedy


def test_a_copy_with_other_content_is_a_warning(savee):
    (savee / SAVEE / "again").mkdir()
    (savee / SAVEE / "again/DC_a01.wav").write_bytes(make_wav(44_100))
    report, found = findings(savee, "savee")
    assert report.complete
    assert found["copies-differ"].severity == "warning"
    assert found["copies-differ"].examples == (
        "SAVEE/AudioData/DC/a01.wav is not SAVEE/AudioData/again/DC_a01.wav",
    )
    assert "copies" not in found


def test_names_by_which_a_reader_knows_a_clip_are_a_note(tmp_path):
    _, found = findings(write_whole_corpus(tmp_path, "tess"), "tess")
    assert found["renamed"].severity == "note"
    assert found["renamed"].examples == ("TESS/OAF_neutral/OA_bite_neutral.wav, read as OAF_bite_neutral",)


def test_emodb_says_which_emotion_is_short_since_its_names_follow_no_rule(tmp_path):
    root = write_whole_corpus(tmp_path, "emodb")
    for clip in sorted(root.rglob("03a0?W?.wav"))[:2] + sorted(root.rglob("*E?.wav"))[:1]:
        clip.unlink()
    report, found = findings(root, "emodb")
    assert found["missing"].message == "Missing clips: 3 of 535 (angry 2, disgust 1)."
    assert report.census.missing == ()


def test_clips_without_a_line_and_lines_without_a_clip_are_told_apart(tmp_path):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000", "Ses01F_impro01_F002"))
    report, found = findings(root, "iemocap")
    assert report.num_found == 2
    assert found["unlabelled"].severity == "warning"
    assert [Path(example).stem for example in found["unlabelled"].examples] == ["Ses01F_impro01_F001"]
    assert report.census.missing == ("Ses01F_impro01_F002",)
    assert found["missing"].message == "Missing clips: 10,037 of 10,039."
    assert found["no-reference"].severity == "note"
    assert check(root, "iemocap").ok


def test_a_clip_of_a_table_is_missing_though_the_number_of_clips_is_right(tmp_path, monkeypatch):
    # two clips are found, as published, but one of the two that are labelled is not among them
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000", "Ses01F_impro01_F002"))
    info = replace(CORPORA["iemocap"].info, num_clips=2)
    monkeypatch.setitem(CORPORA, "iemocap", replace(CORPORA["iemocap"], info=info))
    report, _ = findings(root, "iemocap")
    assert (report.num_found, report.census.num_missing, report.census.num_extra) == (2, 1, 1)
    assert not report.complete


def test_a_broken_label_file_is_an_error(tmp_path):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    next(root.rglob("Ses01F_impro01.txt")).write_text("[6.2901 - 8.2357] neu\n")
    _, found = findings(root, "iemocap")
    assert found["labels"].severity == "error"
    assert "Ses01F_impro01.txt, line 1: got" in found["labels"].message
    assert {"unlabelled", "nothing-usable"} & found.keys() == set()


def test_clips_without_gender_or_votes_for_want_of_a_table_are_notes(tmp_path):
    path = tmp_path / "1001_DFA_ANG_XX.wav"
    path.write_bytes(make_wav())
    _, found = findings(tmp_path, "cremad")
    assert found["no-gender"].remedy.startswith("It stands in VideoDemographics.csv")
    assert found["no-votes"].remedy.startswith("It stands in processedResults/tabulatedVotes.csv")
    (tmp_path / "VideoDemographics.csv").write_text('"ActorID","Sex"\n1001,"Male"\n')
    assert "no-gender" not in findings(tmp_path, "cremad")[1]


def test_a_table_that_is_an_lfs_pointer_is_an_error(tmp_path):
    (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(make_wav())
    (tmp_path / "VideoDemographics.csv").write_text("version https://git-lfs.github.com/spec/v1\n")
    _, found = findings(tmp_path, "cremad")
    assert "git lfs pull" in found["labels"].message
    assert found["labels"].severity == "error"
