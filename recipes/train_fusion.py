"""Train speech and text together: HuBERT + BERT over transcripts, pooled, concatenated, one linear layer.

    accelerate launch recipes/train_fusion.py --config recipes/configs/fusion.yaml \
        --corpus corpora/paper7 --out runs/fusion [--audio-encoder runs/hubert]

With the folder of a finished train_hubert run as ``--audio-encoder`` it starts from that fine-tuned tower.
Every key of the YAML and every field of transformers.TrainingArguments can be given on the command line.
"""

from functools import partial

from transformers import TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.models.fusion import build_fusion
from mmser.models.strict import refusing_bad_towers
from mmser.training.arguments import FusionSettings, RunSettings, parse_arguments
from mmser.training.closed_form import fit_classifier
from mmser.training.describing import describe
from mmser.training.fitting import check_lora, fit_audio_tower, fit_text_tower
from mmser.training.inputs import read_clips
from mmser.training.run import Run, run_recipe, train_and_evaluate


def main() -> None:
    """Build, freeze, train, choose on validation, score on test."""
    settings, towers, arguments = parse_arguments((RunSettings, FusionSettings, TrainingArguments))
    set_seed(arguments.seed)
    corpus = load_corpus(settings.corpus)
    classes = corpus["train"].features["label"].names
    with refusing_bad_towers():
        model, processor = build_fusion(
            towers.audio_encoder,
            towers.text_encoder,
            classes,
            window_s=towers.window_s,
            dropout=towers.dropout,
            audio_pooling=towers.pooling,
            audio_layers=towers.layers,
            text_pooling=towers.text_pooling,
            text_layers=towers.text_layers,
            modality_dropout=towers.modality_dropout,
            tower_options=towers.tower_options,
        )
    fit_audio_tower(model.audio_encoder, towers)
    fit_text_tower(model.text_encoder, towers)
    check_lora(model, towers)
    described = describe(settings, towers, arguments)
    inputs = read_clips(model, processor, corpus, settings, device=arguments.device)
    fit = towers.lda_shrinkage and partial(fit_classifier, inputs, towers.lda_shrinkage)
    train_and_evaluate(Run(inputs, corpus, settings, arguments, described, fit))


if __name__ == "__main__":
    run_recipe(main)
