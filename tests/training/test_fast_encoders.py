"""Encoders whose linear layers oneDNN computes answer and learn as they do without."""

import copy

import pytest
import torch
from torch import nn

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.models import cpu
from mmser.models.cpu import FastLinear, install_fast_linears
from mmser.models.fusion import build_fusion, build_speech
from mmser.training.lora import add_lora, merge_lora

pytestmark = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="PyTorch was built without oneDNN"
)
TEXT_OF = {
    "data2vec": "bert",
    "hubert": "roberta",
    "hubert-large": "xlm-roberta",
    "unispeech": "distilbert",
    "unispeech-sat": "gpt2",
    "wav2vec2": "bert",
    "wavlm": "roberta",
    "whisper": "gpt2",
}
CLASSES = ("angry", "happy", "sad")


@pytest.fixture(autouse=True)
def onednn(monkeypatch):
    monkeypatch.setattr(cpu, "prefers_onednn", lambda: True)
    monkeypatch.setattr(cpu, "_MIN_MULTIPLICATIONS", 1)


def learn(model, batch):
    """Logits, and the gradient of each weight."""
    model.zero_grad()
    output = model(**batch, labels=torch.tensor([0, 2]))
    output.loss.backward()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    return output.logits.detach(), gradients


@pytest.mark.parametrize("audio", TEXT_OF)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_logits_and_gradients_are_the_same(audio, checkpointing, tmp_path):
    torch.manual_seed(0)
    text = save_text_checkpoint(TEXT_OF[audio], tmp_path / "text")
    model, processor = build_fusion(
        str(save_audio_checkpoint(audio, tmp_path / "audio")), str(text), CLASSES, window_s=4
    )
    nn.init.normal_(model.classifier.weight)
    clips = [(torch.randn(16_000).numpy(), "dogs"), (torch.randn(11_000).numpy(), "kids by the door")]
    batch = processor.pad([processor.features(*clip) for clip in clips])
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    fast = copy.deepcopy(model)
    install_fast_linears(fast)
    assert sum(type(each) is FastLinear for each in fast.modules()) >= 8
    expected, slopes = learn(model.eval(), batch)
    found, fast_slopes = learn(fast.eval(), batch)
    assert torch.allclose(found, expected, atol=1e-4)
    assert fast_slopes.keys() == slopes.keys()
    for name, slope in slopes.items():
        assert torch.allclose(fast_slopes[name], slope, atol=1e-4), name


def test_adapters_are_trained_and_merged_around_such_layers(tmp_path):
    pytest.importorskip("peft")
    torch.manual_seed(0)
    model, processor = build_speech(str(save_audio_checkpoint("hubert", tmp_path / "audio")), CLASSES)
    nn.init.normal_(model.classifier.weight)
    batch = processor.pad([processor.features(torch.randn(16_000).numpy(), None) for _ in range(2)])
    install_fast_linears(model)
    before = model.eval()(**batch).logits
    add_lora(model.audio_encoder, rank=2, alpha=4)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3)
    adapted, slopes = learn(model.eval(), batch)
    assert any("lora_A" in name for name in slopes)
    assert not torch.allclose(adapted, before, atol=1e-3)
    merge_lora(model)
    assert torch.allclose(model(**batch).logits, adapted, atol=1e-4)
