"""The doctor on whole corpora, on corpora that are not there, and on real ones."""

import logging
import os

import pytest

from factories_doctor import assert_whole, check, findings, make_wav, write_iemocap_dialog, write_whole_corpus
from mmser.corpora import CORPORA
from mmser.curation.doctor import check_corpora
from mmser.errors import CorpusNotFoundError, UnknownNameError

SMALL = [name for name, corpus in CORPORA.items() if corpus.info.num_clips < 3000]


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


def test_a_damaged_file_of_a_users_table_is_found(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"no audio")
    (tmp_path / "y.wav").write_bytes(make_wav())
    (tmp_path / "mine.csv").write_text("path,emotion,speaker\nx.wav,sad,1\ny.wav,happy,1\n")
    _, found = findings(tmp_path, f"csv:{tmp_path / 'mine.csv'}")
    assert found.keys() == {"unreadable"}


def test_what_readers_warn_of_is_in_the_report_and_not_in_the_log_too(tmp_path, caplog):
    root = write_iemocap_dialog(tmp_path, labelled=("Ses01F_impro01_F000",))
    with caplog.at_level(logging.WARNING):
        _, found = findings(root, "iemocap")
    assert "unlabelled" in found
    assert not caplog.records


def test_label_files_that_label_nothing_leave_nothing_to_use(tmp_path):
    report, found = findings(write_iemocap_dialog(tmp_path, labelled=()), "iemocap")
    assert found["unlabelled"].count == report.num_found == 2
    assert found["nothing-usable"].severity == "error"


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
