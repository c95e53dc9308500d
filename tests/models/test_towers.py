import pytest
import torch
from transformers import (
    BertConfig,
    Data2VecAudioConfig,
    FunnelConfig,
    HubertConfig,
    SEWConfig,
    T5Config,
    UniSpeechConfig,
    UniSpeechSatConfig,
    Wav2Vec2Config,
    Wav2Vec2ConformerConfig,
    WavLMConfig,
    WhisperConfig,
)

from factories_models import save_audio_checkpoint
from mmser.models.fusion import install_masked_norm
from mmser.models.fusion.pretrained import load_audio_tower
from mmser.models.fusion.towers import (
    build_audio_tower,
    build_text_tower,
    encode_audio,
    get_audio_tower_class,
    get_text_tower_class,
    real_frame_mask,
)


def test_real_frames_of_a_waveform_follow_the_convolutions(fusion):
    # 16,000 samples make 49 frames, 1 frame for each 320 samples after the first 400
    tower = fusion("hubert")[0].audio_encoder
    mask = torch.zeros(2, 48_000, dtype=torch.long)
    mask[0, :16_000] = 1
    mask[1] = 1
    assert real_frame_mask(tower, mask, 149).sum(-1).tolist() == [49, 149]


@pytest.mark.parametrize(("num_mel_frames", "num_frames"), [(1, 1), (100, 50), (101, 51), (400, 200)])
def test_real_frames_of_whisper_are_half_its_mel_frames_rounded_up(fusion, num_mel_frames, num_frames):
    tower = fusion("whisper")[0].audio_encoder
    mask = (torch.arange(400) < num_mel_frames).long()[None]
    real = real_frame_mask(tower, mask, 200)
    assert real.dtype == torch.bool
    assert real[0].tolist() == [True] * num_frames + [False] * (200 - num_frames)


@pytest.mark.parametrize("audio", ["hubert", "wav2vec2", "wavlm", "whisper"])
def test_the_real_frames_of_a_padded_clip_are_those_it_has_alone(fusion, clips, audio):
    model, processor = fusion(audio)
    short, long = (processor.features(clip, "") for clip in clips)
    with torch.no_grad():
        states = []
        for batch in (processor.pad([short]), processor.pad([short, long])):
            (hidden,), real = encode_audio(
                model.audio_encoder, batch["input_values"], batch["attention_mask"]
            )
            states.append(hidden[0, real[0]])
    assert states[0].shape == (50 if audio == "whisper" else 49, 16)
    torch.testing.assert_close(states[1], states[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("audio", ["hubert", "hubert-large", "wavlm", "whisper"])
def test_all_layers_are_what_enters_the_first_block_and_what_leaves_each(tmp_path, audio):
    source = save_audio_checkpoint(audio, tmp_path / audio)
    tower = load_audio_tower(str(source), window_s=4).eval()
    values = torch.randn(1, 80, 400) if audio == "whisper" else torch.randn(1, 16_000)
    mask = torch.ones(1, values.shape[-1], dtype=torch.long)
    entered = []
    layers = tower.layers if audio == "whisper" else tower.encoder.layers
    layers[0].register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    with torch.no_grad():
        hidden, _ = encode_audio(tower, values, mask, all_layers=True)
        (last,), _ = encode_audio(tower, values, mask)
    assert len(hidden) == 3
    assert torch.equal(hidden[0], entered[0])
    assert torch.equal(hidden[2], last)
    assert (hidden[1] - hidden[2]).abs().max() > 0.01


def test_a_text_tower_has_no_pooler_whose_weights_no_loss_would_reach():
    config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=8)
    assert build_text_tower(config).pooler is None


TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
TINY_SPEECH = {**TINY, "conv_dim": (16,) * 7, "num_conv_pos_embedding_groups": 2}


@pytest.mark.parametrize(
    "config",
    [
        Data2VecAudioConfig(**TINY_SPEECH),
        HubertConfig(**TINY_SPEECH, num_conv_pos_embeddings=16, conv_pos_batch_norm=True),
        UniSpeechConfig(**TINY_SPEECH, num_conv_pos_embeddings=16),
        UniSpeechSatConfig(**TINY_SPEECH, num_conv_pos_embeddings=16),
        Wav2Vec2Config(**TINY_SPEECH, num_conv_pos_embeddings=16),
    ],
    ids=lambda config: config.model_type,
)
def test_every_speech_encoder_on_offer_is_blind_to_padding(config):
    torch.manual_seed(0)
    tower = install_masked_norm(build_audio_tower(config).eval())
    mask = (torch.arange(48_000) < torch.tensor([[16_000], [48_000]])).long()
    values = torch.randn(2, 48_000) * mask
    with torch.no_grad():
        (alone,), _ = encode_audio(tower, values[:1, :16_000], mask[:1, :16_000])
        (beside,), real = encode_audio(tower, values, mask)
    assert alone.abs().max() > 1
    torch.testing.assert_close(beside[0, real[0]], alone[0], atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (BertConfig(), "'bert'"),
        (SEWConfig(), "'sew'"),
        (Wav2Vec2ConformerConfig(), "'wav2vec2-conformer'"),
        (WavLMConfig(add_adapter=True), "'wavlm' with an adapter"),
    ],
)
def test_a_model_that_is_not_blind_to_padding_is_refused_as_audio_tower(config, kind):
    with pytest.raises(ValueError, match=f"type {kind} cannot be the audio tower.* Choose one of"):
        get_audio_tower_class(config)


def test_a_model_type_without_one_encoder_is_refused():
    with pytest.raises(ValueError, match="no encoder of type 'encodec-unknown'"):
        get_text_tower_class(type("Unknown", (BertConfig,), {"model_type": "encodec-unknown"})())


@pytest.mark.parametrize("config", [FunnelConfig(), HubertConfig(), T5Config(), WhisperConfig()])
def test_a_model_without_one_state_a_token_is_refused_as_text_tower(config):
    with pytest.raises(ValueError, match=f"'{config.model_type}' model cannot be the text tower"):
        get_text_tower_class(config)
