"""A run of sound alone whose head is not the stock one goes wherever the other runs go."""

import json

import numpy as np
import pytest
import soundfile

from factories_corpus import make_tone, write_corpus
from mmser import EmotionRecognizer
from mmser.cli import main
from mmser.curation.schema import load_corpus
from mmser.evaluation.predictions import probabilities_of, read_predictions, softmax
from mmser.models.fusion import AudioFeatures, FusionForEmotionClassification
from mmser.models.loading import load_model
from mmser.training.scoring import predict_logits

SETTINGS = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 0.01}


@pytest.fixture
def run(run_recipe):
    """The folder of such a run, trained by the recipe."""
    return run_recipe("train_hubert", "--pooling", "mean+std", "--layers", "weighted", **SETTINGS)


@pytest.mark.parametrize("tower", ["hubert", "whisper"])
def test_a_model_that_hears_clips_at_two_speeds_does_so_wherever_it_goes(
    run_recipe, towers, corpus, tmp_path, tower
):
    options = ["--pooling", "mean+std", "--layers", "1-2", "--speeds", "1+1.2", "--window_s", "2"]
    run = run_recipe("train_hubert", *options, "--audio_encoder", towers[tower], **SETTINGS)
    model, processor = load_model(run)
    assert processor.speeds == [1.0, 1.2]
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    logits = predict_logits(model, processor, load_corpus(corpus)["test"], batch_size=5)
    np.testing.assert_allclose(reported, softmax(logits), atol=1e-5)
    processor.feature_extractor.speeds = [1.0]
    plain = predict_logits(model, processor, load_corpus(corpus)["test"], batch_size=5)
    assert np.abs(softmax(plain) - reported).max() > 1e-4  # the second hearing counts

    clips = [(make_tone(label, duration_s=1.6, seed=5), 16_000) for label in ("sad", "angry", "happy")]
    recognizer = EmotionRecognizer.from_pretrained(run, device="cpu")
    together, alone = recognizer.predict(clips), [recognizer.predict([clip])[0] for clip in clips]
    for one, other in zip(together, alone, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_it_is_trained_evaluated_ranked_used_and_pushed(run, corpus, tmp_path, capsys):
    model, processor = load_model(run)
    assert isinstance(model, FusionForEmotionClassification)
    assert isinstance(processor, AudioFeatures)
    reported = probabilities_of(read_predictions(run / "predictions.parquet"))
    logits = predict_logits(model, processor, load_corpus(corpus)["test"], batch_size=5)
    np.testing.assert_allclose(reported, softmax(logits), atol=1e-5)
    assert json.loads((run / "metrics.json").read_text())["system"] == "hubert"
    assert (run / "report.md").read_text().startswith("# hubert")

    other = write_corpus(tmp_path / "other", num_train=3, num_test=6)
    assert main(["evaluate", str(run), "--corpus", str(other)]) == 0
    assert json.loads((run / "on-other" / "metrics.json").read_text())["system"] == "hubert"
    assert main(["leaderboard", str(run), "--out", str(tmp_path / "board")]) == 0
    assert "| hubert |" in (tmp_path / "board" / "leaderboard.md").read_text()

    clip = tmp_path / "a.wav"
    soundfile.write(clip, make_tone("sad", duration_s=1.5), 16_000)
    capsys.readouterr()
    assert main(["predict", str(run), str(clip)]) == 0
    assert "transcript" not in capsys.readouterr().out

    assert main(["push", str(run), "me/voice", "--dry-run", str(tmp_path / "dry")]) == 0
    assert not (tmp_path / "dry" / "tokenizer.json").exists()
    assert '{"array": waveform, "sampling_rate": 16_000}' in (tmp_path / "dry" / "README.md").read_text()
