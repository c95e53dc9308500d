import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmser.models.fusion import FusionForEmotionClassification, build_fusion, build_speech
from mmser.models.fusion.towers import encode_audio
from mmser.models.loading import load_model

TEXTS = ["", "the dogs are sitting by the door"]
CLASSES = ["angry", "happy", "sad"]
AUDIO = ["hubert", "wav2vec2", "wavlm", "whisper"]

LOAD_WITHOUT_MMSER = """
import json, sys
for name in ("mmser", "torchcodec", "torchaudio"):
    sys.modules[name] = None
import numpy as np, torch
from transformers import AutoModel, AutoProcessor, pipeline
torch.set_num_threads(1)
folder, clip = sys.argv[1], np.load(sys.argv[2])
model = AutoModel.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
with torch.no_grad():
    logits = model(**processor([clip], ["kids are talking"], sampling_rate=16_000)).logits[0].tolist()
recognizer = pipeline("speech-emotion-recognition", model=folder, trust_remote_code=True, device="cpu")
rows = recognizer({"array": clip, "sampling_rate": 16_000, "text": "kids are talking"})
print(json.dumps({"logits": logits, "rows": rows, "module": type(model).__module__}))
"""


@pytest.mark.parametrize("audio", AUDIO)
def test_a_clip_gets_the_same_logits_alone_and_beside_a_longer_one(fusion, clips, audio):
    model, processor = fusion(audio)
    features = [processor.features(*clip) for clip in zip(clips, TEXTS, strict=True)]
    with torch.no_grad():
        alone = model(**processor.pad(features[:1])).logits[0]
        beside, neighbour = model(**processor.pad(features)).logits
    assert (alone - neighbour).abs().max() > 0.1  # the clips are not alike to the model
    assert (alone - beside).abs().max() < 1e-4


@pytest.mark.parametrize("audio", AUDIO)
def test_the_frames_of_all_speeds_are_pooled_together(fusion, clips, audio):
    """A mean over two hearings is that of each, weighed by its frames."""
    means, counts = [], []
    for speeds in (1.0,), (1.25,), (1.0, 1.25):
        model, processor = fusion(audio, speeds=speeds)
        batch = processor.audio.pad([processor.audio.features(clips[0])])
        with torch.no_grad():
            means.append(model.embed_audio(**batch)[0])
            counts.append(encode_audio(model.audio_encoder, **batch)[1].sum())
    assert counts[2] == counts[0] + counts[1]
    assert (means[0] - means[1]).abs().max() > 0.01  # the encoder hears that it is faster
    expected = (counts[0] * means[0] + counts[1] * means[1]) / counts[2]
    torch.testing.assert_close(means[2], expected, atol=1e-5, rtol=0)


def test_speeds_are_kept_beside_a_fusion_model_and_a_clip_without_sound_stays_unheard(
    fusion, clips, tmp_path
):
    model, processor = fusion("hubert", speeds=(1.0, 1.25), modality_dropout=0.2)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(str(tmp_path))
    loaded, reader = load_model(tmp_path)
    assert reader.audio.speeds == [1.0, 1.25]
    batch = reader([*clips, clips[0]], [*TEXTS, "kids"], sampling_rate=16_000)
    silent = torch.tensor([1, 1, 0]).view(3, 1, 1)
    with torch.no_grad():
        whole = loaded(**batch).logits
        torch.testing.assert_close(model(**batch).logits, whole)
        batch["attention_mask"] = batch["attention_mask"] * silent
        logits = loaded(**batch).logits
        heard, mask = loaded.reduce_audio(batch["input_values"], batch["attention_mask"])
    assert (loaded.audio_pooling(heard, mask)[2] == 0).all()
    torch.testing.assert_close(logits[:2], whole[:2])
    assert (logits[2] - whole[2]).abs().max() > 0.1


@pytest.mark.parametrize("audio", AUDIO)
def test_gradient_reaches_every_trained_weight(fusion, clips, audio):
    """A weight that no loss reaches would stall training in several processes."""
    model, processor = fusion(audio)
    batch = processor(clips, TEXTS, sampling_rate=16_000)
    model.train()(**batch, labels=torch.tensor([0, 2])).loss.backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert [name for name, weight in trained.items() if weight.grad is None] == []
    for tower in ("audio_encoder", "text_encoder"):
        assert sum(weight.grad.abs().sum() for name, weight in trained.items() if name.startswith(tower)) > 0


