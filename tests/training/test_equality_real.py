"""How far bfloat16 is from float32 with trained weights on real clips: docs/exactness.md quotes it."""

import os
from pathlib import Path

import pytest
import torch

from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import read_waveform
from mmser.corpora import read_clips
from mmser.models.fusion import build_fusion
from mmser.models.precision import lowered_precision

SENTENCES = ("Kids are talking by the door.", "Dogs are sitting by the door.", "It's eleven o'clock.")
BOUND, BATCH = 0.025, 0.002  # 0.01 and 0 were measured


def distance(ours, theirs):
    return ((ours - theirs).norm(dim=1) / theirs.norm(dim=1)).max().item()


@pytest.mark.corpus
@pytest.mark.weights
@pytest.mark.parametrize("audio", ["whisper-tiny.en", "whisper-base"])
def test_pooled_states_of_trained_encoders_in_bfloat16_are_near_those_in_float32_and_blind_to_the_batch(
    audio,
):
    models = Path(os.environ["MMSER_MODELS"])
    found = read_clips(Path(os.environ["MMSER_CORPORA"]), ("ravdess", "tess"))[0]
    paths = [clip.path for clip in found[:: len(found) // 6]][:6]
    model, processor = build_fusion(str(models / audio), str(models / "minilm-l6"), ("a", "b"))
    waveforms = [clean_waveform(*read_waveform(path), CleaningSettings()) for path in paths]
    features = [processor.features(each, SENTENCES[index % 3]) for index, each in enumerate(waveforms)]
    batch = processor.pad(features)

    @torch.no_grad()
    def pool(batch):
        sound = model.embed_audio(batch["input_values"], batch["attention_mask"])
        return sound, model.embed_text(batch["input_ids"], batch["text_attention_mask"])

    exact = pool(batch)
    in_bfloat16 = [
        lowered_precision(each, torch.bfloat16) for each in (model.audio_encoder, model.text_encoder)
    ]
    with in_bfloat16[0], in_bfloat16[1]:
        rounded, alone = pool(batch), [pool(processor.pad([each])) for each in features]
    for index, vectors in enumerate(rounded):
        assert 0 < distance(vectors, exact[index]) < BOUND
        assert distance(vectors, torch.cat([each[index] for each in alone])) < BATCH
