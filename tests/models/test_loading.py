import pytest
import torch
from safetensors.torch import load_file, save_file

from factories_models import save_text_checkpoint
from mmser.errors import CheckpointError
from mmser.models.fusion import AudioFeatures, FusionForEmotionClassification, FusionProcessor
from mmser.models.loading import choose_device, load_fusion, load_model


@pytest.fixture(params=["fusion", "audio"])
def run(request, tmp_path):
    """A saved run of either kind: its model, its processor, its folder."""
    build = request.getfixturevalue("fusion" if request.param == "fusion" else "audio_classifier")
    model, processor = build("hubert")
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return model, processor, tmp_path


def change_weights(folder, **changes):
    """Replace weights whose names end with a key; None takes them out."""
    weights = load_file(folder / "model.safetensors")
    for end, value in changes.items():
        (name,) = [name for name in weights if name.endswith(f"classifier.{end}")]
        weights.pop(name)
        if value is not None:
            weights[name] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_run_of_either_kind_answers_as_it_did(run, clips):
    model, processor, folder = run
    loaded, loaded_processor = load_model(folder)
    assert type(loaded) is type(model)
    assert type(loaded_processor) is type(processor)
    assert not loaded.training
    with torch.no_grad():
        before, after = (
            which(**making.pad([making.features(clip, "kids") for clip in clips])).logits
            for which, making in ((model, processor), (loaded, loaded_processor))
        )
    assert torch.equal(before, after)


def test_the_kinds_are_told_apart(fusion, audio_classifier, tmp_path):
    for name, build in (("fusion", fusion), ("audio", audio_classifier)):
        for part in build():
            part.save_pretrained(tmp_path / name)
    model, processor = load_model(tmp_path / "fusion")
    assert isinstance(model, FusionForEmotionClassification)
    assert isinstance(processor, FusionProcessor)
    assert isinstance(load_model(tmp_path / "audio")[1], AudioFeatures)


def test_a_head_that_would_start_at_random_is_refused(run):
    _, _, folder = run
    change_weights(folder, weight=None)
    with pytest.raises(CheckpointError, match=r"1 weights would start at random: classifier\.weight"):
        load_model(folder)


def test_a_head_of_another_shape_is_refused(run):
    _, _, folder = run
    change_weights(folder, bias=torch.zeros(9))
    with pytest.raises(CheckpointError, match=r"1 weights would start at random: classifier\.bias"):
        load_model(folder)


def test_a_bare_encoder_is_refused(checkpoints):
    with pytest.raises(CheckpointError, match=r"classifier\.weight.* a bare encoder is for training"):
        load_model(checkpoints / "hubert")


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_model_of_text_alone_is_refused_in_one_line(tmp_path, kind):
    folder = save_text_checkpoint(kind, tmp_path / kind)
    with pytest.raises(CheckpointError, match=r"no model could be read \(.*configuration class") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_folder_without_weights_is_refused(run):
    _, _, folder = run
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no model could be read"):
        load_model(folder)


def test_weights_that_are_not_safetensors_are_refused(run):
    model, _, folder = run
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"with config\.json and model\.safetensors"):
        load_model(folder)


def test_damaged_weights_are_refused(run):
    _, _, folder = run
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="no model could be read"):
        load_model(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="holds no model that mmser knows"):
        load_model(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "damaged"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("audio_classifier", "preprocessor_config.json"),
        ("fusion", "processor_config.json"),
        ("fusion", "tokenizer.json"),
    ],
)
def test_a_run_without_its_processor_is_refused(request, tmp_path, kind, name, damage):
    for part in request.getfixturevalue(kind)():
        part.save_pretrained(tmp_path)
    (tmp_path / name).unlink()
    if damage == "damaged":
        (tmp_path / name).write_text("{not JSON")
    with pytest.raises(
        CheckpointError, match=rf"could not be read .* Expected .*{name}.* copy the whole folder"
    ):
        load_model(tmp_path)


def test_preprocessing_travels_with_the_model(fusion, tmp_path):
    model, processor = fusion()
    model.config.preprocessing = {"cleaning": {"cut_db": 30}}
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert load_fusion(tmp_path)[0].config.preprocessing == {"cleaning": {"cut_db": 30}}


@pytest.mark.parametrize(("has_gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_model_runs_on_the_gpu_where_there_is_one_and_none_is_wanted(monkeypatch, has_gpu, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert choose_device() == device
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("name", "content"), [("config.json", '{\n  "model_type": "mmser-network"\n}'), ("model.skops", "")]
)
def test_a_system_over_hand_made_features_is_told_apart(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(
        CheckpointError, match=r"a system over hand-made features, expected a model that hears"
    ):
        load_model(tmp_path)