def test_the_loss_is_the_mean_cross_entropy_of_raw_logits(fusion, clips):
    model, processor = fusion()
    batch = processor(clips, TEXTS, sampling_rate=16_000)
    output = model(**batch, labels=torch.tensor([2, 0]))
    rows = output.logits.double()
    by_hand = [torch.log(row.exp().sum()) - row[label] for row, label in zip(rows, (2, 0), strict=True)]
    assert output.loss.item() == pytest.approx(sum(by_hand).item() / 2, abs=1e-5)
    assert model(**batch).loss is None


def test_forward_is_embedding_then_classifying(fusion, clips):
    model, processor = fusion()
    batch = processor(clips, TEXTS, sampling_rate=16_000)
    audio = model.embed_audio(batch["input_values"], batch["attention_mask"])
    text = model.embed_text(batch["input_ids"], batch["text_attention_mask"])
    assert audio.shape == text.shape == (2, 16)
    assert torch.equal(model.classify(audio, text), model(**batch).logits)


HEADS = [
    {"audio_pooling": pooling, "audio_layers": layers, "text_pooling": pooling, "text_layers": layers}
    for pooling in ("mean", "mean+std", "attention")
    for layers in ("last", "weighted", "1-2")
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: "-".join(list(head.values())[:2]))
@pytest.mark.parametrize("audio", ["hubert", "whisper"])
def test_every_head_is_blind_to_the_batch_and_saved_whole(fusion, clips, tmp_path, audio, head):
    model, processor = fusion(audio, "bert", **head)
    for name, weight in model.named_parameters():
        if "pooling" in name:
            torch.nn.init.normal_(weight)
    features = [processor.features(*clip) for clip in zip(clips, TEXTS, strict=True)]
    model.save_pretrained(tmp_path)
    again = FusionForEmotionClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        alone = model(**processor.pad(features[:1])).logits[0]
        beside = model(**processor.pad(features)).logits[0]
        loaded = again(**processor.pad(features[:1])).logits[0]
    assert (alone - beside).abs().max() < 1e-4
    torch.testing.assert_close(loaded, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("audio", AUDIO)
def test_sound_alone_has_every_way_of_pooling(checkpoints, clips, tmp_path, audio):
    model, features = build_speech(
        str(checkpoints / audio), CLASSES, window_s=4, audio_pooling="mean+std", audio_layers="weighted"
    )
    assert model.classifier.in_features == 32
    made = [features.features(clip) for clip in clips]
    model.save_pretrained(tmp_path)
    features.save_pretrained(str(tmp_path))
    loaded, loaded_features = load_model(tmp_path)
    with torch.no_grad():
        alone = model(**features.pad(made[:1])).logits[0]
        beside = model(**features.pad(made)).logits[0]
        again = loaded(**loaded_features.pad([loaded_features.features(clips[0])])).logits[0]
    assert (alone - beside).abs().max() < 1e-4
    assert torch.equal(alone, again)


def test_text_where_none_is_read_and_no_text_where_it_is_are_refused(fusion, checkpoints, clips):
    model, processor = fusion()
    batch = processor(clips, TEXTS, sampling_rate=16_000)
    with pytest.raises(ValueError, match=r"Expected sound and its transcript, got .*None"):
        model(batch["input_values"], batch["attention_mask"])
    deaf, _ = build_speech(str(checkpoints / "hubert"), CLASSES)
    with pytest.raises(ValueError, match="Expected sound alone: the model reads no text, got"):
        deaf(**batch)


def test_a_model_goes_without_a_transcript_only_if_trained_so(fusion, clips):
    batch_of = {}
    for name, text in (("none", None), ("empty", ""), ("some", "dogs")):
        model, processor = fusion(modality_dropout=0.5)
        batch_of[name] = processor.pad([processor.features(clips[0], text)])
    with torch.no_grad():
        logits = {name: model(**batch).logits for name, batch in batch_of.items()}
        sound = model.embed_audio(batch_of["none"]["input_values"], batch_of["none"]["attention_mask"])
        by_hand = model.classify(sound, torch.zeros(1, 16))
    torch.testing.assert_close(logits["none"], by_hand)
    assert (logits["none"] - logits["empty"]).abs().max() > 0.1
    with pytest.raises(ValueError, match="was not trained to go without"):
        fusion()[0](**batch_of["none"])


def test_a_missing_transcript_changes_nothing_for_the_clip_beside_it(fusion, clips):
    model, processor = fusion(modality_dropout=0.5)
    without, beside = processor.features(clips[0], None), processor.features(clips[1], "dogs")
    with torch.no_grad():
        both = model(**processor.pad([without, beside])).logits
        alone = torch.cat([model(**processor.pad([each])).logits for each in (without, beside)])
    torch.testing.assert_close(both, alone, atol=1e-4, rtol=0)


def test_modality_dropout_takes_sound_or_text_each_as_often_in_training_alone(fusion):
    model, _ = fusion(modality_dropout=0.5, dropout=0.0)
    torch.nn.init.zeros_(model.classifier.bias)
    sound, text = torch.ones(4000, 16), torch.ones(4000, 16)
    torch.manual_seed(0)
    seen = model.train().classify(sound, text)
    whole = model.eval().classify(sound, text)[0]
    heard, read = model.classify(sound, 0 * text)[0], model.classify(0 * sound, text)[0]
    shares = [(seen - each).abs().amax(1).lt(1e-4).float().mean().item() for each in (whole, heard, read)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.03)


def test_both_towers_decide(fusion, clips):
    model, processor = fusion()
    one, *others = (
        model(**processor([clip], [text], sampling_rate=16_000)).logits
        for clip, text in [(clips[0], "kids"), (clips[1], "kids"), (clips[0], "dogs")]
    )
    assert all((one - other).abs().max() > 0.1 for other in others)


def test_dropout_is_on_in_training_and_off_in_evaluation(fusion):
    model, _ = fusion(dropout=0.5)
    states = torch.ones(1, 16), torch.ones(1, 16)
    assert torch.equal(model.classify(*states), model.classify(*states))
    model.train()
    assert not torch.equal(model.classify(*states), model.classify(*states))


def test_checkpointing_changes_no_gradient(fusion, clips):
    gradients = []
    for checkpointing in (False, True):
        model, processor = fusion("whisper", "bert", dropout=0.0)
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        batch = processor(clips, TEXTS, sampling_rate=16_000)
        model.train()(**batch, labels=torch.tensor([0, 1])).loss.backward()
        gradients.append([weight.grad for weight in model.parameters() if weight.requires_grad])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-6, rtol=1e-4)


