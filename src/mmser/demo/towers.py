"""A small HuBERT and a small BERT, randomly initialised.  seed -> two checkpoint folders"""

import re
import string
from pathlib import Path
from typing import TYPE_CHECKING

from mmser.audio.io import SAMPLE_RATE_HZ
from mmser.corpora import cremad, ravdess
from mmser.demo import lines

if TYPE_CHECKING:
    from transformers import BertConfig, BertTokenizer, HubertConfig

_MAX_TOKENS = 64
_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_demo_towers(root: Path, *, seed: int = 0) -> None:
    """Write ``root/hubert`` and ``root/bert``, loadable by AutoModel, AutoFeatureExtractor and AutoTokenizer.

    Args:
        root: the folder that both go to.
        seed: draws the weights.
    """
    import torch
    from transformers import BertModel, HubertModel, Wav2Vec2FeatureExtractor

    tokenizer = _build_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hubert, bert = HubertModel(_hubert_config()), BertModel(_bert_config(len(tokenizer)))
    hubert.save_pretrained(root / "hubert")
    Wav2Vec2FeatureExtractor(
        sampling_rate=SAMPLE_RATE_HZ, do_normalize=True, return_attention_mask=True
    ).save_pretrained(root / "hubert")
    bert.save_pretrained(root / "bert")
    tokenizer.save_pretrained(root / "bert")


def _hubert_config() -> "HubertConfig":
    """Four convolutions with a hop of 320 samples, as HuBERT's seven, and three narrow transformer layers.

    Group norm keeps the course of the loudness within a clip; norms before the layers and wide initial
    weights let it learn from nothing within a few hundred steps.
    """
    from transformers import HubertConfig

    return HubertConfig(
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=192,
        conv_dim=(64,) * 4,
        conv_kernel=(32, 10, 4, 4),
        conv_stride=(16, 5, 2, 2),
        feat_extract_norm="group",
        do_stable_layer_norm=True,
        initializer_range=0.08,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        classifier_proj_size=64,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
    )


def _bert_config(vocab_size: int) -> "BertConfig":
    from transformers import BertConfig

    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=_MAX_TOKENS,
    )


def _build_tokenizer() -> "BertTokenizer":
    """A WordPiece tokenizer that knows the words of the demo, and spells all others."""
    from transformers import BertTokenizer

    texts = [*ravdess.STATEMENTS.values(), *cremad.SENTENCES.values(), "Say the word", *lines.TESS_WORDS]
    texts += [*lines.SAVEE_COMMON, *lines.SAVEE_SENTENCES, *lines.IEMOCAP_LINES]
    texts += [line for colored in lines.IEMOCAP_COLORED_LINES.values() for line in colored]
    known = sorted(set(re.findall(r"[a-z]{2,}|[^\sa-z]", " ".join(texts).lower())))
    letters = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
    vocabulary = {token: index for index, token in enumerate([*_SPECIAL_TOKENS, *letters, *known])}
    return BertTokenizer(vocab=vocabulary, model_max_length=_MAX_TOKENS)
