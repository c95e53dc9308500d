import pytest
import torch
from tokenizers import normalizers

from mmser.models.fusion import build_fusion
from mmser.training.freezing import freeze
from mmser.training.frozen import FrozenTowers, describe_tokenizer

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
