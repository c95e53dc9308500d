import json
import sys

import numpy as np
import onnx
import pytest
from safetensors.torch import load_file, save_file

from factories_corpus import make_tone, write_corpus
from factories_exports import CLIPS, KINDS, logits_of, save_run
from factories_hub import ROWS
from factories_runs import save_scores
from mmser import EmotionRecognizer
from mmser.errors import CheckpointError, ExportError, OutputExistsError, SettingsError
from mmser.evaluation.scores import flat_scores
from mmser.inference import export
from mmser.inference.export import ExportSettings, export_run
from mmser.models.exported import ExportedModel
from mmser.models.loading import load_model
from mmser.training.scoring import predict_logits

FLOAT = ExportSettings()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Gives (run, export in float32, export in int8) of a kind, made once."""
    root, found = tmp_path_factory.mktemp("made"), {}
    corpus = write_corpus(root / "corpus", num_train=3, num_test=9)

    def make(kind):
        if kind not in found:
            run = save_run(root / kind / "runs" / "a", kind)
            exports = [root / kind / name for name in ("float", "int8")]
            for out, settings in zip(exports, (FLOAT, ExportSettings(int8=True, corpus=corpus)), strict=True):
                export_run(run, out, settings)
            found[kind] = (run, *exports)
        return found[kind]

    make.corpus = corpus
    return make


@pytest.fixture
def run(tmp_path):
    """A run of sound alone, of this test's own."""
    return save_run(tmp_path / "runs" / "a", "hubert")


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_answers_as_its_run_whatever_the_batch_and_the_length(made, kind):
    run, folder, _ = made(kind)
    expected = logits_of(*load_model(run))
    assert np.ptp(expected, axis=0).max() > 0.1  # the clips are not alike to the model
    model, processor = load_model(folder)
    assert isinstance(model, ExportedModel)
    np.testing.assert_allclose(logits_of(model, processor), expected, atol=1e-4)
    for clip, row in zip(CLIPS, expected, strict=True):
        np.testing.assert_allclose(logits_of(model, processor, [clip])[0], row, atol=1e-4)


@pytest.mark.parametrize("kind", ["hubert", "fusion", "speech-whisper", "speech-speeds"])
def test_the_recognizer_runs_an_export_with_the_same_answers(made, kind):
    clips = [(make_tone(label, duration_s=1.5, seed=7), 16_000) for label in ("sad", "angry")]
    ours, theirs = (
        EmotionRecognizer.from_pretrained(folder, device="cpu").predict(clips, texts=["kids", "dogs"])
        for folder in made(kind)[:2]
    )
    for one, other in zip(ours, theirs, strict=True):
        assert one.label == other.label
        assert one.transcript == other.transcript
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_an_export_in_another_precision_than_its_own_is_refused(made):
    with pytest.raises(SettingsError, match=r"dtype is 'bfloat16', but an export runs in the precision that"):
        EmotionRecognizer.from_pretrained(made("hubert")[1], dtype="bfloat16")


@pytest.mark.parametrize("kind", ["fusion", "speech", "speech-speeds"])
def test_int8_answers_a_clip_the_same_in_every_batch(made, kind):
    model, processor = load_model(made(kind)[2])
    together = logits_of(model, processor)
    for clip, row in zip(CLIPS, together, strict=True):
        np.testing.assert_array_equal(logits_of(model, processor, [clip])[0], row)


@pytest.mark.parametrize("kind", ["hubert", "fusion"])
def test_the_loss_of_int8_is_what_is_measured_again(made, kind):
    run, _, rounded = made(kind)
    about = json.loads((rounded / "export.json").read_text())
    assert about["precision"] == "int8"
    assert about["bytes"] == (rounded / "model.onnx").stat().st_size
    split = export.load_corpus(made.corpus)["validation"]
    ours, theirs = (predict_logits(*load_model(folder), split) for folder in (run, rounded))
    measured = about["measured"]
    assert measured["num_clips"] == 9
    assert measured["corpus"] == str(made.corpus)
    difference = np.abs(ours - theirs).max()
    assert measured["largest_logit_difference"] == pytest.approx(difference, rel=0.01)
    assert 0 < difference < np.abs(ours).max() / 4
    for name, logits in (("ua_pytorch", ours), ("ua", theirs)):
        scores = flat_scores(logits, split["label"], ["angry", "happy", "sad"])
        assert measured[name] == pytest.approx(scores["ua"], abs=0.01)
    same = 100 * (ours.argmax(1) == theirs.argmax(1)).mean()
    assert measured["same_label"] == pytest.approx(same, abs=0.01)


def test_int8_rounds_projections_and_embeddings_and_leaves_the_head(made):
    graph = onnx.load(made("fusion")[2] / "model.onnx").graph
    kind_of = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert kind_of["model.text_encoder.embeddings.word_embeddings.weight_quantized"] == onnx.TensorProto.UINT8
    made_by = {output: node for node in graph.node for output in node.output}
    before_bias = [made_by[name].op_type for name in made_by["logits"].input if name in made_by]
    assert before_bias == ["MatMul"]
    operations = [node.op_type for node in graph.node]
    assert operations.count("MatMulInteger") >= 2 * 2 * 6  # two towers of two blocks, six projections each
    assert "ConvInteger" not in operations


