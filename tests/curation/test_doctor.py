"""The doctor on whole corpora, and on corpora from which something was taken, added or renamed."""

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from factories_doctor import make_wav, write_whole_corpus
from mmser.corpora import CORPORA
from mmser.curation.doctor import check_corpora
from mmser.errors import CorpusNotFoundError, UnknownNameError

SMALL = ("emodb", "ravdess", "ravdess-song", "savee", "tess")
SAVEE = Path("SAVEE/AudioData")


@pytest.fixture
def savee(tmp_path):
    """A folder with the 480 clips of SAVEE."""
    return write_whole_corpus(tmp_path / "data", "savee")


def check(root, *names):
    return check_corpora(root, names or None, num_proc=1)


def findings(root, name):
    """Kind -> finding, of one corpus; each kind once."""
    (report,) = check(root, name).corpora
    by_kind = {finding.kind: finding for finding in report.findings}
    assert len(by_kind) == len(report.findings)
    return report, by_kind


def assert_whole(report, num_clips):
    assert report.complete
    assert report.num_found == num_clips
    assert report.census.num_extra == 0
    assert {finding.severity for finding in report.findings} <= {"note"}


@pytest.mark.parametrize("name", SMALL)
def test_a_whole_corpus_is_complete_and_nothing_is_wrong(name, tmp_path):
    whole = check(write_whole_corpus(tmp_path, name), name)
    (report,) = whole.corpora
    assert_whole(report, CORPORA[name].info.num_clips)
    assert whole.ok
    assert whole.findings == ()
    assert f"{report.num_found:,} of {report.num_found:,} clips, complete" in str(whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*CORPORA} - {*SMALL}))
def test_a_whole_large_corpus_is_complete(name, tmp_path):
    (report,) = check_corpora(write_whole_corpus(tmp_path, name), [name]).corpora
    assert_whole(report, CORPORA[name].info.num_clips)
    assert report.findings == ()


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


def test_a_folder_of_misnamed_clips_beside_named_ones_is_of_the_same_corpus(savee):
    shutil.copytree(savee / SAVEE / "DC", savee / SAVEE / "XX")
    _, found = findings(savee, "savee")
    assert found["misnamed"].count == 120
    assert check(savee, "savee").findings == ()


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


def test_clips_in_another_format_are_named_though_no_reader_takes_them(savee):
    for path in (savee / SAVEE / "DC").iterdir():
        path.rename(path.with_suffix(".FLAC"))
    report, found = findings(savee, "savee")
    assert report.census.num_missing == 120
    assert found["not-wav"].count == 120
    shutil.rmtree(savee / SAVEE / "DC")
    assert "not-wav" not in findings(savee, "savee")[1]


def test_names_by_which_a_reader_knows_a_clip_are_a_note(tmp_path):
    _, found = findings(write_whole_corpus(tmp_path, "tess"), "tess")
    assert found["renamed"].severity == "note"
    assert found["renamed"].examples == ("TESS/OAF_neutral/OA_bite_neutral.wav, read as OAF_bite_neutral",)


def test_upper_case_names_are_whole(savee):
    for path in sorted((savee / SAVEE).rglob("*.wav")):
        path.rename(path.with_name(path.name.upper()))
    report, found = findings(savee, "savee")
    assert_whole(report, 480)
    assert found == {}


def test_emodb_says_which_emotion_is_short_since_its_names_follow_no_rule(tmp_path):
    root = write_whole_corpus(tmp_path, "emodb")
    for clip in sorted(root.rglob("03a0?W?.wav"))[:2] + sorted(root.rglob("*E?.wav"))[:1]:
        clip.unlink()
    report, found = findings(root, "emodb")
    assert found["missing"].message == "Missing clips: 3 of 535 (angry 2, disgust 1)."
    assert report.census.missing == ()


def test_a_corpus_that_is_not_there_is_a_note_unless_it_was_asked_for(savee):
    by_default = {report.info.name: report for report in check(savee).corpora}
    assert by_default.keys() == CORPORA.keys()
    (absent,) = by_default["tess"].findings
    assert (absent.kind, absent.severity, absent.remedy) == (
        "absent",
        "note",
        CORPORA["tess"].info.how_to_get,
    )
    (absent,) = check(savee, "tess", "savee").corpora[0].findings
    assert absent.severity == "warning"
    assert check(savee, "tess", "savee").ok


def test_a_folder_without_any_corpus_is_an_error(tmp_path):
    report = check(tmp_path)
    assert [finding.kind for finding in report.findings] == ["no-corpus"]
    assert not report.ok


def test_files_of_no_corpus_are_a_note_and_what_a_table_names_is_not_among_them(savee):
    for name in ("noise/rain.wav", "noise/wind.wav", "mine/x.wav", "SAVEE/AudioData/DC/mine.wav"):
        (savee / name).parent.mkdir(exist_ok=True)
        (savee / name).write_bytes(make_wav())
    table = savee / "mine.csv"
    table.write_text("path,emotion,speaker\nmine/x.wav,sad,1\nSAVEE/AudioData/DC/mine.wav,happy,2\n")
    (strangers,) = check(savee).findings
    assert strangers.examples == ("mine/x.wav", "noise/rain.wav", "noise/wind.wav")
    report = check(savee, f"csv:{table}", "savee")
    assert report.findings[0].examples == ("noise/rain.wav", "noise/wind.wav")
    assert str(report.corpora[0]).endswith("2 of 2 clips, complete")
    assert report.corpora[1].findings == ()


