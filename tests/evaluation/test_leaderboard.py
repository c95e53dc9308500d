import pytest

from factories_evaluation import make_run
from mmser.errors import EmptySplitError, SettingsError
from mmser.evaluation.folds import EVALUATED_RUN
from mmser.evaluation.leaderboard import View, build_leaderboard

# Labels angry, sad on RAVDESS, angry on TESS.
GOOD = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry")
FAIR = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry sad")
POOR = ("ravdess/01 angry sad", "ravdess/02 sad sad", "tess/OAF angry angry")


WITH_BERT = 203_900_000  # parameters of HuBERT BASE + BERT BASE


def names(group):
    return [row.name for row in group.rows]


def test_rows_of_one_test_split_are_ranked_by_ua_plus_wa():
    board = build_leaderboard([make_run(FAIR, system="knn"), make_run(GOOD, system="mlp")])
    (group,) = board.groups
    assert names(group) == ["mlp", "knn"]
    # angry 1 of 2, sad 1 of 1; 2 of 3 right
    assert group.rows[1].scores["ua_plus_wa"] == pytest.approx(75 + 66.6667, abs=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "stratified"},
        {"scheme": "ekman7"},
        {"corpora": ["ravdess", "savee", "tess"]},
        {"leaks": ["3 speakers are in test and train"]},
    ],
)
def test_runs_that_were_measured_otherwise_are_not_ranked_together(changes):
    board = build_leaderboard([make_run(FAIR), make_run(GOOD, **changes)])
    assert [len(group.rows) for group in board.groups] == [1, 1]


def test_runs_judged_on_other_clips_are_not_ranked_together():
    other = make_run(("ravdess/03 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry"))
    assert len(build_leaderboard([make_run(GOOD), other]).groups) == 2


def test_the_same_clips_with_other_labels_are_other_clips():
    relabelled = make_run(("ravdess/01 angry angry", "ravdess/02 calm calm", "tess/OAF angry angry"))
    assert len(build_leaderboard([make_run(GOOD), relabelled]).groups) == 2


def test_neither_the_order_of_clips_nor_of_corpora_matters():
    run = make_run(GOOD, corpora=["tess", "ravdess"])
    run.frame["id"] = ["ravdess/01-0", "ravdess/02-1", "tess/OAF-2"]
    turned = type(run)(run.folders, run.metrics, run.frame[::-1])
    assert len(build_leaderboard([make_run(FAIR), turned]).groups) == 1


def test_groups_that_leak_come_last():
    leaking = make_run((*GOOD, "savee/DC sad sad"), leaks=["clips"], protocol="paper")
    board = build_leaderboard([leaking, make_run(GOOD)])
    assert [group.leaks for group in board.groups] == [False, True]
    assert board.groups[1].found_leaks == ["clips"]


def test_one_corpus_alone_is_scored_anew():
    board = build_leaderboard([make_run(FAIR)], View(only="tess"))
    (row,) = board.groups[0].rows
    assert (row.scores["n"], row.scores["ua"]) == (1, 0.0)
    assert board.groups[0].absent == ["calm", "sad"]


def test_scores_without_a_corpus_are_those_of_the_others():
    board = build_leaderboard([make_run(POOR)], View(without="tess"))
    (row,) = board.groups[0].rows
    assert (row.scores["n"], row.scores["ua"]) == (2, 50.0)
    assert row.scores["ua"] == make_run(POOR).metrics["test"]["without_tess"]["ua"]


def test_runs_that_a_view_leaves_nothing_of_are_left_out():
    only_ravdess = make_run(GOOD[:2], system="knn", corpora=["ravdess"])
    board = build_leaderboard([only_ravdess, make_run(GOOD)], View(only="tess"))
    assert [run.metrics["system"] for run in board.left_out] == ["knn"]


def test_a_corpus_that_no_run_was_judged_on_is_an_error():
    message = r"No test clip is left \(savee clips alone\): the runs were judged on \['ravdess', 'tess'\]"
    with pytest.raises(EmptySplitError, match=message):
        build_leaderboard([make_run(GOOD)], View(only="savee"))


