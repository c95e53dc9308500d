"""When a model had better say nothing.  probabilities (N, C), share -> threshold of the top probability

Leaving the least sure answers out raises the accuracy of the others (Geifman and El-Yaniv, "Selective
Classification for Deep Neural Networks", NeurIPS 2017). Scores of a run are of all its answers.
"""

import numpy as np
import numpy.typing as npt


def fit_abstention(probabilities: npt.ArrayLike, share: float) -> float:
    """Find the probability below which the least sure answers lie.

    Args:
        probabilities: calibrated, of clips that the model was not trained on, (N, C).
        share: of them that may be left without a label, 0 to below 1.

    Returns:
        A threshold: at most ``share`` of the clips have a top probability below it; 0 where the share is 0.
    """
    if not share:
        return 0.0
    return float(np.quantile(np.asarray(probabilities).max(axis=1), share, method="lower"))
