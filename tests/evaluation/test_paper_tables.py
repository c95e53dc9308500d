import pytest

from factories_evaluation import make_run
from mmser.errors import UnknownNameError
from mmser.evaluation.folds import EVALUATED_RUN
from mmser.evaluation.paper_tables import render_paper_table

GOOD = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry angry")
FAIR = ("ravdess/01 angry angry", "ravdess/02 sad sad", "tess/OAF angry sad")


def row_of(text, name):
    """Cells of the first line that begins with a name."""
    line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
    return line.removeprefix(name).split()


def test_baselines_stand_beside_their_published_figures():
    text = render_paper_table("6", [make_run(FAIR, system="knn")])
    # angry 1 of 2, sad 1 of 1
    expected = ["62.94", "56.72", "119.66", "knn*", "66.67", "75.00", "141.67"]
    assert row_of(text, "K-nearest neighbours") == expected


def test_a_system_without_a_run_has_a_dash():
    text = render_paper_table("6", [make_run(FAIR, system="knn")])
    assert row_of(text, "CNN 1-D") == ["63.10", "56.70", "119.80", "-", "-", "-", "-"]


def test_the_table_is_there_without_any_run_of_it():
    text = render_paper_table("6", [make_run(FAIR, system="whisper")])
    assert "There is no run of these systems." in text
    assert "whisper" not in text
    assert row_of(text, "MobileNetV2") == ["38.03", "37.52", "75.55", "-", "-", "-", "-"]


def test_mobilenet_is_the_fourth_of_its_experiments():
    size = 2_232_839
    mobilenet = make_run(FAIR, system="mobilenet-v2-4", num_parameters=size)
    text = render_paper_table("6", [mobilenet, make_run(GOOD, system="knn")])
    assert row_of(text, "MobileNetV2")[3:5] == ["mobilenet-v2-4*", "66.67"]


def test_runs_of_different_protocols_are_tables_of_their_own():
    runs = [make_run(FAIR, system="knn"), make_run(GOOD, system="knn", protocol="paper", leaks=["copies"])]
    text = render_paper_table("6", runs)
    assert text.count("K-nearest neighbours  62.94") == 2
    assert "Protocol paper (LEAKS)" in text


def test_the_final_comparison_names_the_best_three_baselines_and_the_recalls_of_classes():
    hubert = make_run(FAIR, system="hubert", num_parameters=94_600_000)
    text = render_paper_table("8", [hubert, make_run(GOOD, system="naive-bayes")])
    names = [line.split("  ")[0] for line in text.splitlines() if line[:2] in ("ML", "K-", "CN", "Hu")]
    assert names == ["MLP", "K-nearest neighbours", "CNN 1-D", "HuBERT", "HuBERT + BERT"]
    assert row_of(text, "HuBERT")[3:] == ["hubert*", "66.67", "75.00", "141.67", "50.00", "100.00"]
    assert "naive-bayes" not in text


def test_a_published_figure_of_hubert_is_not_shown_beside_whisper():
    text = render_paper_table("8", [make_run(FAIR, system="whisper")])
    assert row_of(text, "HuBERT")[:4] == ["75.52", "74.54", "150.06", "-"]
    assert row_of(text, "whisper") == [
        "-",
        "-",
        "-",
        "whisper",
        "66.67",
        "75.00",
        "141.67",
        "50.00",
        "100.00",
    ]


def test_the_ravdess_benchmark_is_over_ravdess_clips():
    text = render_paper_table("9", [make_run(FAIR, num_parameters=203_900_000)])
    assert row_of(text, "HuBERT + BERT") == [
        *("78.45", "79.31", "157.76"),
        *("hubert+bert*", "100.00", "100.00", "200.00"),
    ]
    assert row_of(text, "MLP (Yeralkhanova et al.)")[:3] == ["83.33", "-", "-"]


def test_runs_without_a_ravdess_clip_are_no_benchmark():
    run = make_run(("tess/OAF angry angry",), system="hubert+bert")
    assert "There is no run of these systems, ravdess clips alone." in render_paper_table("9", [run])


def test_the_foot_says_what_the_paper_measured_on():
    text = " ".join(render_paper_table("6", [make_run(FAIR, system="knn")]).split())
    assert "cremad, iemocap, ravdess, savee, tess, scheme paper7, a random 80:20 split" in text
    assert "* not like for like: the published figure was measured under another protocol" in text


def test_a_run_that_was_measured_as_the_paper_has_no_star():
    many = [f"ravdess/{index:02} {name} {name}" for index in range(24) for name in ("angry", "sad")] * 55
    corpora = ["cremad", "iemocap", "ravdess", "savee", "tess"]
    text = render_paper_table("6", [make_run(many, system="knn", protocol="paper", corpora=corpora)])
    assert row_of(text, "K-nearest neighbours")[3] == "knn"
    assert "not like for like" not in text


@pytest.mark.parametrize(
    ("changes", "name", "below"),
    [
        # paper7 and not ravdess8
        ({"system": "khan-cnn"}, "CNN 1-D (Khan et al.)", "khan-cnn - - - khan-cnn 100.00"),
        ({"num_parameters": 350_000}, "HuBERT + BERT", "hubert+bert - - - hubert+bert 100.00"),
        (
            {"num_parameters": 203_900_000, "settings": {}, EVALUATED_RUN: "runs/tess"},
            "HuBERT + BERT",
            "hubert+bert - - - hubert+bert, trained on tess 100.00",
        ),
    ],
)
def test_a_run_of_something_else_stands_below_the_figure_of_its_name(changes, name, below):
    text = render_paper_table("9", [make_run(GOOD[:2], **changes)])
    assert row_of(text, name)[3] == "-"
    assert any(" ".join(line.split()).startswith(below) for line in text.splitlines())


@pytest.mark.parametrize("system", ["svm", "lda", "knn-grid", "hubert"])
@pytest.mark.parametrize("table", ["8", "9"])
def test_systems_without_a_line_in_table_6_follow_below(table, system):
    assert row_of(render_paper_table(table, [make_run(FAIR, system=system)]), system)[3] == system


@pytest.mark.parametrize("table", ["8", "9"])
def test_systems_of_table_6_do_not_follow_below(table):
    assert "There is no run" in render_paper_table(table, [make_run(FAIR, system="naive-bayes")])


def test_another_table_is_unknown():
    with pytest.raises(UnknownNameError, match=r"Unknown table '7', expected one of \['6', '8', '9'\]"):
        render_paper_table("7", [make_run(GOOD)])