def test_a_view_is_one_thing():
    with pytest.raises(SettingsError, match="one corpus only or leaves one out"):
        build_leaderboard([make_run(GOOD)], View("tess", "ravdess"))


def test_the_difference_is_ours_less_the_published_figure():
    (row,) = build_leaderboard([make_run(GOOD, system="knn")]).groups[0].rows
    assert row.difference("ua") == pytest.approx(100 - 56.72)
    assert row.difference("wa") == pytest.approx(100 - 62.94)
    assert not row.alike


def test_a_published_figure_goes_with_models_of_its_size():
    sizes = [WITH_BERT, 117_000_000]  # with BERT, with MiniLM
    board = build_leaderboard([make_run(GOOD, f"runs/{size}", num_parameters=size) for size in sizes])
    shown = {row.run.metrics["num_parameters"]: row.published for row in board.groups[0].rows}
    assert (shown[WITH_BERT].ua, shown[117_000_000]) == (77.68, None)


def test_a_model_of_another_corpus_says_so_and_has_no_published_figure():
    settings = {"corpus": "corpora/tess/"}
    judged = make_run(GOOD, "runs/a/on-b", system="knn", settings=settings, **{EVALUATED_RUN: "runs/a"})
    native, other = build_leaderboard([make_run(FAIR, system="knn"), judged]).groups[0].rows[::-1]
    assert (native.name, native.published.ua, native.trained_elsewhere) == ("knn", 56.72, False)
    assert (other.name, other.published, other.trained_elsewhere) == ("knn, trained on tess", None, True)


@pytest.mark.parametrize(
    ("run", "name"), [("runs/a", "knn, trained on a"), (["runs/a", "runs/b"], "knn, trained on a, b")]
)
def test_a_model_whose_corpus_is_not_stored_names_its_run(run, name):
    judged = make_run(GOOD, system="knn", settings={}, **{EVALUATED_RUN: run})
    assert names(build_leaderboard([judged]).groups[0]) == [name]


def test_a_single_speaker_has_no_interval():
    run = make_run(GOOD)
    (row,) = build_leaderboard([run]).groups[0].rows
    assert (row.num_speakers, row.interval) == (3, (100.0, 100.0))
    assert build_leaderboard([run], View(only="tess")).groups[0].rows[0].interval is None


def test_a_system_that_no_paper_has_stands_alone():
    (row,) = build_leaderboard([make_run(GOOD, system="whisper")]).groups[0].rows
    assert (row.published, row.difference("ua")) == (None, None)


def test_a_published_figure_goes_with_the_corpora_that_are_judged():
    rows = (*GOOD, "cremad/1001 sad sad")
    run = make_run(rows, corpora=["cremad", "ravdess", "tess"], num_parameters=WITH_BERT)
    assert build_leaderboard([run]).groups[0].rows[0].published.table == "table 8"
    assert build_leaderboard([run], View(only="ravdess")).groups[0].rows[0].published.table == "table 9"
    assert build_leaderboard([run], View(without="tess")).groups[0].rows[0].published is None


def test_runs_of_one_system_are_told_apart_by_their_folders():
    runs = [make_run(GOOD, "s1/hubert", system="hubert"), make_run(FAIR, "s2/hubert", system="hubert")]
    (group,) = build_leaderboard([*runs, make_run(POOR, "s2/knn", system="knn")]).groups
    assert set(names(group)) == {"hubert (s1/hubert)", "hubert (s2/hubert)", "knn"}


def test_scores_without_tess_say_something_where_there_is_more_than_tess():
    assert build_leaderboard([make_run(GOOD)]).groups[0].has_tess
    assert not build_leaderboard([make_run(GOOD)], View(only="tess")).groups[0].has_tess
    assert not build_leaderboard([make_run(GOOD)], View(without="tess")).groups[0].has_tess
