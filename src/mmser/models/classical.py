"""The classical classifiers of the papers.  feature vectors (N, D) -> probabilities (N, C)

Each is a scikit-learn pipeline: standard scaling, then the classifier with the settings that its paper gives,
else with its library's own. Saved with skops, which runs no code while it loads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mmser.errors import CheckpointError, SettingsError, UnknownNameError

MODEL_FILE = "model.skops"
_NUM_INNER_FOLDS = 5
# What a saved pipeline may hold beside what skops trusts by itself.
_TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
    }
)


@dataclass(frozen=True)
class ClassicalSystem:
    """One classifier of a paper.

    Attributes:
        features: what it takes, a name of ``mmser.training.feature_cache.FEATURES``.
        make: seed -> the classifier, unfitted.
        source: whose system it is.
        grid: parameters that a search tries, by inner folds over the sources of the training clips.
    """

    features: str
    make: Callable[[int], BaseEstimator]
    source: str
    grid: Mapping[str, Sequence[Any]] | None = None


def _xgboost(seed: int) -> BaseEstimator:
    try:
        from xgboost import XGBClassifier
    except ImportError as error:
        raise _not_installed("XGBoost") from error
    return XGBClassifier(random_state=seed)


def _lightgbm(seed: int) -> BaseEstimator:
    try:
        from lightgbm import LGBMClassifier
    except ImportError as error:
        raise _not_installed("LightGBM") from error
    return LGBMClassifier(random_state=seed, verbosity=-1)


def _not_installed(name: str) -> SettingsError:
    return SettingsError(
        f"{name} is not installed: pip install 'mmser[baselines]', or leave that system out."
    )


_SHARMA, _YERALKHANOVA, _PINTO = "Sharma", "Yeralkhanova et al.", "Pinto et al."
SYSTEMS: Mapping[str, ClassicalSystem] = MappingProxyType(
    {
        "knn": ClassicalSystem("paper94", lambda seed: KNeighborsClassifier(), _SHARMA),
        "knn-grid": ClassicalSystem(
            "paper94",
            lambda seed: KNeighborsClassifier(),
            _SHARMA,
            {
                "n_neighbors": (1, 3, 5, 7, 9, 15, 25),
                "weights": ("uniform", "distance"),
                "metric": ("euclidean", "manhattan"),
            },
        ),
        "mlp": ClassicalSystem("paper94", lambda seed: MLPClassifier(random_state=seed), _SHARMA),
        "xgboost": ClassicalSystem("paper94", _xgboost, _SHARMA),
        "lightgbm": ClassicalSystem("paper94", _lightgbm, _SHARMA),
        "logistic-regression": ClassicalSystem(
            "paper94", lambda seed: LogisticRegression(max_iter=1000), _SHARMA
        ),
        "random-forest": ClassicalSystem(
            "paper94", lambda seed: RandomForestClassifier(random_state=seed, n_jobs=-1), _SHARMA
        ),
        "naive-bayes": ClassicalSystem("paper94", lambda seed: GaussianNB(), _SHARMA),
        "decision-tree": ClassicalSystem(
            "paper94", lambda seed: DecisionTreeClassifier(random_state=seed), _SHARMA
        ),
        "mlp-ravdess": ClassicalSystem(
            "mlp180",
            lambda seed: MLPClassifier(
                alpha=0.01, batch_size=256, learning_rate="adaptive", random_state=seed
            ),
            _YERALKHANOVA,
        ),
        "svm": ClassicalSystem("mfcc", lambda seed: CalibratedClassifierCV(SVC(), ensemble=False), _PINTO),
        "svm-wavelet": ClassicalSystem(
            "wavelet", lambda seed: CalibratedClassifierCV(SVC(), ensemble=False), _PINTO
        ),
        "lda": ClassicalSystem("families", lambda seed: LinearDiscriminantAnalysis(), _PINTO),
    }
)


def get_system(name: str) -> ClassicalSystem:
    """Return a system by name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in SYSTEMS:
        raise UnknownNameError("classical system", name, SYSTEMS)
    return SYSTEMS[name]


def fit_classical(
    system: ClassicalSystem, features: np.ndarray, labels: np.ndarray, sources: Sequence[str], *, seed: int
) -> Pipeline:
    """Scale and fit.

    Args:
        system: a system of ``SYSTEMS``.
        features: (N, D).
        labels: class indices, (N,).
        sources: what each clip was made of, (N,): copies of one clip stay in one inner fold.
        seed: of the classifier.

    Returns:
        The fitted pipeline; its classes are positions among the labels that there are, sorted.

    Raises:
        SettingsError: a library is not installed, or features are not finite.
    """
    if not np.isfinite(features).all():
        rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise SettingsError(
            f"Features of {len(rows)} clips are not finite, first of {sources[rows[0]]}. Delete the features"
            " in the cache folder, and look at that clip."
        )
    present, positions = np.unique(labels, return_inverse=True)
    pipeline = make_pipeline(StandardScaler(), system.make(seed))
    fitted: Any = pipeline
    if system.grid is not None:
        step = pipeline.steps[-1][0]
        grid = {f"{step}__{name}": list(values) for name, values in system.grid.items()}
        folds = GroupKFold(min(_NUM_INNER_FOLDS, len(set(sources))))
        search = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=folds, n_jobs=-1)
        fitted = search.fit(features, positions, groups=np.asarray(sources)).best_estimator_
    else:
        fitted = pipeline.fit(features, positions)
    fitted.label_indices_ = present
    return fitted


def predict_classical(pipeline: Pipeline, features: np.ndarray, num_classes: int) -> np.ndarray:
    """Probabilities of each class, float64 (N, C); 0 for classes without a training clip."""
    probabilities = np.zeros((len(features), num_classes))
    probabilities[:, pipeline.label_indices_] = pipeline.predict_proba(features)
    return probabilities


def count_parameters(pipeline: Pipeline) -> int | None:
    """Fitted coefficients of a linear model or a perceptron; None for others, which have no such number."""
    classifier = pipeline.steps[-1][1]
    if isinstance(classifier, MLPClassifier):
        return sum(array.size for array in (*classifier.coefs_, *classifier.intercepts_))
    if isinstance(classifier, LogisticRegression | LinearDiscriminantAnalysis):
        return int(classifier.coef_.size + classifier.intercept_.size)
    return None


def save_classical(pipeline: Pipeline, folder: Path) -> None:
    """Write ``model.skops``."""
    folder.mkdir(parents=True, exist_ok=True)
    skops.io.dump(pipeline, folder / MODEL_FILE)


def load_classical(folder: Path) -> Pipeline:
    """Read ``model.skops``.

    Raises:
        CheckpointError: it is missing, or holds types that no pipeline of ours has.
    """
    path = Path(folder) / MODEL_FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file. Name the folder of a finished classical run.")
    types = skops.io.get_untrusted_types(file=path)
    strange = [name for name in types if name not in _TRUSTED]
    if strange:
        raise CheckpointError(
            f"{path}: holds {strange}, which no classical system of mmser has. Do not load it."
        )
    return skops.io.load(path, trusted=types)
