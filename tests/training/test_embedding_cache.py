import logging

import torch

from mmser.training.embedding_cache import EmbeddingStore, fill_store, hash_text, hash_weights


def compute_doubles(values, calls):
    def compute(indices):
        calls.append(indices)
        return torch.tensor([[2.0 * values[index]] for index in indices])

    return compute


def test_states_are_computed_once_shortest_first_and_found_again(tmp_path):
    calls = []
    compute = compute_doubles([1, 2, 3], calls)
    store = EmbeddingStore(tmp_path)
    assert fill_store(store, ["a", "b", "c"], [3.0, 1.0, 2.0], compute, batch_size=2) == 3
    assert calls == [[1, 2], [0]]
    reread = EmbeddingStore(tmp_path)
    assert fill_store(reread, ["a", "b", "c"], [3.0, 1.0, 2.0], compute, batch_size=2) == 0
    assert reread.stack(["c", "a"]).tolist() == [[6.0], [2.0]]


def test_items_of_equal_content_are_computed_once(tmp_path):
    calls = []
    store = EmbeddingStore(tmp_path)
    assert (
        fill_store(store, ["a", "a", "b"], [1.0, 1.0, 1.0], compute_doubles([5, 5, 7], calls), batch_size=8)
        == 2
    )
    assert calls == [[0, 2]]


def test_a_damaged_shard_is_ignored_with_one_log_line_and_computed_again(tmp_path, caplog):
    store = EmbeddingStore(tmp_path)
    store.write(["a"], torch.tensor([[1.0]]))
    (shard,) = tmp_path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-2])
    with caplog.at_level(logging.WARNING):
        reread = EmbeddingStore(tmp_path)
    assert [record.message for record in caplog.records if "damaged" in record.message]
    assert len(caplog.records) == 1
    assert reread.rows == {}
    assert fill_store(reread, ["a"], [1.0], compute_doubles([4], []), batch_size=1) == 1
    assert EmbeddingStore(tmp_path).stack(["a"]).tolist() == [[8.0]]


def test_a_shard_cut_short_while_being_written_is_not_seen(tmp_path):
    (tmp_path / "0.part").write_bytes(b"half")
    assert EmbeddingStore(tmp_path).rows == {}


def test_states_that_another_process_wrote_are_found_by_reading_again(tmp_path):
    mine, other = EmbeddingStore(tmp_path), EmbeddingStore(tmp_path)
    other.write(["b"], torch.tensor([[9.0]]))
    assert "b" not in mine.rows
    mine.read()
    assert mine.stack(["b"]).tolist() == [[9.0]]


def test_the_hash_of_weights_changes_with_any_weight_and_with_nothing_else():
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)
    before = hash_weights(layer)
    assert hash_weights(layer) == before
    with torch.no_grad():
        layer.bias[1] += 1e-6
    assert hash_weights(layer) != before


def test_equal_texts_share_a_key():
    assert hash_text("dogs") == hash_text("dogs") != hash_text("Dogs")
