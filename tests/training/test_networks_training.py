"""recipes/train_cnn.py with every network and config, on tones."""

import json

import numpy as np
import pytest
import torch

from factories_corpus import CLASSES, write_corpus
from factories_models import save_image_checkpoint
from mmser.curation.schema import decode_audio, load_corpus
from mmser.errors import EmptySplitError, SettingsError, UnknownNameError
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.features.spectrogram import compute_block_picture, cut_blocks
from mmser.models.networks.mobilenet import BLOCK_NETS, BlockNetForEmotionClassification
from mmser.models.networks.modeling import NetworkForEmotionClassification
from mmser.models.networks.systems import NETWORKS
from mmser.models.strict import load_strictly
from mmser.training.arguments import PlaceSettings
from mmser.training.feature_cache import compute_features
from mmser.training.feature_inputs import BlockDataset, BlockInputs
from mmser.training.networks import NetworkSettings, prepare_network

CONFIGS = {"mobilenet_v2": "mobilenet-v2-4", **{name.replace("-", "_"): name for name in NETWORKS}}


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "tones", num_train=24)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(save_image_checkpoint(tmp_path_factory.mktemp("encoders") / "mobilenet"))


@pytest.fixture
def train(run_network, tones, encoder):
    def _train(config, *options, corpus=tones, **settings):
        start = {"image_encoder": encoder} if config == "mobilenet_v2" else {}
        return run_network(config, *options, corpus=corpus, num_train_epochs=1, **start, **settings)

    return _train


def test_every_network_has_a_config_of_its_name(recipes):
    written = {path.stem for path in (recipes / "configs").glob("*.yaml")}
    assert CONFIGS.keys() <= written


@pytest.mark.parametrize("config", CONFIGS)
def test_every_network_is_trained_and_its_saved_model_gives_the_reported_probabilities(train, tones, config):
    run = train(config)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["system"] == CONFIGS[config]
    assert metrics["test"]["n"] == metrics["validation"]["n"] == 12
    test = load_corpus(tones)["test"]
    if config == "mobilenet_v2":
        model = load_strictly(BlockNetForEmotionClassification, run)
        pictures = [
            BlockDataset(test, overlapping=False, with_gender=False)[index]["pictures"] for index in (0, 1)
        ]
        batch = BlockInputs(model, load_corpus(tones)).collate(
            [{"pictures": each, "labels": 0} for each in pictures]
        )
        batch.pop("labels")
        logits = model(**batch).logits
    else:
        model = load_strictly(NetworkForEmotionClassification, run)
        features = compute_features(test, NETWORKS[CONFIGS[config]].features)
        logits = model(torch.from_numpy(features[:2])).logits
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))[:2]
    assert np.allclose(softmax(logits.detach().numpy()), reported, atol=1e-5)


def test_a_network_learns_to_tell_tones_apart(run_network, tones):
    run = run_network("sharma_cnn", corpus=tones, num_train_epochs=25, dropout=0.1, learning_rate=1e-3)
    assert json.loads((run / "metrics.json").read_text())["test"]["ua"] > 80  # of three classes


def test_pictures_of_a_clip_are_those_of_its_blocks(tones):
    rows = load_corpus(tones)["train"]
    waveform = decode_audio(rows[0]["audio"])
    item = BlockDataset(rows, overlapping=True, with_gender=True)[0]
    blocks = cut_blocks(waveform, overlapping=True)
    assert np.array_equal(item["pictures"], np.stack([compute_block_picture(block) for block in blocks]))
    assert item["genders"] == 0  # female
    assert item["labels"] == rows[0]["label"]


def test_a_gender_that_is_not_known_is_refused(tones):
    rows = load_corpus(tones)["train"].map(lambda row: {"gender": ""})
    with pytest.raises(SettingsError, match=r"gender of 2 speakers is not known, e\.g\. ravdess/train-0"):
        BlockDataset(rows, overlapping=True, with_gender=True)


@pytest.mark.parametrize("name", BLOCK_NETS)
def test_all_four_experiments_run(train, name):
    run = train("mobilenet_v2", "--network", name)
    assert json.loads((run / "metrics.json").read_text())["system"] == name


def with_several_classes(corpus):
    """Every third clip has two classes, all as a multi-label scheme writes them."""

    def relabel(row, index):
        labels = [row["label"]] if index % 3 else sorted({row["label"], (row["label"] + 1) % 3})
        return {"label": None, "labels": labels}

    return {split: rows.map(relabel, with_indices=True) for split, rows in corpus.items()}


