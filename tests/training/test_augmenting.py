from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoFeatureExtractor

from factories_corpus import make_tone
from mmser.audio.augmentation import KINDS, AugmentationSettings
from mmser.curation.schema import decode_audio, load_corpus
from mmser.errors import SettingsError, UnknownNameError
from mmser.models.fusion import AudioFeatures
from mmser.models.loading import load_model
from mmser.training.augmenting import Augmenter
from mmser.training.collation import ClipDataset
from mmser.training.trainer import EmotionTrainer
from mmser.training.tuning import TuningSettings

SHORT = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 1e-3}
TONE = make_tone("happy")
ALWAYS = {"freeze": "entire", "augment": "gain", "augment_probability": 1.0}


@pytest.fixture
def augmenter():
    def _build(*kinds, probability=1.0, epoch=0, seed=0):
        built = Augmenter(AugmentationSettings(kinds=kinds or KINDS), probability)
        built.begin_epoch(epoch, seed=seed)
        return built

    return _build


def test_the_same_clip_sounds_the_same_in_an_epoch_and_otherwise_in_every_other(augmenter):
    first = augmenter("gain")(TONE, "a/1")
    assert np.array_equal(first, augmenter("gain")(TONE, "a/1"))
    assert not np.array_equal(first, TONE)
    for other in ({"epoch": 1}, {"seed": 1}):
        assert not np.array_equal(first, augmenter("gain", **other)(TONE, "a/1"))
    assert not np.array_equal(first, augmenter("gain")(TONE, "a/2"))


def test_about_as_many_clips_are_altered_as_is_asked_for(augmenter):
    quarter = augmenter("gain", probability=0.25)
    altered = sum(quarter(TONE, f"a/{number}") is not TONE for number in range(400))
    assert 75 < altered < 125


def test_all_that_is_asked_for_is_done_to_some_clip(augmenter, monkeypatch):
    done = Counter()
    monkeypatch.setattr(
        "mmser.training.augmenting.augment_waveform",
        lambda waveform, kind, **_: (waveform, done.update([kind])),
    )
    both = augmenter("gain", "pitch_shift")
    for number in range(100):
        both(TONE, f"a/{number}")
    assert done.keys() == {"gain", "pitch_shift"}
    assert min(done.values()) > 30


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_works_on_clips_of_any_length(augmenter, kind):
    for num_samples in (400, 4000, 16000):
        altered = augmenter(kind)(TONE[:num_samples], "a/1")
        assert altered.dtype == np.float32
        assert len(altered) > 0
        assert np.isfinite(altered).all()


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_clips_sound_the_same_in_however_many_workers(augmenter, corpus, towers, workers, persistent):
    processor = AudioFeatures(AutoFeatureExtractor.from_pretrained(towers["hubert"]))
    rows = load_corpus(corpus)["train"].select(range(6))
    built = augmenter("gain", "background_noise", "pitch_shift")
    clips = ClipDataset(rows, processor, built)
    loader = DataLoader(
        clips,
        batch_size=None,
        num_workers=workers,
        persistent_workers=persistent,
        collate_fn=lambda item: item,
    )
    for epoch in (0, 1):
        built.begin_epoch(epoch, seed=3)
        heard = [item["input_values"] for item in loader]
        for row, values in zip(rows, heard, strict=True):
            alone = augmenter("gain", "background_noise", "pitch_shift", epoch=epoch, seed=3)
            expected = processor.features(alone(decode_audio(row["audio"]), row["id"]))["input_values"]
            assert np.array_equal(values, expected)


@pytest.fixture
def heard(monkeypatch):
    """(id, epoch) of every clip that was altered."""
    calls = []
    original = Augmenter.__call__

    def watch(self, waveform, clip_id):
        calls.append((clip_id, self._moment[1].item()))
        return original(self, waveform, clip_id)

    monkeypatch.setattr(Augmenter, "__call__", watch)
    return calls


@pytest.mark.parametrize(
    ("recipe", "options"),
    [("train_hubert", {}), ("train_fusion", {}), ("train_fusion", {"freeze_text": True})],
    ids=["speech", "fusion", "text tower frozen"],
)
def test_a_run_alters_each_training_clip_once_an_epoch_and_no_other(
    run_recipe, corpus, heard, recipe, options
):
    run_recipe(recipe, **ALWAYS, **options, **SHORT)
    ids = load_corpus(corpus)["train"]["id"]
    assert Counter(heard) == Counter((name, epoch) for epoch in (0, 1) for name in ids)


def test_a_run_hears_what_it_alters(run_recipe, corpus, monkeypatch):
    losses = []
    original = EmotionTrainer.training_step

    def watch(self, *args):
        losses.append(original(self, *args).item())
        return torch.tensor(losses[-1])

    monkeypatch.setattr(EmotionTrainer, "training_step", watch)
    settings = {**SHORT, "freeze": "entire", "learning_rate": 0, "per_device_train_batch_size": 32}
    run_recipe("train_hubert", out="plain", **settings)
    assert losses[0] == pytest.approx(losses[1])  # the same clips in both epochs
    run_recipe("train_hubert", augment="background_noise", augment_probability=1.0, **settings)
    plain, _, *noisy = losses
    assert len({round(each, 5) for each in (plain, *noisy)}) == 3


def test_an_altered_run_that_was_killed_within_an_epoch_ends_as_an_uninterrupted_one(run_recipe, monkeypatch):
    settings = {**ALWAYS, **SHORT, "augment": "background_noise", "save_strategy": "steps", "save_steps": 2}
    settings |= {"eval_strategy": "steps", "eval_steps": 2, "save_total_limit": 5}
    whole = run_recipe("train_hubert", out="whole", **settings)
    original = EmotionTrainer.training_step

    def die_within_the_second_epoch(self, *args):
        if self.state.global_step == 7:
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(EmotionTrainer, "training_step", die_within_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run_recipe("train_hubert", out="killed", **settings)
    resumed = run_recipe("train_hubert", "--resume", "True", out="killed", **settings)
    weights = [dict(load_model(run)[0].named_parameters()) for run in (whole, resumed)]
    for name, each in weights[0].items():
        assert np.allclose(each.detach(), weights[1][name].detach(), atol=1e-6), name


@pytest.mark.parametrize("recipe", ["train_hubert", "train_fusion"])
def test_clips_of_a_frozen_tower_cannot_be_altered_as_they_are_heard(run_recipe, recipe):
    message = r"augment is \['gain'\], but the audio tower is frozen.*copies \(mmser build --balance-to\)"
    with pytest.raises(SettingsError, match=message):
        run_recipe(recipe, freeze="classifier", augment="gain", **SHORT)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"augment": ["echo"]}, UnknownNameError, r"Unknown augmentation 'echo', expected one of"),
        ({"augment_probability": 0.5}, SettingsError, r"augment_probability is given, but not what is done"),
        (
            {"augment": ["gain"], "augment_probability": 0.0},
            SettingsError,
            r"augment_probability is 0\.0, exp",
        ),
        ({"augment": ["gain"], "augment_probability": 1.5}, SettingsError, r"expected above 0, to 1 at most"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        TuningSettings(**settings).check_tuning()
