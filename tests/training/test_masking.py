import json

import pytest
import torch
from datasets import concatenate_datasets

from factories_corpus import write_corpus
from factories_models import save_audio_checkpoint
from mmser.audio.io import encode_flac
from mmser.curation.schema import load_corpus
from mmser.errors import SettingsError
from mmser.models.audio_classifier import build_audio_classifier, get_audio_tower
from mmser.models.fusion.pretrained import load_audio_tower
from mmser.training.arguments import AudioSettings
from mmser.training.masking import draw_spans, install_safe_masking

SHORT = {"num_train_epochs": 1, "learning_rate": 0.01}
ONE_FRAME = 400  # samples
MASKED = ("data2vec", "hubert", "hubert-large", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")
MASKS = {"mask_time_prob": 0.5, "mask_time_length": 4, "mask_time_min_masks": 2}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    return {kind: str(save_audio_checkpoint(kind, folder / kind)) for kind in MASKED}


@pytest.fixture
def build(checkpoints):
    def _build(kind="hubert", **options):
        tower = load_audio_tower(checkpoints[kind], **(MASKS | options))
        install_safe_masking(tower)
        return tower.train()

    return _build


def watch_masks(tower):
    """The masks that a tower is given, each (B, F), in a list that grows as it runs."""
    masks = []
    tower.register_forward_pre_hook(
        lambda _, args, kwargs: masks.append(kwargs.get("mask_time_indices")), with_kwargs=True
    )
    return masks


def test_spans_cover_real_frames_alone_and_at_most_half_of_a_clip():
    torch.manual_seed(0)
    frames = [7, 8, 15, 16, 100, 40]
    for _ in range(50):
        masked = draw_spans(frames, 100, share=0.9, span=4, least=2)
        for row, num_real in zip(masked, frames, strict=True):
            assert not row[num_real:].any()
            assert row.sum() <= num_real / 2
        assert not masked[0].any()  # shorter than two spans
        assert masked[1].sum() == masked[2].sum() == 4  # room for one
        assert masked[4].sum() > 4


def test_as_many_spans_are_drawn_as_the_share_says_with_the_rest_by_chance():
    torch.manual_seed(0)
    # 0.05 * 300 / 10 = 1.5: one span or two, which may overlap.
    counts = [draw_spans([300], 300, share=0.05, span=10, least=0).sum().item() for _ in range(400)]
    assert set(counts) <= set(range(10, 21))
    assert 0.4 < sum(count == 10 for count in counts) / 400 < 0.65
    assert draw_spans([300], 300, share=0.0, span=10, least=2).sum() == 0
    assert min(draw_spans([300], 300, share=1e-9, span=10, least=2).sum().item() for _ in range(20)) > 9


def test_padding_changes_no_clip_of_a_batch_that_is_masked(build):
    tower = build()
    masks = watch_masks(tower)
    values, lengths = torch.zeros(3, 16000), [16000, 4000, 9000]
    mask = torch.stack([torch.arange(16000) < length for length in lengths]).long()
    for _ in range(20):
        tower(values + torch.randn(3, 16000) * mask, attention_mask=mask)
    for row, num_real in enumerate((49, 12, 27)):  # one frame each 320 samples, the first of 400
        each = torch.stack([mask[row] for mask in masks])
        assert each[:, :num_real].any()
        assert not each[:, num_real:].any()


def test_a_masked_frame_is_the_vector_of_the_checkpoint_and_the_others_are_their_own(build):
    tower = build(feat_proj_dropout=0.0)
    masks, hidden = watch_masks(tower), []
    tower.encoder.register_forward_pre_hook(lambda _, args: hidden.append(args[0].detach().clone()))
    clip = torch.randn(1, 16000)
    tower(clip)
    tower.eval()(clip)
    assert masks[1] is None
    masked = masks[0][0]
    assert 4 <= masked.sum() <= 24
    assert torch.equal(hidden[0][0, masked], tower.masked_spec_embed.expand(int(masked.sum()), -1))
    assert torch.equal(hidden[0][0, ~masked], hidden[1][0, ~masked])


@pytest.mark.parametrize("kind", MASKED)
@pytest.mark.parametrize("num_samples", [ONE_FRAME, 1600, 16000])
def test_a_batch_of_one_trains_however_short_it_is(checkpoints, kind, num_samples):
    classes = ("angry", "sad")
    model, features = build_audio_classifier(checkpoints[kind], classes, **MASKS, mask_feature_prob=0.1)
    install_safe_masking(get_audio_tower(model))
    batch = features.pad([features.features(torch.randn(num_samples).numpy())])
    model.train()
    model(**batch, labels=torch.tensor([1])).loss.backward()
    assert all(each.grad is not None for each in model.parameters())  # masks of nothing too: processes agree


def test_stock_masks_refuse_the_same_clip(checkpoints):
    """What the hook is for."""
    tower = load_audio_tower(checkpoints["hubert"], **MASKS).train()
    with pytest.raises(ValueError, match="`mask_length` has to be smaller than `sequence_length`"):
        tower(torch.randn(1, ONE_FRAME))


def test_masks_of_features_alone_leave_every_frame(build):
    tower = build(mask_time_prob=0.0, mask_feature_prob=0.5, mask_feature_length=2)
    masks, hidden = watch_masks(tower), []
    tower.encoder.register_forward_pre_hook(lambda _, args: hidden.append(args[0].detach().clone()))
    tower(torch.randn(1, 16000))
    assert not masks[0].any()
    assert (hidden[0][0] == 0).all(dim=0).any()  # a feature, in all frames


@pytest.fixture
def clips(tmp_path):
    """A corpus with a clip of 50 samples, one of a frame and one of 0.1 s before those of 0.6 s and more."""
    folder = write_corpus(tmp_path / "short", num_train=9, num_test=6)
    rows = load_corpus(folder)["train"]

    def cut(row, index):
        num_samples = (50, ONE_FRAME, 1600)[index]
        waveform = torch.randn(num_samples, generator=torch.Generator().manual_seed(index)).numpy() * 0.1
        audio = {"bytes": encode_flac(waveform), "path": "short.flac"}
        return {"audio": audio, "duration_s": num_samples / 16000, "sha256": f"short-{index}"}

    short = rows.select(range(3)).map(cut, with_indices=True, features=rows.features)
    rows = concatenate_datasets([short, rows.select(range(3, 9))])
    rows.to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize(
    ("recipe", "freeze"),
    [
        ("train_hubert", "entire"),
        ("train_hubert", "top-cnn"),
        ("train_hubert", "top-layers"),
        ("train_fusion", "partial"),
        ("train_fusion", "classifier"),
    ],
)
def test_clips_shorter_than_a_mask_or_a_frame_are_trained_on(run_recipe, clips, recipe, freeze, batch_size):
    masks = {"mask_time_prob": 0.3, "mask_time_length": 10} if freeze in ("entire", "partial") else {}
    masks |= {"num_trained_layers": 1} if freeze == "top-layers" else {}
    settings = {
        "per_device_train_batch_size": batch_size,
        "corpus": clips,
        "freeze": freeze,
        **masks,
        **SHORT,
    }
    run = run_recipe(recipe, "--train_sampling_strategy", "group_by_length", **settings)
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 6


def test_masks_reach_the_configuration_that_is_saved(run_recipe):
    masks = {
        "mask_time_prob": 0.2,
        "mask_time_length": 5,
        "mask_feature_prob": 0.1,
        "mask_feature_length": 3,
    }
    for recipe, of in (
        ("train_hubert", lambda config: config),
        ("train_fusion", lambda config: config["audio_config"]),
    ):
        run = run_recipe(recipe, out=recipe, freeze="partial", **masks, **SHORT)
        config = of(json.loads((run / "config.json").read_text()))
        assert {name: config[name] for name in masks} == masks
        assert config["apply_spec_augment"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"freeze": "classifier", "mask_time_prob": 0.1},
            r"\['mask_time_prob'\] given, but the weights of",
        ),
        (
            {"freeze": "top-cnn", "mask_feature_prob": 0.1},
            r"frozen, .* Leave them out, or choose --freeze pa",
        ),
        (
            {"audio": "whisper", "mask_time_prob": 0.1},
            r"\['mask_time_prob'\] given, but WhisperEncoder masks nothing",
        ),
        (
            {"mask_feature_prob": 0.1, "mask_feature_length": 17},
            r"length is 17, but HubertModel has 16 features",
        ),
        ({"mask_time_length": 7}, r"mask_time_length is given, but mask_time_prob is 0\. Give it a share"),
    ],
)
def test_masks_that_nothing_would_read_are_refused(run_recipe, options, message):
    with pytest.raises(SettingsError, match=message):
        run_recipe("train_hubert", **{"freeze": "partial"} | options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask_time_prob": 1.5}, r"mask_time_prob is 1\.5, expected a share from 0 to 1"),
        ({"mask_feature_length": 0}, r"mask_feature_length is 0, expected 1 or more"),
    ],
)
def test_a_mask_that_cannot_be_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        AudioSettings(**settings)
