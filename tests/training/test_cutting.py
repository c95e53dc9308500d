import pytest
import torch
from safetensors.torch import load_file

from factories_models import save_audio_checkpoint
from mmser.curation.schema import decode_audio, load_corpus
from mmser.errors import SettingsError
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion, build_speech
from mmser.models.fusion.pretrained import load_audio_tower
from mmser.models.loading import encoders_of
from mmser.training.cutting import TowerTop, frozen_depth, run_bottom
from mmser.training.embedding import FrozenTowers
from mmser.training.freezing import freeze_audio_tower
from mmser.training.frozen import PooledModel, frozen_encoders_of

CLASSES = ("angry", "happy", "sad")
AUDIO = ["data2vec", "hubert", "hubert-large", "unispeech", "unispeech-sat", "wav2vec2", "whisper"]


@pytest.fixture
def tower(tmp_path):
    def load(audio):
        return load_audio_tower(str(save_audio_checkpoint(audio, tmp_path / audio)), window_s=4).eval()

    return load


@pytest.mark.parametrize("audio", AUDIO)
@pytest.mark.parametrize("depth", [1, 2])
def test_bottom_and_top_are_the_whole_tower(tower, audio, depth):
    whole = tower(audio)
    values = torch.randn(2, 80, 400) if audio == "whisper" else torch.randn(2, 16_000)
    mask = torch.ones(2, values.shape[-1], dtype=torch.long)
    mask[0, values.shape[-1] // 2 :] = 0
    options = {} if audio == "whisper" else {"attention_mask": mask}
    with torch.no_grad():
        frames, attended = run_bottom(whole, depth, values, mask)
        hidden = TowerTop(whole, depth)(frames[:, :, 0, :-1], attended)
        expected = whole(values, **options).last_hidden_state
    assert frames.shape[2:] == (1, 17)
    real = frames[:, :, 0, -1] > 0
    assert 0 < real[0].sum() < real[1].sum()
    torch.testing.assert_close(hidden[real], expected[real], atol=1e-5, rtol=0)


def test_frames_of_several_speeds_are_not_kept(tmp_path):
    source = str(save_audio_checkpoint("hubert", tmp_path / "hubert"))
    model, features = build_speech(source, CLASSES, speeds=(1.0, 1.2))
    freeze_audio_tower(model.audio_encoder, "top-layers", num_trained_layers=1)
    with pytest.raises(SettingsError, match=r"heard at 2 speeds, and frames that are kept below trained"):
        FrozenTowers(model, features, tmp_path, batch_size=4)


@pytest.mark.parametrize(
    ("audio", "mode", "depth"),
    [
        ("hubert", "top-layers", 1),
        ("whisper", "top-layers", 1),
        ("hubert-large", "top-layers", 1),
        ("data2vec", "top-layers", 1),
        ("wavlm", "top-layers", 0),  # its first block computes what all others read
        ("hubert", "classifier", 2),
        ("hubert", "top-cnn", 0),
        ("whisper", "partial", 0),
        ("hubert", "entire", 0),
    ],
)
def test_a_tower_is_cut_where_training_begins(tower, audio, mode, depth):
    whole = tower(audio)
    freeze_audio_tower(whole, mode, num_trained_layers=1)
    assert frozen_depth(whole) == depth


def make(kind, audio, towers):
    if kind == "fusion":
        return build_fusion(towers[audio], towers["bert"], CLASSES, window_s=4, audio_pooling="mean+std")
    if kind == "attention":
        return build_speech(towers[audio], CLASSES, window_s=4, audio_pooling="attention")
    return build_audio_classifier(towers[audio], CLASSES, window_s=4)


@pytest.mark.parametrize("kind", ["fusion", "attention", "stock"])
@pytest.mark.parametrize("audio", AUDIO)
def test_logits_and_gradients_behind_cached_frames_are_those_of_the_whole_model(
    towers, corpus, tmp_path, audio, kind
):
    model, processor = make(kind, audio, towers)
    torch.nn.init.normal_(model.classifier.weight)
    freeze_audio_tower(encoders_of(model)["audio"], "top-layers", num_trained_layers=1)
    test = load_corpus(corpus)["test"].select(range(5))
    cache = FrozenTowers(model, processor, tmp_path, batch_size=2)
    items = cache.embed(test, torch.device("cpu"))
    batch = cache.collate([items[index] for index in range(5)])
    labels = batch.pop("labels")
    cached = PooledModel(model).eval()(**batch)
    torch.nn.functional.cross_entropy(cached.logits, labels).backward()
    gradients = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    features = [processor.features(decode_audio(row["audio"]), row["transcript"]) for row in test]
    whole = model.eval()(**processor.pad(features), labels=torch.tensor(test["label"]))
    whole.loss.backward()
    torch.testing.assert_close(cached.logits, whole.logits, atol=1e-4, rtol=0)
    assert any("layers.1." in name for name in gradients)
    assert not any("layers.0." in name for name in gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, model.get_parameter(name).grad, atol=1e-4, rtol=1e-3)


def test_training_the_top_does_not_run_the_bottom(run_recipe, monkeypatch):
    settings = {"freeze": "top-layers", "num_trained_layers": 1, "num_train_epochs": 2}
    run_recipe("train_hubert", out="first", **settings)
    monkeypatch.setattr("mmser.training.embedding.run_bottom", lambda *_: pytest.fail("the bottom was run"))
    second = run_recipe("train_hubert", out="second", seed=1, **settings)
    assert (second / "metrics.json").exists()


@pytest.mark.parametrize("audio", ["hubert", "whisper"])
def test_training_the_top_behind_cached_frames_ends_with_the_weights_of_training_the_whole(
    run_recipe, monkeypatch, audio
):
    settings = {"freeze": "top-layers", "num_trained_layers": 1, "num_train_epochs": 2, "learning_rate": 1e-3}
    runs = [run_recipe("train_hubert", out="cached", audio=audio, **settings)]
    monkeypatch.setattr("mmser.training.inputs.frozen_encoders_of", lambda model: {})
    runs.append(run_recipe("train_hubert", out="plain", audio=audio, **settings))
    cached, plain = (load_file(run / "model.safetensors") for run in runs)
    assert cached.keys() == plain.keys()
    for name, weight in plain.items():
        torch.testing.assert_close(cached[name], weight, atol=2e-4, rtol=0)


def test_layers_that_a_head_reads_are_not_kept_where_one_of_them_is_trained(towers, caplog):
    model, _ = build_speech(towers["hubert"], CLASSES, audio_layers="weighted")
    freeze_audio_tower(model.audio_encoder, "top-layers", num_trained_layers=1)
    assert frozen_encoders_of(model) == {}
    assert "The head reads all layers, so those that are frozen are computed with every batch" in caplog.text
