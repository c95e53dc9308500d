"""Train a speech encoder alone: HuBERT with a linear classifier, as stock AutoModelForAudioClassification.

With another pooling than the mean of the last layer, or dropout, it is the fusion model without text.

    accelerate launch recipes/train_hubert.py --config recipes/configs/hubert.yaml \
        --corpus corpora/paper7 --out runs/hubert

Every key of the YAML and every field of transformers.TrainingArguments can be given on the command line.
"""

from transformers import TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.training.arguments import AudioSettings, RunSettings, parse_arguments
from mmser.training.run import run_recipe, train_and_evaluate
from mmser.training.systems import prepare_run


def main() -> None:
    """Build, freeze, train, choose on validation, score on test."""
    settings, audio, arguments = parse_arguments((RunSettings, AudioSettings, TrainingArguments))
    set_seed(arguments.seed)
    corpus = load_corpus(settings.corpus)
    train_and_evaluate(prepare_run(settings, audio, arguments, corpus))


if __name__ == "__main__":
    run_recipe(main)
