from mmser.models.batching import BatchLimits, iter_batches, max_batch_s


def test_items_of_like_length_share_a_batch():
    assert list(iter_batches([5, 1, 4, 2], BatchLimits(2, 100))) == [[1, 3], [2, 0]]


def test_a_batch_is_not_longer_with_its_padding_than_allowed():
    # 1, 2, 3 padded to 3 are 9; a fourth of 4 would make 16; 20 alone is over the limit and still goes.
    assert list(iter_batches([1, 2, 3, 4, 20], BatchLimits(8, 12))) == [[0, 1, 2], [3], [4]]


def test_a_processor_takes_less_sound_at_a_time_than_a_card():
    assert max_batch_s("cpu") == 7.5
    assert max_batch_s("cuda:1") == 120.0
