"""What a user sees of a mistake: one line on stderr and exit code 2, from both recipes."""

import runpy
import shutil
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = ("train_hubert", "train_fusion")


@pytest.fixture
def fail(corpus, towers, tmp_path, monkeypatch, capsys):
    """Run a recipe as its launcher does; returns what it printed as it ended with exit code 2."""
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def run(recipe, **changes):
        values = {
            "corpus": corpus,
            "out": tmp_path / "run",
            "audio_encoder": towers["hubert"],
            "use_cpu": True,
        }
        if recipe == "train_fusion":
            values["text_encoder"] = towers["bert"]
        flags = [str(each) for name, value in (values | changes).items() for each in (f"--{name}", value)]
        monkeypatch.setattr("sys.argv", [recipe, *flags])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(RECIPES / f"{recipe}.py"), run_name="__main__")
        assert end.value.code == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert not (tmp_path / "run").exists()
        return line

    return run


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"audio_encoder": "/no/such/tower"},
            "/no/such/tower: its configuration cannot be read (no such folder",
        ),
        (
            {"audio_encoder": "facebook/hubrt"},
            "facebook/hubrt: its configuration cannot be read (no such folder",
        ),
        ({"patience": -1}, "patience is -1, expected"),
        ({"embedding_batch_size": 0}, "embedding_batch_size is 0, expected"),
        ({"report_to": "nowhere"}, "report_to names ['nowhere'], which is not installed"),
        ({"window_s": 0}, "window_s is 0.0, expected"),
        ({"corpus": "/no/corpus"}, "/no/corpus: no such folder, expected a corpus"),
        ({"save_strategy": "steps"}, "--load_best_model_at_end requires the save and eval strategy to match"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mistake_ends_a_recipe_with_one_line_and_exit_code_2(fail, recipe, changes, message):
    assert fail(recipe, **changes).startswith(f"error: {message}")


def test_a_text_tower_in_place_of_a_speech_tower_is_refused(fail, towers):
    message = "error: A model of type 'bert' cannot be the audio tower"
    assert fail("train_hubert", audio_encoder=towers["bert"]).startswith(message)
    assert fail("train_fusion", audio_encoder=towers["bert"]).startswith(message)


def test_a_text_encoder_that_is_not_there_is_named(fail):
    line = fail("train_fusion", text_encoder="goog/bert")
    assert line.startswith("error: goog/bert: its configuration cannot be read")


def test_a_dropout_above_one_is_refused(fail):
    assert fail("train_fusion", dropout=1.5).startswith("error: dropout is 1.5, expected")


@pytest.mark.parametrize(
    ("name", "part"), [("model.safetensors", "weights"), ("preprocessor_config.json", "feature extractor")]
)
@pytest.mark.parametrize("recipe", NAMES)
def test_a_tower_that_lacks_a_file_is_named_with_what_it_lacks(fail, towers, tmp_path, recipe, name, part):
    tower = shutil.copytree(towers["hubert"], tmp_path / "tower")
    (tower / name).unlink()
    assert fail(recipe, audio_encoder=tower).startswith(f"error: {tower}: its {part} cannot be read (")
