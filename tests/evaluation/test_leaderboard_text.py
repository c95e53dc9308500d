from factories_evaluation import make_run
from mmser.evaluation.folds import EVALUATED_RUN
from mmser.evaluation.leaderboard import View, build_leaderboard
from mmser.evaluation.leaderboard_text import header, render_markdown, render_terminal, rows

FIVE = ["cremad", "iemocap", "ravdess", "savee", "tess"]
GOOD = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry")
FAIR = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry sad")

BASE = 94_600_000  # parameters of HuBERT BASE with its head


def cells(*runs, view=None):
    """Column -> cell, of each row of the first group."""
    group = build_leaderboard(runs, view).groups[0]
    return [dict(zip(header(group), row, strict=True)) for row in rows(group)]


def test_a_row_says_everything_of_a_run():
    (row,) = cells(make_run(FAIR, system="knn", num_parameters=1200, seconds={"embed": 9.0, "train": 2.5}))
    assert row == {
        "system": "knn",
        "rank": "1",
        "UA": "75.00",  # angry 1 of 2, sad 1 of 1
        "WA": "66.67",
        "UA+WA": "141.67",
        "F1": "66.67",  # both 2 / 3
        "95 % of UA": "0.0 to 100.0",
        "UA w/o TESS": "100.00",
        "parameters": "1,200",
        "train s": "2.5",
        "published UA / WA": "56.72 / 62.94",
        "difference": "+18.28 / +3.73*",
    }


def test_what_is_not_known_is_a_dash():
    (row,) = cells(make_run(GOOD, system="whisper", num_parameters=None, seconds={"predict": 1.0}))
    assert [row[name] for name in ("parameters", "train s", "published UA / WA", "difference")] == ["-"] * 4


def test_an_accuracy_is_held_against_wa_alone():
    (row,) = cells(make_run(GOOD[:2], system="svm-wavelet", corpora=["ravdess"], scheme="ravdess8"))
    assert (row["published UA / WA"], row["difference"]) == ("- / 60.10", "- / +39.90*")


def test_one_test_speaker_gives_a_dash_for_the_interval_and_the_foot_says_why():
    run, why = make_run(FAIR), "the test clips are of one speaker, who cannot be resampled"
    assert cells(run, view=View(only="tess"))[0]["95 % of UA"] == "-"
    for render in (render_terminal, render_markdown):
        assert why in " ".join(render(build_leaderboard([run], View(only="tess"))).split())
        assert why not in " ".join(render(build_leaderboard([run])).split())


def test_a_group_with_a_model_of_another_corpus_says_what_its_protocol_is_of():
    settings = {"corpus": "corpora/tess"}
    judged = make_run(GOOD, "runs/a/on-b", settings=settings, **{EVALUATED_RUN: "runs/a"})
    said = "the protocol and the folds above are those of the test clips"
    text = " ".join(render_terminal(build_leaderboard([make_run(FAIR), judged])).split())
    assert "hubert+bert, trained on tess" in text
    assert said in text
    assert said not in " ".join(render_terminal(build_leaderboard([make_run(FAIR)])).split())


def test_a_figure_that_is_like_for_like_has_no_star():
    many = [f"ravdess/{index:02} {name} {name}" for index in range(24) for name in ("angry", "sad")] * 55
    run = make_run(many, system="hubert", protocol="paper", corpora=FIVE, num_parameters=BASE)
    assert run.metrics["test"]["n"] == 2640  # published: 2,648
    board = build_leaderboard([run])
    assert rows(board.groups[0])[0][-1] == "+25.46 / +24.48"
    assert "not like for like" not in render_terminal(board)


def test_the_foot_says_what_a_published_figure_was_measured_on():
    run = make_run(GOOD, system="hubert", num_parameters=BASE)
    text = " ".join(render_terminal(build_leaderboard([run])).split())
    assert "Sharma, table 8: cremad, iemocap, ravdess, savee, tess, scheme paper7" in text
    assert "not speaker-independent: protocol paper (HuBERT)." in text
    assert "* not like for like" in text


def test_the_foot_names_each_set_of_classes_that_a_figure_may_be_of():
    run = make_run(GOOD[:2], system="mlp-ravdess", corpora=["ravdess"], scheme="ravdess4")
    text = " ".join(render_terminal(build_leaderboard([run])).split())
    assert "ravdess, scheme ravdess4 or ravdess4-surprised, four emotions" in text


def test_a_group_says_what_its_rows_have_in_common():
    text = render_terminal(build_leaderboard([make_run(GOOD)])).replace("\n", " ")
    assert "Protocol speaker, fold 0 of 5, scheme paper7, corpora ravdess, tess, 3 test clips [" in text
    assert "Without a test clip, and left out of UA and F1: calm." in text
    assert "LEAKS" not in text


def test_a_group_that_leaks_is_marked():
    board = build_leaderboard([make_run(GOOD, protocol="paper", leaks=["copies", "speakers"])])
    for text in (render_terminal(board), render_markdown(board)):
        assert "Protocol paper (LEAKS), " in text
        assert "LEAKS: these scores are too high and are not ranked with others. copies (and 1 more)" in text


def test_markdown_has_a_heading_and_a_table_a_group():
    text = render_markdown(build_leaderboard([make_run(GOOD), make_run(GOOD, protocol="text")]))
    assert text.startswith("# Leaderboard: all test clips\n\n## Protocol speaker, fold 0 of 5")
    assert text.count("| system | rank | UA | WA |") == 2
    assert text.endswith("Written by `mmser leaderboard`.\n")


def test_a_view_is_named_and_so_is_what_it_leaves_out():
    runs = [make_run(GOOD), make_run(GOOD[:2], "runs/knn", system="knn", corpora=["ravdess"])]
    text = render_terminal(build_leaderboard(runs, View(only="tess")))
    assert text.startswith("Leaderboard: tess clips alone\n")
    assert "No published figure of these systems was measured on such clips." in text
    assert "Left out, for they have no such clip: knn (knn)." in text
