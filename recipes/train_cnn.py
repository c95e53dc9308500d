"""Train a network of a paper over hand-made features: CNNs, an RNN, LSTMs, an auto-encoder, MobileNetV2.

    accelerate launch recipes/train_cnn.py --config recipes/configs/sharma_cnn.yaml \
        --corpus corpora/paper7 --out runs/sharma-cnn

Every key of the YAML and every field of transformers.TrainingArguments can be given on the command line.
"""

from transformers import TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.training.arguments import TrainerSettings, parse_arguments
from mmser.training.describing import describe
from mmser.training.networks import NetworkSettings, prepare_network
from mmser.training.publication import refuse_place
from mmser.training.run import Run, run_recipe, train_and_evaluate
from mmser.training.search import SearchSettings, search_settings


def main() -> None:
    """Search settings if asked to, build, train, choose on validation, score on test."""
    settings, network, search, arguments = parse_arguments(
        (TrainerSettings, NetworkSettings, SearchSettings, TrainingArguments)
    )
    refuse_place(arguments, network.network)
    corpus = load_corpus(settings.corpus)
    if search.search_trials:
        network, arguments = search_settings(corpus, settings, network, search, arguments)
    set_seed(arguments.seed)
    inputs = prepare_network(corpus, network, settings)
    described = describe(settings, network, search, arguments)
    train_and_evaluate(Run(inputs, corpus, settings, arguments, described))


if __name__ == "__main__":
    run_recipe(main)
