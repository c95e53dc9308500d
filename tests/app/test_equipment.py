import io
import sys

import pytest
import soundfile
import torch

from factories_app import make_recording
from factories_runs import save_model, save_scores
from mmser.app.answering import UploadLimits
from mmser.app.equipment import (
    MAX_SAMPLES,
    AppSettings,
    load_equipment,
    read_samples,
    speak_samples,
)
from mmser.errors import CheckpointError, SettingsError
from mmser.models.loading import encoders_of


def test_settings_survive_json():
    settings = AppSettings("run", "base", 0.4, "cpu", "bfloat16", "clips", UploadLimits(5, 10))
    assert AppSettings.from_json(settings.to_json()) == settings


def test_visitors_share_one_recognizer_and_its_scores(tmp_path):
    run = save_model(tmp_path / "runs" / "hubert", "hubert")
    save_scores(run, ("ravdess/01 angry angry", "ravdess/02 sad sad"))
    equipment = load_equipment(AppSettings(str(run), abstain_below=0.4))
    assert equipment is load_equipment(AppSettings(str(run), abstain_below=0.4))
    assert equipment.recognizer.abstain_threshold == 0.4
    assert equipment.metrics["test"]["ua"] == 100
    assert equipment.samples_are_synthetic


def test_a_run_without_scores_is_served_and_that_is_logged(tmp_path, caplog):
    run = save_model(tmp_path / "runs" / "hubert", "hubert")
    assert load_equipment(AppSettings(str(run))).metrics is None
    assert "says nothing of how good the model is" in caplog.text


def test_weights_that_are_missing_are_told_before_the_first_visitor_comes(tmp_path):
    run = save_model(tmp_path / "runs" / "hubert", "hubert")
    (run / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"hubert: .*model\.safetensors"):
        load_equipment(AppSettings(str(run)))


def test_samples_are_the_first_recordings_of_a_folder(tmp_path):
    for number in range(MAX_SAMPLES + 1):
        (tmp_path / f"clip{number}.wav").write_bytes(bytes([number]))
    (tmp_path / "about.txt").write_text("no clip")
    assert read_samples(tmp_path) == {f"clip{number}.wav": bytes([number]) for number in range(MAX_SAMPLES)}


def test_samples_that_differ_in_format_alone_are_two(tmp_path):
    for name in ("a.wav", "a.flac"):
        (tmp_path / name).write_text(name)
    assert read_samples(tmp_path) == {"a.flac": b"a.flac", "a.wav": b"a.wav"}


def test_encoders_run_in_the_precision_asked_for(speech_run):
    recognizer = load_equipment(AppSettings(str(speech_run), device="cpu", dtype="bfloat16")).recognizer
    (encoder,) = encoders_of(recognizer.model).values()
    assert {weight.dtype for weight in encoder.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("gone", r"--samples .*gone: no such folder"),
        (".", r"--samples .*: no recording in it, expected .*\.wav"),
    ],
)
def test_a_folder_without_samples_is_named(tmp_path, folder, message):
    with pytest.raises(SettingsError, match=message):
        load_equipment(AppSettings("no-run", samples=str(tmp_path / folder)))


def test_a_synthesizer_speaks_samples_of_a_clip_each():
    pytest.importorskip("espeakng_loader")
    samples = speak_samples()
    assert list(samples) == ["angry", "happy", "sad", "fearful"]
    for content in samples.values():
        waveform, rate_hz = soundfile.read(io.BytesIO(content))
        assert 1 < len(waveform) / rate_hz < 4
    assert samples == speak_samples()


def test_without_a_synthesizer_there_are_no_samples(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert speak_samples() == {}


def test_samples_of_ones_own_are_not_called_synthetic(speech_run, tmp_path):
    (tmp_path / "mine.wav").write_bytes(make_recording())
    equipment = load_equipment(AppSettings(str(speech_run), samples=str(tmp_path)))
    assert list(equipment.samples) == ["mine.wav"]
    assert not equipment.samples_are_synthetic
