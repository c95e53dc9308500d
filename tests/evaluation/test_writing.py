import pytest

from mmser.evaluation.writing import replacing


def test_the_file_is_replaced_at_the_end_only(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as part:
            part.write_text("ne")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
