import json
import shutil

import pytest
import torch
from torch.nn import functional

from factories_models import save_audio_checkpoint, save_image_checkpoint
from mmser.errors import CheckpointError
from mmser.models.networks.mobilenet import BLOCK_NETS, BlockNetForEmotionClassification, build_block_net
from mmser.models.strict import load_strictly

CLASSES = ("angry", "happy", "sad")
NUM_BLOCKS = torch.tensor([2, 1])


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_image_checkpoint(tmp_path_factory.mktemp("encoders") / "mobilenet")


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(3, 3, 64, 48, generator=torch.Generator().manual_seed(0))


def block_probabilities(model, pictures):
    hidden = model.encoder(2 * pictures - 1).pooler_output
    return torch.softmax(model.classifier(hidden), dim=-1)


def test_the_four_experiments_are_overlap_by_gender():
    kinds = {(kind["overlapping"], kind["with_gender"]) for kind in BLOCK_NETS.values()}
    assert len(BLOCK_NETS) == len(kinds) == 4


def test_a_clip_is_the_mean_of_its_blocks(encoder, pictures):
    model = build_block_net("mobilenet-v2-4", encoder, CLASSES).eval()
    blocks = block_probabilities(model, pictures)
    found = model(pictures, NUM_BLOCKS).logits.exp()
    assert torch.allclose(found, torch.stack([blocks[:2].mean(0), blocks[2]]), atol=1e-6)


def test_gender_is_learnt_with_the_emotion_and_summed_out(encoder, pictures):
    model = build_block_net("mobilenet-v2-3", encoder, CLASSES).eval()
    assert model.classifier.out_features == 6
    labels, genders = torch.tensor([1, 0]), torch.tensor([1, 0])  # happy of a man, angry of a woman
    out = model(pictures, NUM_BLOCKS, labels, genders)
    blocks = block_probabilities(model, pictures)
    emotions = blocks[:, 0::2] + blocks[:, 1::2]
    assert torch.allclose(out.logits.exp(), torch.stack([emotions[:2].mean(0), emotions[2]]), atol=1e-6)
    expected = -(blocks[0, 3].log() + blocks[1, 3].log() + blocks[2, 0].log()) / 3
    assert out.loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_loss_is_a_mean_over_blocks(encoder, pictures):
    model = build_block_net("mobilenet-v2-4", encoder, CLASSES).eval()
    out = model(pictures, NUM_BLOCKS, torch.tensor([1, 2]))
    blocks = block_probabilities(model, pictures).log()
    assert out.loss.item() == pytest.approx(
        functional.nll_loss(blocks, torch.tensor([1, 1, 2])).item(), rel=1e-5
    )


def test_pooled_states_are_dropped_in_training_alone_at_the_encoders_rate(encoder, pictures, tmp_path):
    config = json.loads((encoder / "config.json").read_text())
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    (folder / "config.json").write_text(json.dumps(config | {"classifier_dropout_prob": 1.0}))
    assert build_block_net("mobilenet-v2-4", encoder, CLASSES).dropout.p == 0.8  # MobileNetV2's own
    model = build_block_net("mobilenet-v2-4", folder, CLASSES)
    bias = torch.log_softmax(model.classifier.bias, dim=-1)
    with torch.no_grad():
        model.classifier.weight.mul_(1000)  # what is pooled is small, and decides all the same
    model.train()
    assert torch.allclose(model(pictures, NUM_BLOCKS).logits, bias.expand(2, -1), atol=1e-6)
    model.eval()
    assert not torch.allclose(model(pictures, NUM_BLOCKS).logits, bias.expand(2, -1), atol=1e-3)


def test_it_starts_from_the_pretrained_weights_and_is_saved_whole(encoder, pictures, tmp_path):
    model = build_block_net("mobilenet-v2-1", encoder, CLASSES).eval()
    source = load_strictly(type(model.encoder), encoder)
    assert all(
        torch.equal(one, two)
        for one, two in zip(model.encoder.parameters(), source.parameters(), strict=True)
    )
    model.save_pretrained(tmp_path)
    loaded = load_strictly(BlockNetForEmotionClassification, tmp_path)
    assert torch.equal(loaded(pictures, NUM_BLOCKS).logits, model(pictures, NUM_BLOCKS).logits)
    assert loaded.config.network == "mobilenet-v2-1"


def test_what_is_no_mobilenet_is_refused(tmp_path):
    hubert = save_audio_checkpoint("hubert", tmp_path / "hubert")
    with pytest.raises(CheckpointError, match="a model of type hubert, expected mobilenet_v2"):
        build_block_net("mobilenet-v2-4", hubert, CLASSES)
    with pytest.raises(CheckpointError, match="no image encoder could be read"):
        build_block_net("mobilenet-v2-4", tmp_path / "nothing", CLASSES)


def test_one_odd_batch_does_not_decide_what_is_evaluated(encoder, pictures):
    model = build_block_net("mobilenet-v2-4", encoder, CLASSES)
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    before = norms[0].running_var.clone()
    model.train()(torch.zeros_like(pictures), NUM_BLOCKS)  # without any variance
    assert {each.momentum for each in norms} == {0.1}
    assert (norms[0].running_var >= 0.89 * before).all()
