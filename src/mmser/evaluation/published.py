"""What the papers report, as data.  name of a system, what it was judged on -> published figures, or None

Percent. UA and WA as in ``evaluation.scores``; where a paper gives "accuracy", that is WA. A figure
belongs to the system that it names and to no other: those of HuBERT are never shown beside another encoder.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_FIVE = ("cremad", "iemocap", "ravdess", "savee", "tess")
_RANDOM_80_20 = "a random 80:20 split of 13,236 clips, which is not speaker-independent: protocol paper"
_SMALLEST_MIX = 2  # corpora: one alone says nothing of a figure over several
_SAME_SIZE = 0.05  # how far the number of test clips may be off for a like-for-like
_SAME_MODEL = 0.15  # how far the number of parameters may be off for a model to be the published one
_HUBERT_BASE, _BERT_BASE, _MOBILENET_V2 = 94_600_000, 109_500_000, 2_230_000  # parameters; heads are small


@dataclass(frozen=True)
class Published:
    """Figures of one system in one paper.

    Attributes:
        system: the name of ours that rebuilds it, as metrics.json says it.
        name: the paper's name.
        paper: authors.
        table: which of the paper's tables, or where else.
        ua: unweighted accuracy, or None where it is not given.
        wa: weighted accuracy, or None where it is not given.
        corpora: that it was judged on, by our names.
        schemes: ours that are its classes; none where the source does not say, or we have none.
        measured: how it was split, in words.
        protocol: ours that is that split, or None.
        num_test_clips: where the paper says.
        num_parameters: of its model, where the name of a system says nothing of its size.
        other: a figure of another kind.
        note: what a reader must know.
    """

    system: str
    name: str
    paper: str
    table: str
    ua: float | None
    wa: float | None
    corpora: tuple[str, ...]
    schemes: tuple[str, ...]
    measured: str
    protocol: str | None = None
    num_test_clips: int | None = None
    num_parameters: int | None = None
    other: str = ""
    note: str = ""

    @property
    def ua_plus_wa(self) -> float | None:
        """The sum, where both are given."""
        return None if self.ua is None or self.wa is None else round(self.ua + self.wa, 2)

    @property
    def source(self) -> str:
        """Where the figures stand: "Sharma, table 6"."""
        return f"{self.paper}, {self.table}"

    def is_size(self, num_parameters: int | None) -> bool:
        """Whether a model of so many parameters can be the published one."""
        if self.num_parameters is None:
            return True
        return (
            num_parameters is not None
            and abs(num_parameters - self.num_parameters) <= _SAME_MODEL * self.num_parameters
        )

    def is_like(self, protocol: str, scheme: str, corpora: Collection[str], num_clips: int) -> bool:
        """Whether scores measured so can be held against these figures like for like."""
        return (
            scheme in self.schemes
            and (self.protocol, set(self.corpora)) == (protocol, set(corpora))
            and self.num_test_clips is not None
            and abs(num_clips - self.num_test_clips) <= _SAME_SIZE * self.num_test_clips
        )


def _sharma(system: str, name: str, wa: float, ua: float, **more: Any) -> Published:
    return Published(
        *(system, name, "Sharma", more.pop("table", "table 6"), ua, wa, _FIVE, ("paper7",), _RANDOM_80_20),
        protocol="paper",
        num_test_clips=2648,
        **more,
    )


_SWAPPED = "the paper gives random forest and MobileNetV2 the same two figures, exchanged"
BASELINES = (  # Sharma, table 6
    _sharma("knn", "K-nearest neighbours", 62.94, 56.72, note="GridSearchCV over its parameters: no gain"),
    _sharma("mlp", "MLP", 62.39, 54.72),
    _sharma("xgboost", "XGBoost", 48.61, 44.07),
    _sharma("lightgbm", "LightGBM", 33.01, 42.30),
    _sharma("logistic-regression", "logistic regression", 50.82, 41.58),
    _sharma("random-forest", "random forest", 37.52, 38.03, note=_SWAPPED),
    _sharma("naive-bayes", "Gaussian naive Bayes", 23.89, 32.74),
    _sharma("decision-tree", "decision tree", 19.38, 22.92),
    _sharma(
        *("mobilenet-v2", "MobileNetV2", 38.03, 37.52),
        num_parameters=_MOBILENET_V2,
        note=f"best of four, number 4; {_SWAPPED}",
    ),
    _sharma("sharma-cnn", "CNN 1-D", 63.10, 56.70, note="10 epochs"),
)
TRANSFORMERS = (  # Sharma, table 8
    _sharma("hubert", "HuBERT", 75.52, 74.54, table="table 8", num_parameters=_HUBERT_BASE),
    _sharma(
        *("hubert+bert", "HuBERT + BERT", 79.89, 77.68),
        table="table 8",
        num_parameters=_HUBERT_BASE + _BERT_BASE,
    ),
)

_ON_RAVDESS = "the split is not known"
RAVDESS_BENCHMARK = (  # Sharma, table 9, and what the neighbours report on the same corpus
    Published(
        *("hubert+bert", "HuBERT + BERT", "Sharma", "table 9", 79.31, 78.45, ("ravdess",), ("paper7",)),
        "RAVDESS clips alone",
        num_parameters=_HUBERT_BASE + _BERT_BASE,
    ),
    Published(
        *("mlp-ravdess", "MLP", "Yeralkhanova et al.", "text", None, 83.33, ("ravdess",)),
        *(("ravdess4", "ravdess4-surprised"), "four emotions, a random 75:25 split"),
        note="the fourth emotion is disgust in its abstract, surprised in its experiments",
    ),
    Published(
        *("khan-cnn", "CNN 1-D", "Khan et al.", "text", None, 74.57),
        *(("ravdess", "ravdess-song"), ("ravdess8",), "eight classes, speech and song"),
        note="training accuracy 94.63",
    ),
    Published(
        *("khan-rnn", "RNN", "Khan et al.", "text", None, 55.47),
        *(("ravdess", "ravdess-song"), ("ravdess8",), "eight classes, speech and song"),
    ),
    Published(
        *("svm-wavelet", "SVM on wavelets", "Pinto et al.", "survey", None, 60.1, ("ravdess",), ()),
        _ON_RAVDESS,
    ),
    Published(*("vgg-16", "VGG-16", "Pinto et al.", "survey", None, 71.0, ("ravdess",), ()), _ON_RAVDESS),
    Published(*("gresnet", "GResNet", "Pinto et al.", "survey", None, 65.97, ("ravdess",), ()), _ON_RAVDESS),
    Published(
        *("multi-task", "multi-task features", "Pinto et al.", "survey", None, 57.14, ("ravdess",), ()),
        "four classes",
    ),
    Published(
        *("deep-stride-cnn", "deep-stride CNN", "Pinto et al.", "survey", None, 79.5, ("ravdess",), ()),
        _ON_RAVDESS,
    ),
)

_PINTO_EMODB = "EMO-DB, the split is not known"
OTHERS = (
    Published(
        *("pho-cnn", "multi-label CNN 2-D", "Pho et al.", "text", None, None),
        *(("cremad", "iemocap", "ravdess", "tess"), ("ekman7-multi",), "a random 80:10:10 split"),
        num_test_clips=2167,
        other="mean over emotions of (TP + TN) / total: 57.64",
    ),
    Published(
        *("svm", "SVM on MFCC", "Pinto et al.", "survey", None, 92.86, ("emodb",), ("emodb7",), _PINTO_EMODB),
        note="one figure for SVM and KNN",
    ),
    Published(
        *("ann", "ANN", "Pinto et al.", "survey", None, 90.0, ("emodb",), ("emodb7",), _PINTO_EMODB),
    ),
    Published(
        *("lda", "LDA", "Pinto et al.", "survey", None, 85.8, ("emodb",), ("emodb7",)),
        "EMO-DB, speaker-independent",
    ),
    Published(
        *("cnn-lstm", "CNN-LSTM on log-mel", "Pinto et al.", "survey", None, 95.33, ("emodb",), ("emodb7",)),
        "EMO-DB",
        other="95.89 in a second experiment",
    ),
    Published(
        *("svm-fourier", "SVM on Fourier parameters + MFCC", "Pinto et al.", "survey", None, 73.3),
        *(("emodb",), ("emodb7",), _PINTO_EMODB),
    ),
    Published(
        *("cnn-spectrogram", "CNN on spectrograms", "Pinto et al.", "survey", None, 52.0),
        *(("emodb",), ("emodb7",), _PINTO_EMODB),
    ),
    Published(
        *("audio-text", "audio + text", "Pinto et al.", "survey", None, 71.8, ("iemocap",), ()),
        "IEMOCAP, the split is not known",
    ),
    Published(
        *("deep-stride-cnn", "deep-stride CNN", "Pinto et al.", "survey", None, 81.75, ("iemocap",), ()),
        "IEMOCAP, the split is not known",
    ),
)
PUBLISHED = (*BASELINES, *TRANSFORMERS, *RAVDESS_BENCHMARK, *OTHERS)
_SAME_SYSTEM = {"mobilenet-v2-4": "mobilenet-v2"}  # the published figure is that of experiment 4


def published_name(system: str) -> str:
    """The name under which the figures of a system are listed."""
    return _SAME_SYSTEM.get(system, system)


def find_published(
    system: str,
    scheme: str,
    corpora: Collection[str],
    hidden: Collection[str] = (),
    *,
    num_parameters: int | None = None,
) -> Published | None:
    """The published figures that scores may be shown beside.

    They are those of a system of that very name, for the same classes; where a name is that of models of many
    sizes ("hubert"), of a model of about the published size. A figure for one corpus belongs beside
    scores on that corpus alone; a figure over several beside scores on two or more of them, none taken away
    by the view. Whether the two are like for like is another question: ``Published.is_like``.

    Args:
        system: as metrics.json says it.
        scheme: of its classes.
        corpora: that are judged, after the view.
        hidden: corpora that the view takes away.
        num_parameters: of the model, where it is known.

    Returns:
        The figures over the fewest corpora, or None.
    """
    found = [
        figures
        for figures in PUBLISHED
        if figures.system == published_name(system)
        and (not figures.schemes or scheme in figures.schemes)
        and figures.is_size(num_parameters)
        and set(corpora) <= set(figures.corpora)
        and len(set(corpora)) >= min(_SMALLEST_MIX, len(figures.corpora))
        and not set(hidden) & set(figures.corpora)
    ]
    return min(found, key=lambda figures: len(figures.corpora), default=None)
