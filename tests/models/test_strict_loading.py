import pytest
import torch
from safetensors.torch import load_file, save_file

from mmser.models.fusion import FusionForEmotionClassification


@pytest.fixture
def folder(fusion, tmp_path):
    model, _ = fusion()
    model.save_pretrained(tmp_path)
    return tmp_path


def change(folder, name, value=None):
    """Take a weight out of a checkpoint, or put another in its place."""
    weights = load_file(folder / "model.safetensors")
    del weights[name]
    extra = {} if value is None else {name: value}
    save_file(weights | extra, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_whole_checkpoint_loads_as_it_did(folder, fusion):
    expected = fusion()[0].state_dict()
    loaded = FusionForEmotionClassification.from_pretrained(folder).state_dict()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_a_weight_that_would_start_at_random_is_named(folder):
    change(folder, "audio_encoder.encoder.layers.0.final_layer_norm.bias")
    with pytest.raises(
        ValueError, match=r"1 weights would start at random: audio_encoder\..*norm\.bias\. Copy"
    ):
        FusionForEmotionClassification.from_pretrained(folder)


def test_a_weight_of_another_shape_is_named_where_it_would_be_passed_over(folder):
    change(folder, "classifier.bias", torch.zeros(9))
    with pytest.raises(ValueError, match=r"1 weights would start at random: classifier\.bias"):
        FusionForEmotionClassification.from_pretrained(folder, ignore_mismatched_sizes=True)


def test_whoever_asks_for_the_report_judges_it(folder):
    change(folder, "classifier.bias")
    _, report = FusionForEmotionClassification.from_pretrained(folder, output_loading_info=True)
    assert set(report["missing_keys"]) == {"classifier.bias"}


def test_pickled_weights_are_not_read(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match="safetensors"):
        FusionForEmotionClassification.from_pretrained(folder)
