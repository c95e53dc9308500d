import pytest

from mmser.errors import AudioError
from mmser.inference.finding import find_recordings


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a.FLAC", "deep/c.mp3", "notes.txt", "deep/er/d.ogg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(folder, *inputs, stdin=()):
    found = find_recordings([str(folder / each) if each != "-" else each for each in inputs], stdin)
    return [each.name.removeprefix(f"{folder}/") for each in found if each.error is None]


def test_a_folder_stands_for_the_recordings_in_it_at_any_depth(folder):
    assert names(folder, "") == ["a.FLAC", "b.wav", "deep/c.mp3", "deep/er/d.ogg"]


def test_a_pattern_is_looked_up(folder):
    assert names(folder, "*.wav") == ["b.wav"]
    assert names(folder, "**/*.ogg") == ["deep/er/d.ogg"]


def test_a_file_that_is_named_may_have_any_suffix(folder):
    assert names(folder, "notes.txt") == ["notes.txt"]


def test_a_name_with_brackets_is_that_file_and_no_pattern(folder):
    (folder / "x[1].wav").touch()
    assert names(folder, "x[1].wav") == ["x[1].wav"]


def test_a_dash_reads_a_list_from_stdin_in_its_order(folder):
    lines = [f"{folder}/b.wav\n", "\n", f"{folder}/a.FLAC\r\n"]
    assert names(folder, "deep/c.mp3", "-", stdin=lines) == ["deep/c.mp3", "b.wav", "a.FLAC"]


def test_what_is_named_twice_is_found_once(folder):
    assert names(folder, "b.wav", "*.wav", "") == ["b.wav", "a.FLAC", "deep/c.mp3", "deep/er/d.ogg"]


def test_a_name_that_no_file_can_have_does_not_stop_the_rest(folder):
    first, second = find_recordings(["-"], ["x" * 300, str(folder / "b.wav")])
    with pytest.raises(AudioError, match=r"^x{300}: cannot be looked up \(File name too long\)"):
        raise first.error
    assert second.name == str(folder / "b.wav")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gone.wav", r"gone\.wav: no such file or folder"),
        ("*.aiff", r"\*\.aiff: no file matches this pattern"),
        ("empty", r"empty: holds no recording; looked for \.aif, "),
    ],
)
def test_an_input_that_stands_for_nothing_is_named_in_its_place(folder, given, message):
    (folder / "empty").mkdir()
    first, second = find_recordings([str(folder / given), str(folder / "b.wav")], ())
    assert first.name == str(folder / given)
    with pytest.raises(Exception, match=message):
        raise first.error
    assert second.error is None