def test_trainer_may_scale_the_loss_itself():
    assert FusionForEmotionClassification.accepts_loss_kwargs is False


def test_a_saved_folder_works_where_mmser_is_not_installed(fusion, clips, tmp_path):
    model, processor = fusion("hubert", "bert")
    model.config.preprocessing = {"cleaning": "thirty decibels"}
    model.save_pretrained(tmp_path / "run")
    processor.save_pretrained(tmp_path / "run")
    np.save(tmp_path / "clip.npy", clips[0])
    with torch.no_grad():
        logits = model(**processor(clips[:1], ["kids are talking"], sampling_rate=16_000)).logits[0]
    answer = _run_without_mmser(tmp_path)
    assert answer["module"].startswith("transformers_modules")
    assert answer["logits"] == pytest.approx(logits.tolist(), abs=1e-5)
    probabilities = dict(zip(["angry", "happy", "sad"], logits.softmax(-1).tolist(), strict=True))
    assert {row["label"]: row["score"] for row in answer["rows"]} == pytest.approx(probabilities, abs=1e-5)


def _run_without_mmser(folder: Path) -> dict:
    """Load ``folder/run`` in a process without mmser, its sources, ffmpeg, torchcodec and torchaudio."""
    environment = {
        "PATH": str(folder / "empty"),
        "HOME": str(folder),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    finished = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_MMSER, folder / "run", folder / "clip.npy"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.weights
def test_real_towers_answer_a_padded_clip_as_alone(clips):
    if "MMSER_MODELS" not in os.environ:
        pytest.skip("MMSER_MODELS is not set: it names the folder of real weights")
    weights = Path(os.environ["MMSER_MODELS"])
    model, processor = build_fusion(
        str(weights / "whisper-tiny.en"), str(weights / "minilm-l6"), ["a", "b", "c"]
    )
    torch.nn.init.normal_(model.classifier.weight)
    features = [processor.features(*clip) for clip in zip(clips, TEXTS, strict=True)]
    with torch.no_grad():
        alone = model(**processor.pad(features[:1])).logits[0]
        beside, neighbour = model(**processor.pad(features)).logits
    assert (alone - neighbour).abs().max() > 0.1
    assert (alone - beside).abs().max() < 1e-4
