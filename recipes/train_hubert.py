"""Train a speech encoder alone: HuBERT with a linear classifier, as stock AutoModelForAudioClassification.

With another pooling than the mean of the last layer, or dropout, it is the fusion model without text.

    accelerate launch recipes/train_hubert.py --config recipes/configs/hubert.yaml \
        --corpus corpora/paper7 --out runs/hubert

Every key of the YAML and every field of transformers.TrainingArguments can be given on the command line.
"""

from functools import partial

from transformers import TrainingArguments, set_seed

from mmser.curation.schema import load_corpus
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_speech
from mmser.models.strict import refusing_bad_towers
from mmser.training.arguments import AudioSettings, RunSettings, parse_arguments
from mmser.training.closed_form import fit_classifier
from mmser.training.describing import describe
from mmser.training.fitting import check_lora, fit_audio_tower
from mmser.training.frozen import encoders_of
from mmser.training.inputs import read_clips
from mmser.training.run import Run, run_recipe, train_and_evaluate


def main() -> None:
    """Build, freeze, train, choose on validation, score on test."""
    settings, audio, arguments = parse_arguments((RunSettings, AudioSettings, TrainingArguments))
    set_seed(arguments.seed)
    corpus = load_corpus(settings.corpus)
    classes = corpus["train"].features["label"].names
    with refusing_bad_towers():
        if audio.has_stock_head:
            model, processor = build_audio_classifier(
                audio.audio_encoder, classes, window_s=audio.window_s, **audio.tower_options
            )
        else:
            model, processor = build_speech(
                audio.audio_encoder,
                classes,
                window_s=audio.window_s,
                dropout=audio.dropout,
                audio_pooling=audio.pooling,
                audio_layers=audio.layers,
                tower_options=audio.tower_options,
            )
    fit_audio_tower(encoders_of(model)["audio"], audio)
    check_lora(model, audio)
    described = describe(settings, audio, arguments)
    inputs = read_clips(model, processor, corpus, settings, device=arguments.device)
    fit = audio.lda_shrinkage and partial(fit_classifier, inputs, audio.lda_shrinkage)
    train_and_evaluate(Run(inputs, corpus, settings, arguments, described, fit))


if __name__ == "__main__":
    run_recipe(main)