def test_the_folder_holds_no_code_and_says_what_may_change(made):
    folder = made("fusion")[1]
    about = json.loads((folder / "export.json").read_text())
    assert {path.name for path in folder.iterdir()} == {*about["files"], "export.json"}
    assert not list(folder.glob("*.py"))
    assert about["inputs"]["input_values"] == ["batch", "samples"]
    assert about["inputs"]["text_attention_mask"] == ["batch", "tokens"]
    assert about["classes"] == ["angry", "happy", "sad"]
    assert about["float32"]["largest_logit_difference"] < 1e-4
    assert about["measured"] is None
    window = json.loads((made("speech-whisper")[1] / "export.json").read_text())
    assert window["inputs"] == {"input_values": ["batch"], "attention_mask": ["batch"]}


def test_by_default_int8_is_measured_on_the_runs_own_corpus_and_clips_are_spread(run, tmp_path):
    corpus = write_corpus(tmp_path / "own", num_train=3, num_test=9)
    save_scores(run, ROWS, settings={"corpus": str(corpus)})
    about = export_run(run, tmp_path / "out", ExportSettings(int8=True, max_clips=3))
    assert about["measured"]["corpus"] == str(corpus)
    assert about["measured"]["num_clips"] == 3
    chosen = export._find_split(run, load_model(run)[0], ExportSettings(int8=True, max_clips=3))
    assert chosen["id"] == ["ravdess/validation-000", "ravdess/validation-004", "ravdess/validation-008"]


def test_int8_without_clips_to_measure_on_asks_for_some(run, tmp_path):
    save_scores(run, ROWS, settings={"corpus": "corpora/gone"})
    with pytest.raises(
        SettingsError, match=r"not on this machine \(corpora/gone\).*Give a corpus by --corpus"
    ):
        export_run(run, tmp_path / "out", ExportSettings(int8=True))
    (run / "metrics.json").unlink()
    with pytest.raises(SettingsError, match=r"not on this machine, and what int8 costs"):
        export_run(run, tmp_path / "out", ExportSettings(int8=True))


def test_a_corpus_of_other_classes_is_refused(run, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", num_train=3, num_test=3)
    config = json.loads((run / "config.json").read_text())
    config["id2label"] = {"0": "angry", "1": "happy", "2": "bored"}
    config["label2id"] = {name: int(index) for index, name in config["id2label"].items()}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingsError, match=r"its classes \['sad'\] are not among the model's"):
        export_run(run, tmp_path / "out", ExportSettings(corpus=corpus))


def test_a_graph_that_answers_otherwise_is_refused_and_nothing_is_left(run, tmp_path, monkeypatch):
    write = export.write_graph

    def write_another(model, batch, path):
        model.classifier.bias.data += 0.01
        write(model, batch, path)
        model.classifier.bias.data -= 0.01

    monkeypatch.setattr(export, "write_graph", write_another)
    with pytest.raises(ExportError, match=r"logits differ by 0\.01, expected 0\.001 at most\. Nothing was"):
        export_run(run, tmp_path / "made" / "out", FLOAT)
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_nothing_is_replaced(run, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
    (out / "mine" if kind == "folder" else out).write_text("mine")
    with pytest.raises(OutputExistsError, match=r"out: is not empty\. Choose another folder"):
        export_run(run, out, FLOAT)


def test_an_empty_folder_is_filled(run, tmp_path):
    (tmp_path / "out").mkdir()
    export_run(run, tmp_path / "out", FLOAT)
    assert (tmp_path / "out" / "model.onnx").exists()


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_what_is_not_installed_is_named_with_its_extra(run, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=rf"{name}, which is not installed: pip install 'mmser\[onnx\]'"):
        export_run(run, tmp_path / "out", FLOAT)


def test_an_export_is_not_exported_again(made, tmp_path):
    with pytest.raises(ExportError, match=r"float: is an export already\. Name the run that it was made of"):
        export_run(made("hubert")[1], tmp_path / "out", FLOAT)


def test_a_model_that_no_file_holds_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    with pytest.raises(ExportError, match=r"its weights take 0\.0 GB, and an ONNX file holds 2"):
        export_run(run, tmp_path / "out", FLOAT)


@pytest.mark.parametrize(
    ("name", "content"), [("model.skops", ""), ("config.json", '{"model_type": "mmser-network"}')]
)
def test_systems_over_hand_made_features_are_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(
        CheckpointError, match="a system over hand-made features, expected a model that hears"
    ):
        export_run(tmp_path, tmp_path / "out", FLOAT)


def test_low_rank_updates_that_are_not_added_are_told_as_such(run, tmp_path):
    weights = load_file(run / "model.safetensors")
    (name,) = [name for name in weights if name.endswith("layers.0.attention.q_proj.weight")]
    stem = name.removesuffix(".weight")
    weights[f"{stem}.base_layer.weight"] = weights.pop(name)
    weights[f"{stem}.lora_A.default.weight"] = weights[f"{stem}.base_layer.weight"][:2].clone()
    save_file(weights, run / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        CheckpointError, match=r"low-rank updates that are not added.* folder of the finished"
    ):
        export_run(run, tmp_path / "out", FLOAT)


def test_clips_to_measure_on_are_one_at_least():
    with pytest.raises(SettingsError, match="max_clips is 0, expected clips to measure on"):
        ExportSettings(max_clips=0)
