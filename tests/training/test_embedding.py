import json

import pytest
import torch
from tokenizers import normalizers

from mmser.curation.schema import load_corpus
from mmser.errors import CacheError
from mmser.models.audio_classifier import build_audio_classifier
from mmser.models.fusion import build_fusion, build_speech
from mmser.models.loading import encoders_of
from mmser.training import embedding
from mmser.training.embedding import FrozenTowers, describe_tokenizer
from mmser.training.freezing import freeze
from mmser.training.frozen import PooledModel

CLASSES = ("angry", "happy", "sad")


@pytest.fixture
def build(towers):
    """A fusion model of frozen towers, and its processor."""

    def run(classes=CLASSES):
        model, processor = build_fusion(towers["hubert"], towers["bert"], classes)
        freeze(model)
        return model, processor

    return run


@pytest.fixture
def folders_of(tmp_path):
    """The folder of each tower's states."""

    def run(model, processor):
        stores = FrozenTowers(model, processor, tmp_path, batch_size=1).stores
        return {name: store.folder for name, store in stores.items()}

    return run


@pytest.mark.parametrize(
    ("tower", "field", "value"),
    [
        ("audio", "layer_norm_eps", 0.1),
        ("audio", "hidden_act", "relu"),
        ("text", "layer_norm_eps", 0.1),
        ("text", "hidden_act", "relu"),
    ],
)
def test_equal_weights_under_another_configuration_have_states_of_their_own(
    build, folders_of, tower, field, value
):
    model, processor = build()
    before = folders_of(model, processor)
    setattr(getattr(model, f"{tower}_encoder").config, field, value)
    after = folders_of(model, processor)
    assert [name for name in before if before[name] != after[name]] == [tower]


@pytest.mark.parametrize("tower", ["audio", "text"])
def test_a_tower_of_another_precision_has_states_of_its_own(build, folders_of, tower):
    model, processor = build()
    before = folders_of(model, processor)
    getattr(model, f"{tower}_encoder").to(torch.bfloat16)
    after = folders_of(model, processor)
    assert [name for name in before if before[name] != after[name]] == [tower]


def test_a_tokenizer_of_the_same_words_that_cuts_otherwise_has_states_of_its_own(build, folders_of):
    model, processor = build()
    before = folders_of(model, processor)
    processor.tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    lower = folders_of(model, processor)
    processor.tokenizer.model_max_length = 3
    short = folders_of(model, processor)
    assert len({before["text"], lower["text"], short["text"]}) == 3
    assert before["audio"] == short["audio"]


def test_the_classes_of_a_model_and_the_texts_it_has_read_do_not_change_where_its_states_lie(
    build, folders_of
):
    model, processor = build()
    before = folders_of(model, processor)
    processor.tokenize("dogs are sitting by the door " * 20)
    assert folders_of(model, processor) == before
    assert folders_of(*build(("calm", "bored"))) == before


def test_a_tokenizer_without_a_serialisation_is_told_by_its_vocabulary_and_options():
    class Slow:
        is_fast, model_max_length, pad_token_id, truncation_side = False, 8, 0, "right"

        def __init__(self, **options):
            self.init_kwargs = options

        def get_vocab(self):
            return {"a": 0}

    assert describe_tokenizer(Slow(lower=True)) != describe_tokenizer(Slow(lower=False))


def test_columns_are_read_whole_and_not_an_item_at_a_time(build, corpus, tmp_path, monkeypatch):
    def refuse(column, key):
        raise AssertionError(f"{column.column_name}[{key}]: takes a millisecond a clip")

    monkeypatch.setattr("datasets.arrow_dataset.Column.__getitem__", refuse)
    rows = FrozenTowers(*build(), tmp_path, batch_size=8).embed(
        load_corpus(corpus)["train"], torch.device("cpu")
    )
    assert len(rows) == len(rows.lengths) == len(rows.states["audio"]) == len(rows.states["text"]) == 32


HEADS = [
    (pooling, layers)
    for pooling in ("mean", "mean+std", "attention")
    for layers in ("last", "weighted", "1-2")
]


def test_heads_of_every_kind_share_the_statistics_of_a_tower(towers, corpus, tmp_path, folders_of):
    folders = set()
    for pooling, layers in HEADS:
        model, processor = build_speech(towers["hubert"], CLASSES, audio_pooling=pooling, audio_layers=layers)
        freeze(model.audio_encoder)
        folders.add((pooling if pooling == "attention" else "", folders_of(model, processor)["audio"]))
    assert len(folders) == 3  # statistics of all layers; frames of the last; frames of all


