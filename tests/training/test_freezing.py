import pytest
import torch
from transformers import HubertConfig, HubertModel, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from mmser.errors import UnknownNameError
from mmser.training.freezing import freeze, freeze_audio_tower, is_frozen

NUM_CONVOLUTIONS = 3


@pytest.fixture
def hubert():
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * NUM_CONVOLUTIONS,
        conv_kernel=(10, 3, 2),
        conv_stride=(5, 4, 4),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        layerdrop=0.0,
    )
    return HubertModel(config)


def trained_parts(module):
    """Names of the parts that hold trained weights, as deep as a convolutional layer."""
    names = set()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            path = name.split(".")
            names.add(".".join(path[:3]) if path[0] == "feature_extractor" else path[0])
    return names


CONVOLUTIONS = {f"feature_extractor.conv_layers.{index}" for index in range(NUM_CONVOLUTIONS)}
TRANSFORMER = {"feature_projection", "encoder", "masked_spec_embed"}


@pytest.mark.parametrize(
    ("mode", "trained"),
    [
        ("classifier", set()),
        ("top-cnn", {"feature_extractor.conv_layers.1", "feature_extractor.conv_layers.2"}),
        ("partial", TRANSFORMER),
        ("entire", TRANSFORMER | CONVOLUTIONS),
    ],
)
def test_each_mode_trains_the_parts_that_it_names(hubert, mode, trained):
    freeze_audio_tower(hubert, mode)
    assert trained_parts(hubert) == trained


def test_whispers_two_convolutions_are_its_top_ones_and_its_positions_stay_fixed():
    config = WhisperConfig(d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=16)
    encoder = WhisperEncoder(config)
    freeze_audio_tower(encoder, "top-cnn")
    assert {name.split(".")[0] for name, each in encoder.named_parameters() if each.requires_grad} == {
        "conv1",
        "conv2",
    }
    freeze_audio_tower(encoder, "entire")
    assert not encoder.embed_positions.weight.requires_grad


def test_a_frozen_tower_stays_in_eval_mode_when_its_model_trains(hubert):
    hubert.config.hidden_dropout = 0.5
    model = torch.nn.Sequential(hubert, torch.nn.Dropout())
    freeze(hubert)
    model.train()
    assert is_frozen(hubert)
    assert model[1].training
    assert not any(module.training for module in hubert.modules())


def test_partly_frozen_towers_train_the_rest(hubert):
    freeze_audio_tower(hubert, "partial")
    hubert.train()
    assert not any(module.training for module in hubert.feature_extractor.modules())
    assert all(module.training for module in hubert.encoder.layers)


def test_a_tower_of_which_convolutions_alone_are_trained_masks_nothing(hubert):
    """Masking, like dropout, would make the frozen transformer random."""
    hubert.config.mask_time_prob = 0.5
    freeze_audio_tower(hubert, "top-cnn")
    torch.nn.Sequential(hubert).train()
    clip = torch.randn(1, 8000)
    assert torch.equal(hubert(clip).last_hidden_state, hubert(clip).last_hidden_state)
    assert hubert.feature_extractor.conv_layers[-1].training


def test_freezing_can_be_undone_by_another_mode(hubert):
    freeze_audio_tower(hubert, "classifier")
    freeze_audio_tower(hubert, "entire")
    hubert.train()
    assert all(module.training for module in hubert.modules())


def test_an_unknown_mode_is_refused(hubert):
    with pytest.raises(UnknownNameError, match="Unknown freeze mode 'head'"):
        freeze_audio_tower(hubert, "head")
