"""Train speech and text together: HuBERT + BERT over transcripts, pooled, concatenated, one linear layer.

    accelerate launch recipes/train_fusion.py --config recipes/configs/fusion.yaml \
        --corpus corpora/paper7 --out runs/fusion [--audio-encoder runs/hubert]

With the folder of a finished train_hubert run as ``--audio-encoder`` it starts from that fine-tuned tower.
Every key of the YAML and every field of transformers.TrainingArguments can be given on the command line.
"""

from transformers import TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.training.arguments import FusionSettings, RunSettings, parse_arguments
from mmser.training.run import run_recipe, train_and_evaluate
from mmser.training.systems import prepare_run


def main() -> None:
    """Build, freeze, train, choose on validation, score on test."""
    settings, towers, arguments = parse_arguments((RunSettings, FusionSettings, TrainingArguments))
    set_seed(arguments.seed)
    corpus = load_corpus(settings.corpus)
    train_and_evaluate(prepare_run(settings, towers, arguments, corpus))


if __name__ == "__main__":
    run_recipe(main)
