import pytest

from factories_evaluation import make_run
from mmser.errors import UnknownNameError
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
    expected = ["62.94", "56.72", "119.66", "knn", "66.67", "75.00", "141.67"]
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
    text = render_paper_table("6", [make_run(FAIR, system="mobilenet-v2-4"), make_run(GOOD, system="knn")])
    assert row_of(text, "MobileNetV2")[3:5] == ["mobilenet-v2-4", "66.67"]


def test_runs_of_different_protocols_are_tables_of_their_own():
    runs = [make_run(FAIR, system="knn"), make_run(GOOD, system="knn", protocol="paper", leaks=["copies"])]
    text = render_paper_table("6", runs)
    assert text.count("K-nearest neighbours  62.94") == 2
    assert "Protocol paper (LEAKS)" in text


def test_the_final_comparison_names_the_best_three_baselines_and_the_recalls_of_classes():
    text = render_paper_table("8", [make_run(FAIR, system="hubert"), make_run(GOOD, system="naive-bayes")])
    names = [line.split("  ")[0] for line in text.splitlines() if line[:2] in ("ML", "K-", "CN", "Hu")]
    assert names == ["MLP", "K-nearest neighbours", "CNN 1-D", "HuBERT", "HuBERT + BERT"]
    assert row_of(text, "HuBERT")[3:] == ["hubert", "66.67", "75.00", "141.67", "50.00", "100.00"]
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
    text = render_paper_table("9", [make_run(FAIR, system="hubert+bert")])
    assert row_of(text, "HuBERT + BERT") == [
        *("78.45", "79.31", "157.76"),
        *("hubert+bert", "100.00", "100.00", "200.00"),
    ]
    assert row_of(text, "MLP (Yeralkhanova et al.)")[:3] == ["83.33", "-", "-"]


def test_runs_without_a_ravdess_clip_are_no_benchmark():
    run = make_run(("tess/OAF angry angry",), system="hubert+bert")
    assert "There is no run of these systems, ravdess clips alone." in render_paper_table("9", [run])


def test_the_foot_says_what_the_paper_measured_on():
    text = " ".join(render_paper_table("6", [make_run(FAIR, system="knn")]).split())
    assert "cremad, iemocap, ravdess, savee, tess, scheme paper7, a random 80:20 split" in text
    assert "like the published ones only where its protocol" in text


def test_another_table_is_unknown():
    with pytest.raises(UnknownNameError, match=r"Unknown table '7', expected one of \['6', '8', '9'\]"):
        render_paper_table("7", [make_run(GOOD)])