def test_a_tower_is_computed_in_exact_float32(towers, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    model, processor = build_speech(towers["hubert"], CLASSES)
    freeze(model.audio_encoder)
    seen = []
    model.audio_encoder.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    split = load_corpus(corpus)["test"].select(range(2))
    FrozenTowers(model, processor, tmp_path, batch_size=2).embed(split, torch.device("cpu"))
    assert seen == [False]


def test_what_is_scored_was_computed_in_float32(run_recipe, monkeypatch):
    seen = []
    embed = FrozenTowers.embed
    monkeypatch.setattr(
        FrozenTowers,
        "embed",
        lambda self, split, device: seen.append((self.dtype, len(split))) or embed(self, split, device),
    )
    run = run_recipe("train_hubert", embedding_dtype="bfloat16", num_train_epochs=1)
    assert {size for dtype, size in seen if dtype == torch.bfloat16} == {32, 12}  # train, and a comparison
    assert {size for dtype, size in seen if dtype == torch.float32} == {12}  # what is scored
    told = json.loads((run / "metrics.json").read_text())["embedding"]
    assert told["dtype"] == "bfloat16"
    assert 0 < told["relative_difference"] < 0.05


def test_what_another_process_did_not_write_is_an_error_that_names_the_folder(
    towers, corpus, tmp_path, monkeypatch
):
    model, processor = build_speech(towers["hubert"], CLASSES)
    freeze(model.audio_encoder)
    monkeypatch.setattr("mmser.training.embedding.fill_store", lambda *_, **__: 0)
    with pytest.raises(CacheError, match=r"embeddings/\w+: lacks what another process computed of 12 clips"):
        FrozenTowers(model, processor, tmp_path, batch_size=4).embed(
            load_corpus(corpus)["test"], torch.device("cpu")
        )


def test_what_another_run_wrote_between_two_looks_leaves_no_gap(towers, corpus, tmp_path, monkeypatch):
    """Two processes share out what each of them misses: where that differs, some clips belong to nobody."""
    model, processor = build_speech(towers["hubert"], CLASSES)
    freeze(model.audio_encoder)
    fill, shares = embedding.fill_store, []

    def skip_first(store, keys, *rest, share=(0, 1), **options):
        shares.append(share)
        return 0 if len(shares) == 1 else fill(store, keys, *rest, share=share, **options)

    monkeypatch.setattr(embedding, "fill_store", skip_first)
    test = load_corpus(corpus)["test"]
    rows = FrozenTowers(model, processor, tmp_path, batch_size=4).embed(test, torch.device("cpu"))
    assert len(rows[11]["audio"]) == 1
    assert len(shares) == 2


@pytest.mark.parametrize("damage", ["cut short", "of other weights"])
def test_rows_on_disk_that_cannot_be_believed_are_computed_again(
    towers, corpus, tmp_path, folders_of, caplog, damage
):
    test = load_corpus(corpus)["test"].select(range(3))

    def embed(kind):
        model, processor = build_speech(towers[kind], CLASSES)
        freeze(model.audio_encoder)
        rows = FrozenTowers(model, processor, tmp_path, batch_size=3).embed(test, torch.device("cpu"))
        (shard,) = folders_of(model, processor)["audio"].iterdir()
        return torch.stack([rows[index]["audio"] for index in range(3)]).clone(), shard

    expected, shard = embed("hubert")
    other, foreign = embed("hubert-large")
    assert not torch.allclose(expected, other, atol=0.1)
    content = shard.read_bytes()[:-4] if damage == "cut short" else foreign.read_bytes()
    shard.unlink()  # and not written over: what is mapped into memory stays
    shard.write_bytes(content)
    again, _ = embed("hubert")
    assert torch.equal(again, expected)
    assert caplog.text.count("what it held is computed again") == 1


def test_a_stock_head_and_ours_share_the_states_of_hubert(towers, folders_of):
    stock, features = build_audio_classifier(towers["hubert"], CLASSES)
    ours, processor = build_speech(towers["hubert"], CLASSES)
    for model in (stock, ours):
        freeze(encoders_of(model)["audio"])
    assert folders_of(stock, features) == folders_of(ours, processor)


def test_sound_or_text_is_dropped_in_training_behind_frozen_towers_too(towers, corpus, tmp_path):
    model, processor = build_fusion(
        towers["hubert"], towers["bert"], CLASSES, modality_dropout=0.9, dropout=0.0
    )
    for encoder in encoders_of(model).values():
        freeze(encoder)
    cache = FrozenTowers(model, processor, tmp_path, batch_size=6)
    rows = cache.embed(load_corpus(corpus)["test"], torch.device("cpu"))
    batch = cache.collate([rows[index] for index in range(12)])
    del batch["labels"]
    pooled = PooledModel(model)
    whole = pooled.eval().join(**batch)
    torch.manual_seed(0)
    dropped = pooled.train().join(**batch)
    assert whole.ne(0).all(dim=1).all()
    assert dropped.eq(0).any(dim=1).sum() > 0
    assert pooled.eval().join(**batch).equal(whole)


def test_all_hearings_of_a_clip_count_in_what_is_heard_at_a_time(towers, corpus, tmp_path):
    """At 0.5 and 1 a clip of 0.9 s takes 3.6 s of the 7.5 that a processor hears at a time."""
    model, features = build_speech(towers["hubert"], CLASSES, speeds=(0.5, 1.0))
    freeze(model)
    frozen = FrozenTowers(model, features, tmp_path, batch_size=16)
    sizes = []
    model.audio_encoder.register_forward_pre_hook(lambda tower, args: sizes.append(len(args[0]) // 2))
    split = load_corpus(corpus)["test"].select(range(4))
    frozen.embed(split, torch.device("cpu"))
    assert sum(sizes) == 4
    assert max(sizes) * max(split["duration_s"]) * 4 <= 7.5
