import importlib.util
import json
from pathlib import Path

import pytest

from factories_corpus import write_corpus
from factories_models import save_audio_checkpoint, save_text_checkpoint

RECIPES = Path(__file__).parents[2] / "recipes"
AUDIO = ("data2vec", "hubert", "hubert-large", "unispeech", "unispeech-sat", "wav2vec2", "wavlm", "whisper")
STILL = {  # nothing random in training: dropout, layerdrop and masking off
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A corpus of 32 + 12 + 12 tones: 32 is divisible by the effective batch of 16."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tones", num_train=32)


@pytest.fixture(scope="session")
def towers(tmp_path_factory):
    """Folders of tiny random encoders without dropout, by kind."""
    folder = tmp_path_factory.mktemp("towers")
    paths = {kind: save_audio_checkpoint(kind, folder / kind) for kind in AUDIO}
    paths["bert"] = save_text_checkpoint("bert", folder / "bert")
    for path in paths.values():
        config = json.loads((path / "config.json").read_text())
        still = {key: value for key, value in STILL.items() if key in config}
        (path / "config.json").write_text(json.dumps(config | still))
    return {kind: str(path) for kind, path in paths.items()}


@pytest.fixture(scope="session")
def recipes():
    return RECIPES


@pytest.fixture
def run_network(tmp_path, monkeypatch):
    """Run train_cnn.py's main in this process with one of its configs; returns the folder of the run."""

    def run(config, *options, corpus, **settings):
        folder = tmp_path / "run"
        values = {
            "config": RECIPES / "configs" / f"{config}.yaml",
            "corpus": corpus,
            "out": folder,
            "num_proc": 1,
        }
        flags = [text for name, value in (values | settings).items() for text in (f"--{name}", str(value))]
        monkeypatch.setattr("sys.argv", ["train_cnn", *flags, *options, "--use_cpu", "True"])
        load_recipe("train_cnn").main()
        return folder

    return run


def load_recipe(name):
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run_recipe(corpus, towers, tmp_path, monkeypatch):
    """Run a recipe's main in this process; returns the folder of the run."""
    monkeypatch.setenv("MMSER_CACHE", str(tmp_path / "cache"))

    def run(recipe, *options, out="run", **settings):
        folder = tmp_path / out
        encoders = {"--audio-encoder": towers[settings.pop("audio", "hubert")]}
        if recipe == "train_fusion":
            encoders["--text-encoder"] = towers["bert"]
        values = {"--corpus": corpus, "--out": folder, "--window_s": 4, **encoders}
        values |= {f"--{name}": value for name, value in settings.items()}
        flags = [str(each) for pair in values.items() for each in pair]
        monkeypatch.setattr("sys.argv", [recipe, *flags, *options, "--use_cpu", "True"])
        load_recipe(recipe).main()
        return folder

    return run
