import pytest

from mmser.evaluation.published import BASELINES, PUBLISHED, TRANSFORMERS, find_published
from mmser.labels import SCHEMES
from mmser.models.classical import SYSTEMS

FIVE = ("cremad", "iemocap", "ravdess", "savee", "tess")
SAMPLE = ("cremad", "ravdess", "savee", "tess")
BASE, WITH_BERT = 94_371_712, 94_371_712 + 109_482_240  # HubertModel, BertModel of the default configurations
SIZES = {"hubert": BASE, "hubert+bert": WITH_BERT, "mobilenet-v2-1": 2_241_806, "mobilenet-v2-4": 2_232_839}


def test_the_baselines_are_those_of_table_6():
    assert {row.system: (row.wa, row.ua) for row in BASELINES} == {
        "knn": (62.94, 56.72),
        "mlp": (62.39, 54.72),
        "xgboost": (48.61, 44.07),
        "lightgbm": (33.01, 42.30),
        "logistic-regression": (50.82, 41.58),
        "random-forest": (37.52, 38.03),
        "naive-bayes": (23.89, 32.74),
        "decision-tree": (19.38, 22.92),
        "mobilenet-v2": (38.03, 37.52),
        "sharma-cnn": (63.10, 56.70),
    }


def test_the_sum_of_hubert_and_bert_is_that_of_the_paper():
    assert [row.ua_plus_wa for row in TRANSFORMERS] == [150.06, 157.57]


def test_each_system_has_figures_and_a_scheme_that_there_is():
    for row in PUBLISHED:
        assert row.wa is not None or row.other
        assert set(row.schemes) <= set(SCHEMES)


def test_classical_baselines_go_by_the_names_of_our_systems():
    assert {row.system for row in BASELINES} - set(SYSTEMS) == {"mobilenet-v2", "sharma-cnn"}


@pytest.mark.parametrize("corpora", [FIVE, SAMPLE])
def test_figures_over_several_corpora_stand_beside_scores_over_some_of_them(corpora):
    assert find_published("hubert", "paper7", corpora, num_parameters=BASE).ua == 74.54


def test_the_ravdess_benchmark_stands_beside_scores_on_ravdess_alone():
    hidden = ["cremad", "savee", "tess"]
    found = find_published("hubert+bert", "paper7", ["ravdess"], hidden, num_parameters=WITH_BERT)
    assert (found.table, found.ua, found.wa) == ("table 9", 79.31, 78.45)


@pytest.mark.parametrize(
    ("system", "scheme", "corpora", "hidden"),
    [
        ("whisper", "paper7", FIVE, ()),  # HuBERT's figures are HuBERT's
        ("whisper+bert", "paper7", FIVE, ()),
        ("wavlm", "paper7", FIVE, ()),
        ("hubert", "ekman7", FIVE, ()),
        ("hubert", "paper7", (*FIVE, "emodb"), ()),
        ("hubert", "paper7", ("ravdess",), ()),  # one corpus says nothing of five
        ("hubert", "paper7", ("cremad", "ravdess", "savee"), ("tess",)),  # the figure is with TESS
        ("mobilenet-v2-1", "paper7", FIVE, ()),  # the figure is that of experiment 4
        ("mlp-ravdess", "paper7", ("ravdess",), ()),  # four classes
        ("lstm", "emodb7", ("emodb",), ()),  # none is published
    ],
)
def test_figures_of_something_else_are_not_shown(system, scheme, corpora, hidden):
    size = SIZES.get(system)
    assert find_published(system, scheme, corpora, hidden, num_parameters=size) is None


@pytest.mark.parametrize("system", ["hubert", "hubert+bert", "mobilenet-v2-4"])
def test_figures_stand_beside_a_model_of_the_published_size(system):
    assert find_published(system, "paper7", FIVE, num_parameters=SIZES[system])


@pytest.mark.parametrize(
    ("system", "size"),
    [
        ("hubert", 350_000),  # the demo's
        ("hubert", 316_000_000),  # LARGE
        ("hubert", 962_500_000),  # X-LARGE
        ("hubert", None),
        ("hubert+bert", 94_371_712 + 22_700_000),  # MiniLM is a BERT too
        ("mobilenet-v2-4", 405_095),  # 0.35 of the width
    ],
)
def test_figures_of_a_model_of_another_size_are_not_shown(system, size):
    assert find_published(system, "paper7", FIVE, num_parameters=size) is None


@pytest.mark.parametrize("scheme", ["ravdess4", "ravdess4-surprised"])
def test_the_perceptron_may_have_learnt_either_set_of_four_emotions(scheme):
    found = find_published("mlp-ravdess", scheme, ["ravdess"])
    assert found.wa == 83.33
    assert "disgust in its abstract, surprised in its experiments" in found.note


def test_the_fourth_experiment_is_the_published_one():
    size = SIZES["mobilenet-v2-4"]
    assert find_published("mobilenet-v2-4", "paper7", FIVE, num_parameters=size).wa == 38.03


def test_an_accuracy_of_a_source_that_names_no_classes_is_shown_for_any():
    assert find_published("svm-wavelet", "ravdess8", ["ravdess"]).wa == 60.1


def is_like(protocol="paper", scheme="paper7", corpora=FIVE, num_clips=2648):
    return TRANSFORMERS[0].is_like(protocol, scheme, corpora, num_clips)


def test_the_same_protocol_corpora_and_number_of_clips_are_like_for_like():
    assert is_like()
    assert is_like(num_clips=2600)  # cleaning drops a few more, or less


@pytest.mark.parametrize(
    "changes", [{"protocol": "speaker"}, {"scheme": "ekman7"}, {"corpora": SAMPLE}, {"num_clips": 500}]
)
def test_any_difference_of_measurement_is_not_like_for_like(changes):
    assert not is_like(**changes)