def test_a_damaged_file_of_a_users_table_is_found(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"no audio")
    (tmp_path / "y.wav").write_bytes(make_wav())
    (tmp_path / "mine.csv").write_text("path,emotion,speaker\nx.wav,sad,1\ny.wav,happy,1\n")
    _, found = findings(tmp_path, f"csv:{tmp_path / 'mine.csv'}")
    assert found.keys() == {"unreadable"}


def test_a_folder_that_cannot_be_listed_is_an_error(savee, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if os.fspath(folder).endswith("KL"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    report = check(savee, "savee")
    (unlisted,) = report.findings
    assert (unlisted.kind, unlisted.severity) == ("unlisted", "error")
    assert unlisted.examples == (f"{savee / SAVEE / 'KL'} (Permission denied)",)
    assert report.corpora[0].census.num_missing == 120


def test_a_folder_that_links_to_itself_is_read_once(savee):
    (savee / SAVEE / "loop").symlink_to(savee)
    report, found = findings(savee, "savee")
    assert_whole(report, 480)
    assert found == {}


def test_what_readers_warn_of_is_in_the_report_and_not_in_the_log_too(tmp_path, caplog):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    with caplog.at_level(logging.WARNING):
        _, found = findings(root, "iemocap")
    assert "unlabelled" in found
    assert not caplog.records


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


def test_label_files_that_label_nothing_leave_nothing_to_use(tmp_path):
    report, found = findings(write_iemocap_dialog(tmp_path, labelled=()), "iemocap")
    assert found["unlabelled"].count == report.num_found == 2
    assert found["nothing-usable"].severity == "error"


def test_a_broken_label_file_is_an_error(tmp_path):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    next(root.rglob("Ses01F_impro01.txt")).write_text("[6.2901 - 8.2357] neu\n")
    _, found = findings(root, "iemocap")
    assert found["labels"].severity == "error"
    assert "Ses01F_impro01.txt, line 1: got" in found["labels"].message
    assert {"unlabelled", "nothing-usable"} & found.keys() == set()


def test_the_recording_of_a_whole_dialog_is_not_misnamed(tmp_path):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    dialog = root / "Session1/dialog/wav/Ses01F_impro01.wav"
    dialog.parent.mkdir()
    dialog.write_bytes(make_wav())
    assert "misnamed" not in findings(root, "iemocap")[1]
    assert check(root, "iemocap").findings[0].kind == "strangers"


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


def test_a_root_that_is_no_folder_and_a_corpus_that_is_none_are_errors(tmp_path):
    with pytest.raises(CorpusNotFoundError, match="gone: does not exist, expected the folder"):
        check(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(CorpusNotFoundError, match="file: is a file, expected the folder"):
        check(tmp_path / "file")
    with pytest.raises(UnknownNameError, match="Unknown corpus 'savve'"):
        check(tmp_path, "savve")


@pytest.mark.corpus
def test_the_real_sample_has_the_oddities_that_are_known_and_no_other():
    report = check_corpora(os.environ["MMSER_CORPORA"])
    assert report.ok
    seen = {
        corpus.info.name: (corpus.num_found, {finding.kind: finding.count for finding in corpus.findings})
        for corpus in report.corpora
    }
    assert seen == {
        "cremad": (17, {"missing": 7425}),
        "emodb": (150, {"missing": 385}),
        "iemocap": (0, {"absent": 0}),
        "ravdess": (720, {"missing": 720, "twins": 1, "channels": 3}),
        "ravdess-song": (44, {"missing": 968}),
        "savee": (240, {"missing": 240, "clipped": 37}),
        "tess": (742, {"missing": 2058, "renamed": 1, "sample-rate": 1}),
    }
    odd = [finding for corpus in report.corpora for finding in corpus.findings if finding.kind != "missing"]
    assert {finding.severity for finding in odd} == {"note"}


def write_iemocap_dialog(root: Path, labelled: tuple[str, ...]) -> Path:
    """Two clips of one dialog, without transcripts, and label lines for the clips named."""
    session = root / "Session1"
    wav, labels = session / "sentences/wav/Ses01F_impro01", session / "dialog/EmoEvaluation"
    wav.mkdir(parents=True)
    labels.mkdir(parents=True)
    for name in ("Ses01F_impro01_F000", "Ses01F_impro01_F001"):
        (wav / f"{name}.wav").write_bytes(make_wav())
    lines = (f"[6.2901 - 8.2357]\t{name}\tneu\t[2.5, 2.5, 2.5]\r\n\r\n" for name in labelled)
    (labels / "Ses01F_impro01.txt").write_text("".join(lines), newline="")
    return root
