"""Answers that have to be the same: every pooling, choice of layers, tower and precision, on tiny encoders.

Every speech encoder is paired with a text encoder, so that each head is tried on both. docs/exactness.md says
what is equal to what, and how far bfloat16 is from float32 on encoders of full size.
"""

import collections
import contextlib
import functools

import numpy as np
import pytest
import torch

from factories_models import save_audio_checkpoint, save_text_checkpoint
from mmser.curation.schema import decode_audio, load_corpus
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion
from mmser.models.fusion.speeds import parse_speeds
from mmser.models.fusion.towers import WAVEFORM_ENCODERS
from mmser.models.loading import encoders_of
from mmser.models.precision import lowered_precision
from mmser.training.embedding import FrozenTowers
from mmser.training.freezing import blocks_of, freeze, freeze_audio_tower
from mmser.training.frozen import PooledModel

CLASSES = ("angry", "happy", "sad")
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
CUT = [audio for audio in TEXT_OF if audio != "wavlm"]  # its first block computes what all others read
HEADS = [
    f"{pooling} {layers}"
    for pooling in ("mean", "mean+std", "attention")
    for layers in ("last", "weighted", "1-2")
]
HEADS += ["mean+std 1-2 1+1.2", "attention last 0.9+1"]  # of clips that are heard at two speeds
PRECISIONS = (torch.float32, torch.bfloat16)

SAME = 1e-4  # of logits of 2 to 28
# In bfloat16, as a share of the length of a clip's vector:
BATCH = 0.002  # alone against beside others; where padding is heard it is 0.01 and more
ROUNDED = {"waveform": 0.025, "whisper": 0.005, "text": 0.015}  # against float32
ROUNDED_ATTENTION = {"waveform": 0.06, "whisper": 0.01, "text": 0.03}  # its weights are rounded too


@pytest.fixture(scope="module")
def split(corpus):
    """Four clips of 0.6 to 0.9 s."""
    return load_corpus(corpus)["test"].select(range(4))


@pytest.fixture(scope="module")
def clips(split):
    """The same and one of 3 s, each with its transcript."""
    long = np.random.default_rng(0).normal(0, 0.3, 48_000).astype(np.float32)
    short = [(decode_audio(row["audio"]), row["transcript"]) for row in split]
    return [*short, (long, "are the kids and the dogs sitting by the door")]


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """A model and its processor, by speech encoder and head; the weights of the head tell clips apart."""
    folder = tmp_path_factory.mktemp("checkpoints")

    @functools.cache
    def source(kind):
        save = save_audio_checkpoint if kind in TEXT_OF else save_text_checkpoint
        return str(save(kind, folder / kind))

    def run(audio, head):
        if head == "stock":
            model, processor = build_audio_classifier(source(audio), CLASSES, window_s=4)
        else:
            pooling, layers, *speeds = head.split()
            heads = {"audio_pooling": pooling, "audio_layers": layers}
            heads |= {"text_pooling": pooling, "text_layers": layers}
            text = source(TEXT_OF[audio])
            if speeds:
                heads["speeds"] = parse_speeds(speeds[0])
            model, processor = build_fusion(source(audio), text, CLASSES, window_s=4, **heads)
        torch.manual_seed(2)
        for name, weight in model.named_parameters():
            if "score" in name:
                torch.nn.init.normal_(weight, std=0.3)
            elif "pooling" in name or "classifier" in name or "projector" in name:
                torch.nn.init.normal_(weight)
        return model.eval(), processor

    return run


@pytest.fixture(scope="module")
def build(load):
    """The same, its towers frozen, loaded once."""

    @functools.cache
    def run(audio, head):
        model, processor = load(audio, head)
        freeze(model)
        return model, processor

    return run


@contextlib.contextmanager
def encoders_in(model, dtype):
    """The encoders of a model in a precision for a while."""
    with contextlib.ExitStack() as stack, torch.no_grad():
        for encoder in encoders_of(model).values():
            stack.enter_context(lowered_precision(encoder, dtype))
        yield


def pad(processor, clips):
    return processor.pad([processor.features(*clip) for clip in clips])


def answer(model, processor, clips, dtype):
    """Logits of clips in one batch, by the whole model."""
    with encoders_in(model, dtype):
        return model(**pad(processor, clips)).logits


def answer_alone(model, processor, clips, dtype):
    return torch.cat([answer(model, processor, [clip], dtype) for clip in clips])


def look_up(model, processor, split, folder, dtype, batch_size):
    """A batch of what frozen towers said of a split."""
    towers = FrozenTowers(model, processor, folder, batch_size=batch_size, dtype=dtype)
    rows = towers.embed(split, torch.device("cpu"))
    batch = towers.collate([rows[index] for index in range(len(split))])
    del batch["labels"]
    return batch


def distance(ours, theirs):
    """The largest relative distance of two vectors of one clip, (B, W)."""
    return ((ours - theirs).norm(dim=1) / theirs.norm(dim=1)).max().item()


