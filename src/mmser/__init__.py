"""Speech-and-text emotion recognition: five public corpora in, an honest, publishable recognizer out."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME_OF = {
    "EmotionRecognizer": "mmser.inference.recognizer",
    "build_corpus": "mmser.curation.builder",
    "load_corpus": "mmser.curation.schema",
    "compute_scores": "mmser.evaluation.scores",
    "SCHEMES": "mmser.labels",
}

__all__ = ["SCHEMES", "EmotionRecognizer", "__version__", "build_corpus", "compute_scores", "load_corpus"]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that ``import mmser`` stays instant."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mmser' has no attribute {name!r}; public names are {__all__}.")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
