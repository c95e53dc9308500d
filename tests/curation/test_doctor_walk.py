"""What the doctor says of the files below a folder: of which corpus they are, and which are of none."""

import os
import shutil

from factories_doctor import SAVEE, assert_whole, check, findings, make_wav, write_iemocap_dialog


def test_a_folder_of_misnamed_clips_beside_named_ones_is_of_the_same_corpus(savee):
    shutil.copytree(savee / SAVEE / "DC", savee / SAVEE / "XX")
    _, found = findings(savee, "savee")
    assert found["misnamed"].count == 120
    assert check(savee, "savee").findings == ()


def test_clips_in_another_format_are_named_though_no_reader_takes_them(savee):
    for path in (savee / SAVEE / "DC").iterdir():
        path.rename(path.with_suffix(".FLAC"))
    report, found = findings(savee, "savee")
    assert report.census.num_missing == 120
    assert found["not-wav"].count == 120
    shutil.rmtree(savee / SAVEE / "DC")
    assert "not-wav" not in findings(savee, "savee")[1]


def test_upper_case_names_are_whole(savee):
    for path in sorted((savee / SAVEE).rglob("*.wav")):
        path.rename(path.with_name(path.name.upper()))
    report, found = findings(savee, "savee")
    assert_whole(report, 480)
    assert found == {}


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


def test_the_recording_of_a_whole_dialog_is_not_misnamed(tmp_path):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    dialog = root / "Session1/dialog/wav/Ses01F_impro01.wav"
    dialog.parent.mkdir()
    dialog.write_bytes(make_wav())
    assert "misnamed" not in findings(root, "iemocap")[1]
    assert check(root, "iemocap").findings[0].kind == "strangers"