def bounds_of(head):
    return ROUNDED_ATTENTION if head.startswith("attention") else ROUNDED


def test_every_speech_encoder_on_offer_is_tried_here(build):
    tried = {encoders_of(build(audio, "mean last")[0])["audio"].config.model_type for audio in TEXT_OF}
    assert tried == {*WAVEFORM_ENCODERS, "whisper"}


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("head", ["stock", *HEADS])
@pytest.mark.parametrize("audio", TEXT_OF)
def test_what_is_kept_of_frozen_towers_gives_the_logits_of_the_whole_model(
    build, split, clips, tmp_path, audio, head, dtype
):
    """In bfloat16 of one clip at a time: products of other shapes may round otherwise."""
    model, processor = build(audio, head)
    batch_size = 4 if dtype == torch.float32 else 1
    batch = look_up(model, processor, split, tmp_path, dtype, batch_size)
    with torch.no_grad():
        kept = PooledModel(model).eval()(**batch).logits
    whole = answer_alone(model, processor, clips[:4], dtype)
    assert whole.std(dim=0).min() > 0.02  # clips are told apart
    torch.testing.assert_close(kept, whole, atol=SAME, rtol=0)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("head", ["stock", *HEADS])
@pytest.mark.parametrize("audio", TEXT_OF)
def test_a_clip_gets_the_same_logits_alone_and_beside_longer_ones(build, clips, audio, head, dtype):
    model, processor = build(audio, head)
    alone = answer_alone(model, processor, clips, dtype)
    beside = answer(model, processor, clips, dtype)
    if dtype == torch.float32:
        torch.testing.assert_close(beside, alone, atol=SAME, rtol=0)
    assert distance(beside, alone) < BATCH


@pytest.mark.parametrize("audio", ["data2vec", "hubert", "unispeech", "unispeech-sat", "wavlm"])
def test_padding_that_is_heard_would_be_seen_in_bfloat16_too(build, clips, monkeypatch, audio):
    model, processor = build(audio, "mean last")
    alone = answer_alone(model, processor, clips, torch.bfloat16)
    hooks = collections.OrderedDict()  # by which layers are told how long clips are
    monkeypatch.setattr(model.audio_encoder, "_forward_pre_hooks", hooks)
    assert distance(answer(model, processor, clips, torch.bfloat16), alone) > 5 * BATCH


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("audio", TEXT_OF)
def test_pooled_states_in_bfloat16_are_near_those_in_float32(build, clips, audio, head):
    model, processor = build(audio, head)
    batch = pad(processor, clips)
    text = {name: batch.pop(name) for name in ("input_ids", "text_attention_mask")}
    heard, read = [], []
    for dtype in PRECISIONS:
        with encoders_in(model, dtype):
            heard.append(model.embed_audio(**batch))
            read.append(model.embed_text(**text))
    bounds = bounds_of(head)
    assert 0 < distance(*heard) < bounds["whisper" if audio == "whisper" else "waveform"]
    assert 0 < distance(*read) < bounds["text"]


@pytest.fixture
def cut(load):
    """A model of whose speech encoder the first of two blocks is frozen, and its processor."""

    def run(audio, head):
        model, processor = load(audio, head)
        freeze(model)
        freeze_audio_tower(encoders_of(model)["audio"], "top-layers", num_trained_layers=1)
        return model, processor

    return run


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("head", ["stock", "mean last"])
@pytest.mark.parametrize("audio", CUT)
def test_frames_kept_up_to_a_block_are_those_that_enter_it_in_the_whole_tower(
    cut, split, clips, tmp_path, audio, head, dtype
):
    model, processor = cut(audio, head)
    kept = look_up(model, processor, split, tmp_path, dtype, batch_size=1)
    entered = []

    def note(_, args):
        entered.append(args[0][0].float())

    blocks_of(encoders_of(model)["audio"])[1].register_forward_pre_hook(note)
    answer_alone(model, processor, clips[:4], dtype)
    for frames, real, expected in zip(kept["audio"], kept["audio_mask"], entered, strict=True):
        torch.testing.assert_close(frames[real, 0, :-1], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("head", ["stock", "mean last", "mean+std last", "attention last"])
@pytest.mark.parametrize("audio", CUT)
def test_behind_frames_kept_in_bfloat16_vectors_are_near_those_in_float32_and_blind_to_the_batch(
    cut, split, tmp_path, audio, head
):
    model, processor = cut(audio, head)
    trained = PooledModel(model).eval()

    def join(dtype, batch_size):
        folder = tmp_path / str(batch_size)
        return trained.join(**look_up(model, processor, split, folder, dtype, batch_size))

    with torch.no_grad():
        exact, alone, beside = join(torch.float32, 1), join(torch.bfloat16, 1), join(torch.bfloat16, 4)
    assert 0 < distance(alone, exact) < bounds_of(head)["waveform"]
    assert distance(beside, alone) < BATCH
