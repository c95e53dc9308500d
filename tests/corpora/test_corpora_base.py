"""What the readers share: the walk, copies, emotion codes, tables."""

import os
import re
from pathlib import Path

import pytest

from mmser.corpora.base import Naming, emotion_of, iter_files, iter_published, read_table, read_text
from mmser.errors import LabelFileError, UnknownEmotionError

WAV = re.compile(r"(?P<name>.*)\.wav")


def published(root):
    return [
        (name, path.relative_to(root).as_posix())
        for name, path, _ in iter_published(root, WAV, lambda _, m: m[1])
    ]


def test_files_are_found_at_any_depth_in_sorted_order(plant):
    root = plant("b/c/d/1.wav", "a/2.wav", "3.wav", "a/4.txt")
    assert [path.relative_to(root).as_posix() for path, _ in iter_files(root, WAV)] == [
        "3.wav",
        "a/2.wav",
        "b/c/d/1.wav",
    ]


def test_names_that_begin_with_a_dot_are_skipped(plant):
    root = plant("a/1.wav", "a/._1.wav", ".cache/2.wav", "__MACOSX/a/._1.wav")
    assert [path.name for path, _ in iter_files(root, WAV)] == ["1.wav"]


def test_a_linked_folder_is_followed_and_a_circle_ends(plant):
    root = plant("data/1.wav", "elsewhere/2.wav")
    (root / "data" / "link").symlink_to(root / "elsewhere")
    (root / "data" / "circle").symlink_to(root / "data")
    assert [path.name for path, _ in iter_files(root / "data", WAV)] == ["1.wav", "2.wav"]


def test_a_folder_that_cannot_be_listed_is_named_in_a_warning(plant, monkeypatch, caplog):
    root = plant("open/1.wav", "shut/2.wav")
    scandir = os.scandir

    def refuse(folder):
        if os.fspath(folder).endswith("shut"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [path.name for path, _ in iter_files(root, WAV)] == ["1.wav"]
    assert "shut: cannot be listed (Permission denied)" in caplog.text


def test_of_copies_the_one_nearest_to_the_root_is_taken(plant):
    assert published(plant("a/b/1.wav", "z/1.wav", "a/2.wav")) == [("1", "z/1.wav"), ("2", "a/2.wav")]


def test_of_copies_at_one_depth_the_first_path_is_taken(plant):
    assert published(plant("b/1.wav", "a/1.wav", "c/1.wav")) == [("1", "a/1.wav")]


def test_a_file_without_a_published_name_is_left_out(plant):
    assert list(iter_published(plant("1.wav"), WAV, lambda path, match: None)) == []


def test_an_unknown_emotion_code_names_file_code_and_known_codes():
    with pytest.raises(
        UnknownEmotionError, match=r"x\.wav: emotion code 'q' is not one of \['a', 'b'\]\. Correct"
    ):
        emotion_of("q", {"b": "bored", "a": "angry"}, "x.wav")


def test_a_table_is_read_whatever_its_case_and_byte_order_mark(plant):
    root = plant("deep/Table.CSV")
    (root / "deep/Table.CSV").write_text("\ufeffid,sex\n7,Male\n", encoding="utf-8")
    assert read_table(root, "table.csv", ("id", "sex")) == (
        root / "deep/Table.CSV",
        [{"id": "7", "sex": "Male"}],
    )


def test_a_table_that_is_not_there_is_none(tmp_path):
    assert read_table(tmp_path, "table.csv", ("id",)) is None


def test_a_table_without_its_columns_is_an_error(plant):
    root = plant("table.csv")
    (root / "table.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\n")
    with pytest.raises(LabelFileError, match=r"table\.csv: has no column \['sex'\], found .*git lfs pull"):
        read_table(root, "table.csv", ("sex",))


def test_a_table_may_be_latin_1_with_the_line_ends_of_windows(plant):
    root = plant("table.csv")
    (root / "table.csv").write_bytes("id,sex\r\n7,für Männer\r\n".encode("latin-1"))
    assert read_table(root, "table.csv", ("id",)) == (root / "table.csv", [{"id": "7", "sex": "für Männer"}])


def test_a_table_with_a_cell_beyond_measure_is_an_error(plant):
    root = plant("table.csv")
    (root / "table.csv").write_text("id,sex\n7," + "x" * 200_000)
    with pytest.raises(LabelFileError, match=r"table\.csv, line 1: field larger than .* Put back"):
        read_table(root, "table.csv", ("id",))


def test_a_label_file_that_may_not_be_read_is_named_with_the_systems_reason(tmp_path):
    with pytest.raises(LabelFileError, match=r"folder\.txt: cannot be read \(Is a directory\)\. Copy"):
        read_text(make_folder(tmp_path / "folder.txt"))


def test_a_naming_knows_a_file_by_its_whole_name():
    naming = Naming(WAV, lambda _, match: match["name"].upper() or None)
    assert naming.read_name(Path("deep/a.wav")) == "A"
    assert naming.read_name(Path("deep/a.wav.txt")) is None
    assert naming.read_name(Path("deep/.wav")) is None


def make_folder(path):
    path.mkdir()
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_named_like_a_clip_is_passed_by_and_a_broken_link_is_not(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "c.wav").touch()
    found = [path.name for path, _ in iter_files(tmp_path, re.compile(r".*\.wav"))]
    assert found == ["b.wav", "c.wav"]
