import re
from html.parser import HTMLParser

import pytest

from factories_evaluation import make_run
from mmser.errors import OutputExistsError
from mmser.evaluation.leaderboard import View, build_leaderboard
from mmser.evaluation.leaderboard_page import render_html, write_leaderboard

GOOD = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry")
FAIR = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry sad")
EMPTY_ELEMENTS = {"meta", "line", "rect", "circle"}


class Reader(HTMLParser):
    """Checks that elements are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)


@pytest.fixture
def board():
    runs = [make_run(FAIR, system="knn"), make_run(GOOD, system="whisper")]
    return build_leaderboard([*runs, make_run(GOOD, protocol="paper", leaks=["copies <2>"])])


def test_a_page_is_well_formed_and_needs_nothing_else(board):
    page = render_html(board)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert (reader.seen.count("svg"), reader.seen.count("table")) == (2, 2)
    assert not re.search(r"https?:|src=|@import|<script|<link", page)


def test_a_bar_is_as_long_as_ua_and_a_stroke_stands_at_the_published_one(board):
    page = render_html(board)
    assert 'class="bar" x="0" y="66" width="75.00%"' in page  # the second row: 46 px below, less half the bar
    assert page.count('class="published" x1="56.72%"') == 1  # knn's; whisper has none
    assert "knn  75.00, published 56.72*" in page


def test_one_test_speaker_has_no_whisker(board):
    assert render_html(board).count('class="whisker"') == 9  # a line and two ends for each of three rows
    page = render_html(build_leaderboard([make_run(FAIR)], View(only="tess")))
    assert 'class="whisker"' not in page
    assert "<td>-</td>" in page
    assert "the test clips are of one speaker" in page


def test_leaks_are_marked_and_what_they_say_is_no_markup(board):
    page = render_html(board)
    assert '<h2 class="leaks">Protocol paper (LEAKS)' in page
    assert "copies &lt;2&gt;" in page


def test_both_files_take_the_place_of_earlier_ones(board, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write_leaderboard(tmp_path, build_leaderboard([make_run(GOOD)]))
    paths = write_leaderboard(tmp_path, board)
    assert [path.name for path in paths] == ["leaderboard.md", "leaderboard.html"]
    assert all("knn" in path.read_text() for path in paths)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["leaderboard.md", "leaderboard.html"])
def test_a_file_that_is_no_leaderboard_stays(board, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputExistsError, match=f"{name}: is no leaderboard that mmser wrote"):
        write_leaderboard(tmp_path, board)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_is_no_folder_for_a_leaderboard(board, tmp_path):
    (tmp_path / "board").write_text("mine")
    with pytest.raises(OutputExistsError, match="board: is a file, expected a folder"):
        write_leaderboard(tmp_path / "board", board)