@pytest.fixture
def several(tmp_path):
    folder = write_corpus(tmp_path / "several", num_train=24)
    for split, rows in with_several_classes(load_corpus(folder)).items():
        rows.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    about = json.loads((folder / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(about | {"fingerprint": "several"}))
    return folder


def test_clips_with_several_emotions_are_asked_for_each(train, several):
    run = train("pho_cnn", corpus=several)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["n"] == 8  # of twelve, four have two emotions and no place in UA and WA
    emotions = metrics["emotions"]["test"]
    assert emotions["n"] == 12
    assert emotions["all_no"] == pytest.approx(100 * (36 - 16) / 36)  # 8 clips with one, 4 with two
    assert set(emotions["per_emotion"]) == set(CLASSES)
    assert (run / "emotions.png").is_file()
    assert "emotions.png" in (run / "report.md").read_text()


def test_a_network_that_tells_one_class_refuses_clips_with_several(train, several):
    with pytest.raises(SettingsError, match=r"clips have several classes, and this system tells one"):
        train("pho_cnn", corpus=several, loss="cross-entropy", class_weights=False)


def test_a_split_without_a_clip_of_one_class_is_refused_before_the_work(several):
    corpus = load_corpus(several)
    corpus["test"] = corpus["test"].select([0, 3])  # those with two
    with pytest.raises(EmptySplitError, match="every clip of the test split has several classes"):
        prepare_network(corpus, NetworkSettings("pho-cnn", loss="binary"), PlaceSettings(str(several)))


def test_a_weight_that_is_fixed_at_zero_is_not_counted(train):
    metrics = json.loads((train("khan_rnn") / "metrics.json").read_text())
    assert metrics["num_parameters"] == 320 + 16 * 3 + 3


def test_the_temperature_of_the_report_travels_with_the_model(train):
    run = train("sharma_cnn")
    calibration = json.loads((run / "metrics.json").read_text())["calibration"]
    found = json.loads((run / "config.json").read_text())["calibration_temperature"]
    assert found == (None if calibration["bound"] else pytest.approx(calibration["temperature"], rel=1e-4))


def test_what_a_model_was_trained_on_and_when_it_abstains_travel_with_it(train):
    config = json.loads((train("sharma_cnn", "--abstain_share", "0.25") / "config.json").read_text())
    assert config["trained_duration_s"] == [0.6, 1.0]
    assert 1 / len(CLASSES) < config["abstain_threshold"] < 1


def test_class_weights_come_from_the_training_split(tones):
    corpus = load_corpus(tones)
    corpus["train"] = corpus["train"].select([0, 1, 2, 3])  # angry happy sad angry
    inputs = prepare_network(
        corpus, NetworkSettings("khan-cnn", class_weights=True, num_proc=1), PlaceSettings(str(tones))
    )
    assert inputs.model.class_weights.tolist() == pytest.approx([4 / 6, 4 / 3, 4 / 3])


def test_features_are_scaled_by_the_training_split_alone(tones):
    corpus = load_corpus(tones)
    model = prepare_network(
        corpus, NetworkSettings("sharma-cnn", num_proc=1), PlaceSettings(str(tones))
    ).model
    features = compute_features(corpus["train"], "paper94")
    assert np.allclose(model.feature_mean, features.mean(axis=0), rtol=1e-4)
    assert np.allclose(model.feature_deviation, features.std(axis=0), rtol=1e-3)
    plain = prepare_network(corpus, NetworkSettings("pho-cnn", num_proc=1), PlaceSettings(str(tones))).model
    assert plain.feature_mean.abs().max() == 0  # Pho's are scaled clip by clip


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"network": "sharma"}, UnknownNameError, r"Unknown network 'sharma'"),
        ({"loss": "mse"}, UnknownNameError, r"Unknown loss 'mse'"),
        ({"dropout": 1.0}, SettingsError, r"dropout is 1\.0, expected a probability from 0 to below 1"),
        ({"l1": -1.0}, SettingsError, r"l1 is -1\.0 and l2 0\.0, expected weights from 0"),
        ({"num_proc": 0}, SettingsError, r"num_proc is 0, expected 1 or more"),
        (
            {"network": "mobilenet-v2-1", "l2": 0.1, "dropout": 0.0},
            SettingsError,
            r"mobilenet-v2-1 does not take \['dropout', 'l2'\]",
        ),
    ],
)
def test_settings_are_checked_before_the_work(settings, error, message):
    with pytest.raises(error, match=message):
        NetworkSettings(**settings)
