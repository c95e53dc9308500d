import pytest
from transformers import BertConfig, HubertConfig

from mmser.models.fusion import FusionConfig

PREPROCESSING = {"cleaning": {"cut_db": 30}, "transcripts": {"source": "whisper", "whisper": "base"}}


def test_a_saved_configuration_comes_back(tmp_path):
    config = FusionConfig(
        audio_config=HubertConfig(hidden_size=24, num_attention_heads=2),
        text_config=BertConfig(hidden_size=40, num_attention_heads=2).to_dict(),
        dropout=0.25,
        preprocessing=PREPROCESSING,
        id2label={0: "angry", 1: "sad"},
        label2id={"angry": 0, "sad": 1},
    )
    config.save_pretrained(tmp_path)
    loaded = FusionConfig.from_pretrained(tmp_path)
    assert isinstance(loaded.audio_config, HubertConfig)
    assert isinstance(loaded.text_config, BertConfig)
    assert (loaded.audio_config.hidden_size, loaded.text_config.hidden_size) == (24, 40)
    assert (loaded.dropout, loaded.preprocessing) == (0.25, PREPROCESSING)
    assert loaded.id2label == {0: "angry", 1: "sad"}
    assert loaded.num_labels == 2


def test_joining_two_encoders_keeps_the_attention_that_they_chose():
    audio = HubertConfig(attn_implementation="sdpa")
    assert (
        FusionConfig(audio_config=audio, text_config=BertConfig()).audio_config._attn_implementation == "sdpa"
    )


@pytest.mark.parametrize("audio_config", [None, {"hidden_size": 16}])
def test_a_missing_encoder_is_refused(audio_config):
    with pytest.raises(ValueError, match=r"audio_config is .* expected an encoder's configuration"):
        FusionConfig(audio_config=audio_config, text_config=BertConfig())


def test_a_text_encoder_without_a_type_is_refused():
    with pytest.raises(ValueError, match=r"text_config is .* expected an encoder's configuration"):
        FusionConfig(audio_config=HubertConfig(), text_config={"hidden_size": 16})


def test_a_model_of_sound_alone_cannot_be_trained_to_go_without_it():
    with pytest.raises(ValueError, match=r"modality_dropout is 0\.2 in a model of sound alone"):
        FusionConfig(audio_config=HubertConfig(), modality_dropout=0.2)
