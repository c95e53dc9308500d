import errno

import pytest

from mmser.curation.output import check_out, writing_to
from mmser.errors import DiskFullError, OutputExistsError


def _corpus(folder, text="old"):
    folder.mkdir()
    (folder / "corpus.json").write_text(text)
    return folder


def test_an_absent_or_empty_folder_may_be_written(tmp_path):
    check_out(tmp_path / "new", overwrite=False)
    check_out(tmp_path, overwrite=False)


def test_a_corpus_is_replaced_only_when_asked(tmp_path):
    out = _corpus(tmp_path / "out")
    with pytest.raises(OutputExistsError, match=r"holds a corpus already\..* --overwrite"):
        check_out(out, overwrite=False)
    check_out(out, overwrite=True)


def test_a_folder_of_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputExistsError, match="holds files that are no corpus"):
        check_out(tmp_path, overwrite=True)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputExistsError, match="is a file, expected a folder"):
        check_out(tmp_path / "out", overwrite=True)


def test_the_folder_appears_at_the_end_and_takes_the_old_ones_place(tmp_path):
    out = _corpus(tmp_path / "out")
    with writing_to(out, tmp_path) as part:
        (part / "corpus.json").write_text("new")
        assert (out / "corpus.json").read_text() == "old"
    assert (out / "corpus.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_build_that_stops_leaves_the_old_corpus_and_nothing_else(tmp_path, error):
    out = _corpus(tmp_path / "out")

    def stop():
        with writing_to(out, tmp_path) as part:
            (part / "corpus.json").write_text("new")
            raise error

    with pytest.raises(error):
        stop()
    assert (out / "corpus.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_build_left_is_swept_away(tmp_path):
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "stale").write_text("")
    with writing_to(tmp_path / "out", tmp_path):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_says_how_much_is_free_and_what_is_kept(tmp_path):
    message = (
        r"disk is full: \d+\.\d GB free for .*out, \d+\.\d GB free for the cache .*cache\. What was cleaned"
    )
    with pytest.raises(DiskFullError, match=message), writing_to(tmp_path / "out", tmp_path / "cache"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), writing_to(tmp_path / "out", tmp_path):
        raise PermissionError(errno.EACCES, "no")
