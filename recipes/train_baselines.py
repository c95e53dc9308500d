"""Train the classical systems of the papers: hand-made features, standard scaling, a scikit-learn classifier.

    python recipes/train_baselines.py --config recipes/configs/baselines.yaml \
        --corpus corpora/paper7 --out runs/baselines [--systems knn mlp]

Each system writes a run folder of its own, OUT/NAME. Every key of the YAML can be given on the command line.
"""

from mmser.curation.schema import load_corpus
from mmser.training.arguments import parse_arguments
from mmser.training.baselines import BaselineSettings, run_baselines
from mmser.training.run import run_recipe


def main() -> None:
    """Fit each system on train, score it on validation and test."""
    (settings,) = parse_arguments((BaselineSettings,))
    run_baselines(load_corpus(settings.corpus), settings)


if __name__ == "__main__":
    run_recipe(main)
