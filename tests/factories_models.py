"""Tiny random checkpoints on disk: 2 layers, width 16, feature extractor or tokenizer beside the weights."""

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    Data2VecAudioConfig,
    Data2VecAudioModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    HubertConfig,
    HubertModel,
    MobileNetV2Config,
    MobileNetV2Model,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    UniSpeechConfig,
    UniSpeechModel,
    UniSpeechSatConfig,
    UniSpeechSatModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

WHISPER_WINDOW_S = 4
_SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_SPEECH = {
    **_SIZE,
    "conv_dim": (16,) * 7,  # with the stock kernels and strides: one frame each 320 samples
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
}
_LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
_WORDS = ["kids", "are", "talking", "by", "the", "door", "dogs", "sitting", *string.ascii_lowercase]


def save_audio_checkpoint(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a random speech encoder; "hubert" has a group norm, "hubert-large" and "wav2vec2" layer norms.

    The configuration of "data2vec" says that its last norm stands behind the blocks. Its model reads no such
    field: it stands before them.
    """
    torch.manual_seed(seed)
    model = _AUDIO_MODELS[kind]()
    _spread(model).save_pretrained(folder)
    if kind.startswith("whisper"):
        extractor = WhisperFeatureExtractor(chunk_length=WHISPER_WINDOW_S)
    else:
        extractor = Wav2Vec2FeatureExtractor(
            do_normalize=True, return_attention_mask=kind in ("wav2vec2", "hubert-large")
        )
    extractor.save_pretrained(folder)
    return folder


def save_image_checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """Write a random MobileNetV2 of the least width, in which unlike pictures have unlike states."""
    torch.manual_seed(seed)
    model = MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.1, min_depth=4))
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    model.save_pretrained(folder)
    return folder


def save_text_checkpoint(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a random text encoder; "gpt2" has no padding token."""
    torch.manual_seed(seed)
    tokenizer = _build_tokenizer(pads=kind != "gpt2")
    _spread(_TEXT_MODELS[kind](len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _spread(model: PreTrainedModel) -> PreTrainedModel:
    """Enlarge the weights: stock initialisation is so small that every clip gets nearly the same states."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "embed_positions" not in name:
                weight.mul_(3.0)
    return model


def _make_whisper(num_layers: int) -> WhisperModel:
    return WhisperModel(
        WhisperConfig(
            vocab_size=64,
            d_model=16,
            encoder_layers=num_layers,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_source_positions=50 * WHISPER_WINDOW_S,
            max_target_positions=16,
            classifier_proj_size=8,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
    )


_AUDIO_MODELS = {
    "data2vec": lambda: Data2VecAudioModel(
        Data2VecAudioConfig(
            **{**_SPEECH, "num_conv_pos_embeddings": 5}, conv_pos_kernel_size=7, **_LAYER_NORM
        )
    ),
    "hubert": lambda: HubertModel(HubertConfig(**_SPEECH, feat_extract_norm="group")),
    "hubert-large": lambda: HubertModel(HubertConfig(**_SPEECH, **_LAYER_NORM)),
    "unispeech": lambda: UniSpeechModel(UniSpeechConfig(**_SPEECH)),
    "unispeech-sat": lambda: UniSpeechSatModel(UniSpeechSatConfig(**_SPEECH)),
    "wav2vec2": lambda: Wav2Vec2Model(Wav2Vec2Config(**_SPEECH, **_LAYER_NORM)),
    "wavlm": lambda: WavLMModel(WavLMConfig(**_SPEECH, num_buckets=8, max_bucket_distance=16)),
    "whisper": lambda: _make_whisper(2),
    "whisper-deep": lambda: _make_whisper(6),
}
_TEXT_MODELS = {
    "bert": lambda size: BertModel(BertConfig(vocab_size=size, max_position_embeddings=64, **_SIZE)),
    "roberta": lambda size: RobertaModel(
        RobertaConfig(vocab_size=size, max_position_embeddings=66, pad_token_id=0, **_SIZE)
    ),
    "xlm-roberta": lambda size: XLMRobertaModel(
        XLMRobertaConfig(vocab_size=size, max_position_embeddings=66, pad_token_id=0, **_SIZE)
    ),
    "distilbert": lambda size: DistilBertModel(
        DistilBertConfig(
            vocab_size=size, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=64
        )
    ),
    "gpt2": lambda size: GPT2Model(
        GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    ),
}


def _build_tokenizer(*, pads: bool) -> PreTrainedTokenizerFast:
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {token: index for index, token in enumerate([*specials, *_WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - not a password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if not pads:
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[SEP]")  # noqa: S106
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",  # noqa: S106
        pad_token="[PAD]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
    )
