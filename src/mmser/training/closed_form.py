"""Compute a classifier in place of training it.  pooled states (N, W), classes (N,) -> a linear layer

Linear discriminant analysis with a shrunk covariance: on a few hundred clips and states of some thousand
values it is hard to beat, it takes a second, and it has no seed.
"""

from typing import Any

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mmser.errors import SettingsError
from mmser.training.frozen import PooledModel, frozen_encoders_of

_BATCH_SIZE = 64
_LEAST_SCALE = 1e-3  # of a value that hardly varies
_LEAST_EIGENVALUE = 1e-10  # relative to the largest: below it a direction is rounding


def fit_classifier(inputs: Any, shrinkage: float) -> None:
    """Give a model the classifier that tells the clips of its train split apart.

    Args:
        inputs: of a model whose towers are frozen; the model is changed.
        shrinkage: see :func:`fit_lda`.

    Raises:
        SettingsError: something other than the classifier is trained, or a class has no clip.
    """
    trained = [name for name, each in inputs.model.named_parameters() if each.requires_grad]
    odd = [name for name in trained if not name.startswith("classifier.")]
    if odd or any(depth is not None for depth in frozen_encoders_of(inputs.model).values()):
        raise SettingsError(
            f"lda_shrinkage computes the classifier alone, but {len(odd)} other weights are to be trained, "
            f"{odd[0]} among them. Freeze the towers (--freeze classifier, --freeze_text True), with pooling "
            "mean or mean+std of the last layer or a range of layers."
        )
    features, labels = _pool(inputs)
    classifier = inputs.model.classifier
    weight, bias = fit_lda(features, labels, classifier.out_features, shrinkage)
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(weight))
        classifier.bias.copy_(torch.from_numpy(bias))


@torch.no_grad()
def _pool(inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """What enters the classifier for each clip of the train split, float64 (N, W), and its class."""
    view, pooled = inputs.view("train"), PooledModel(inputs.model).eval()
    features, labels = [], []
    for start in range(0, len(view), _BATCH_SIZE):
        batch = inputs.collate([view[index] for index in range(start, min(start + _BATCH_SIZE, len(view)))])
        labels.append(batch.pop("labels").numpy())
        features.append(pooled.join(**batch).double().numpy())
    return np.concatenate(features), np.concatenate(labels)


def fit_lda(
    features: np.ndarray, labels: np.ndarray, num_classes: int, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Linear discriminant analysis (Fisher, 1936; scikit-learn's), for classes that are equally likely.

    Values are standardised, and turned into the space that the clips span: there the shrunk covariance is
    (1 - s) S + s t I, t the mean of its diagonal (Friedman, 1989).

    Args:
        features: (N, W).
        labels: class indices, (N,).
        num_classes: C.
        shrinkage: s, above 0, to 1 at most.

    Returns:
        Weights (C, W) and biases (C,) of a linear layer, whose logits are log-likelihoods up to a constant.

    Raises:
        SettingsError: a class has no clip.
    """
    absent = sorted(set(range(num_classes)) - set(labels.tolist()))
    if absent:
        raise SettingsError(
            f"lda_shrinkage: classes {absent} have no training clip, and nothing can be computed of them. "
            "Build another protocol or fold, or train the classifier."
        )
    mean, scale = features.mean(axis=0), features.std(axis=0) + _LEAST_SCALE
    values = (features - mean) / scale
    basis = _span(values)
    lda = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=np.full(num_classes, 1 / num_classes)
    ).fit(values @ basis, labels)
    directions, bias = lda.coef_, lda.intercept_
    if num_classes == 2:  # scikit-learn gives the difference of the two
        directions, bias = np.vstack([-directions, directions]) / 2, np.concatenate([-bias, bias]) / 2
    weight = directions @ basis.T / scale
    return weight.astype(np.float32), (bias - weight @ mean).astype(np.float32)


def _span(values: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the rows of (N, W) span, by the smaller of the two products: (W, R)."""
    is_wide = values.shape[1] > len(values)
    eigenvalues, vectors = np.linalg.eigh(values @ values.T if is_wide else values.T @ values)
    kept = eigenvalues > _LEAST_EIGENVALUE * eigenvalues[-1]
    return values.T @ vectors[:, kept] / np.sqrt(eigenvalues[kept]) if is_wide else vectors[:, kept]
