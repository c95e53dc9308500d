import pytest
from huggingface_hub import ModelCard

from factories_evaluation import make_facts, make_frame
from factories_hub import ROWS
from mmser.evaluation.predictions import score_predictions
from mmser.hub.model_card import make_model_card

CLASSES = ("angry", "happy", "sad")
OWN_PIPELINE = 'pipeline("speech-emotion-recognition", model="me/voice", trust_remote_code=True)'
STOCK_PIPELINE = 'pipeline("audio-classification", model="me/voice", top_k=None)'
LEAK = "audio: 12 copies of a clip in train and validation, e.g. ravdess/01"


def make_metrics(rows=ROWS, **facts):
    test = score_predictions(make_frame(rows, CLASSES), seed=0)
    return make_facts(**facts) | {"test": test, "validation": None}


def make_card(name="me/voice", files=("confusion_matrix.png",), **facts):
    return make_model_card(make_metrics(**facts), name, files)


def results_of(card):
    """(corpora, metric) -> value, of the model-index as the Hub's own client reads it."""
    results = ModelCard(card, ignore_metadata_errors=False).data.eval_results
    return {(each.dataset_type, each.metric_type): each.metric_value for each in results}


def body_of(card):
    return card.split("---\n", 2)[2].strip()


def test_the_model_index_holds_four_scores_of_all_clips_and_of_each_corpus():
    # all: angry 2 of 3, sad 1 of 1; F1 of angry 2*2 / (3 + 2), of sad 2*1 / (1 + 2)
    # RAVDESS 2 of 2; TESS angry 1 of 2, F1 2*1 / (2 + 1)
    figures = {
        "ravdess+tess": (83.33, 75.0, 158.33, 73.33),
        "ravdess": (100.0, 100.0, 200.0, 100.0),
        "tess": (50.0, 50.0, 100.0, 66.67),
    }
    kinds = ("balanced_accuracy", "accuracy", "ua_plus_wa", "f1")
    assert results_of(make_card()) == {
        (corpora, kind): value
        for corpora, values in figures.items()
        for kind, value in zip(kinds, values, strict=True)
    }


def test_each_result_names_split_protocol_fold_clips_and_interval():
    metrics = make_metrics()
    results = ModelCard(make_model_card(metrics, "me/voice")).data.eval_results
    first = results[0]
    assert (first.task_type, first.dataset_split, first.dataset_config) == (
        *("audio-classification", "test", "speaker"),
    )
    assert first.dataset_name == "RAVDESS, speech + TESS (protocol speaker, fold 0 of 5; 4 test clips)"
    low, high = metrics["test"]["intervals"]["ua"]
    assert first.metric_args == {"interval_95": [round(low, 2), round(high, 2)]}
    assert ModelCard(make_card()).data.model_name == "voice"


def test_a_run_of_an_older_mmser_has_no_macro_f1_of_a_corpus():
    metrics = make_metrics()
    for row in metrics["test"]["per_corpus"].values():
        del row["macro_f1"], row["ua_plus_wa"]
    results = results_of(make_model_card(metrics, "me/voice"))
    assert results["tess", "ua_plus_wa"] == 100.0
    assert ("tess", "f1") not in results
    assert ("ravdess+tess", "f1") in results


def test_the_header_says_what_the_hub_sorts_by():
    data = ModelCard(make_card()).data
    assert (data.license, data.license_name) == ("other", "terms-of-each-corpus")
    assert (data.library_name, data.pipeline_tag, data.language) == (
        *("transformers", "audio-classification", ["en"]),
    )
    assert data.tags == ["speech-emotion-recognition", "mmser"]
    assert ModelCard(make_card(files=("pooling.py",))).data.tags == [*data.tags, "custom_code"]


def test_towers_from_the_hub_are_named_and_folders_are_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "hubert").mkdir(parents=True)
    settings = {
        "audio_encoder": "facebook/hubert-base-ls960",
        "text_encoder": "google-bert/bert-base-uncased",
    }
    assert ModelCard(make_card(settings=settings)).data.base_model == list(settings.values())
    for folder in ("runs/hubert", "whisper-tiny", "./a/b", "a/b/c"):
        card = make_card(settings=settings | {"audio_encoder": folder})
        assert ModelCard(card).data.base_model == ["google-bert/bert-base-uncased"]


def test_a_protocol_that_leaks_is_told_before_any_score():
    card = make_card(protocol="paper", fold=0, folds=1, leaks=[LEAK])
    first = body_of(card).splitlines()[:8]
    assert first[0] == "# voice"
    assert first[2].startswith("> **These scores are too high: protocol `paper` leaks.**")
    assert f"> - {LEAK}" in first
    name = ModelCard(card).data.eval_results[0].dataset_name
    assert name == "RAVDESS, speech + TESS (protocol paper, which leaks: too high; 4 test clips)"
    assert "too high" not in make_card()


def test_the_first_paragraphs_give_classes_protocol_and_figures_with_intervals():
    text = " ".join(body_of(make_card()).split("## Use")[0].split())
    assert "the probability of 3 acted emotions: angry, happy, sad." in text
    assert "Measured under protocol speaker, fold 0 of 5. No speaker is in two splits" in text
    assert "On 4 test clips of RAVDESS, speech + TESS, in percent: **UA 83.3 (" in text
    low, high = make_metrics()["test"]["intervals"]["wa"]
    assert f"WA 75.0 ({low:.1f} to {high:.1f}), UA+WA 158.3 (" in text
    assert "reads its transcript" in text
    assert "reads its transcript" not in make_card(system="hubert")


def test_the_card_shows_its_tables_and_pictures():
    card = make_card(files=("calibration.png", "pooling.py", "confusion_matrix.png"))
    assert "| TESS | 50.00 | 50.00 | 100.00 | 66.67 | 2 |" in card
    assert "| angry | 66.67 |\n| sad | 100.00 |" in card
    assert "![calibration](calibration.png)\n\n![confusion matrix](confusion_matrix.png)" in card


def test_limits_are_measured():
    card = make_card(system="whisper+bert", settings={"window_s": 5.0}, calibration={"temperature": 1.5})
    limits = card.split("## Limits")[1].split("## ")[0]
    assert "Acted emotion is not felt emotion" in limits
    assert "Weakest class: angry, of which 66.7 % are heard." in limits
    assert "Never tested: happy" in limits
    assert "Fewer than 30 test clips, so that their scores say little: RAVDESS, speech + TESS." in limits
    assert "It hears the first 5 s of a clip." in limits
    slow = make_card(system="whisper", settings={"window_s": 5.0, "speeds": "0.8+1"})
    assert "It hears the first 4 s of a clip." in slow
    assert "a temperature of 1.50 (1 is none), by which `mmser` divides its logits and the stock" in limits


def test_a_pipeline_of_the_models_own_is_not_said_to_leave_its_temperature():
    card = make_card(calibration={"temperature": 1.5}, files=("pooling.py",))
    assert "a temperature of 1.50 (1 is none).\n" in card


def test_licences_and_papers_of_the_corpora_and_towers_are_named():
    card = make_card(corpora=["ravdess", "tess", "mine"], system="hubert+bert")
    assert "[RAVDESS, speech](https://zenodo.org/records/1188976): licence CC BY-NC-SA 4.0" in card
    assert "- mine: a table of its owner's, on its owner's terms" in card
    citations = card.split("## Citation")[1]
    for author in ("Sharma, V.", "Hsu, W.-N.", "Devlin, J.", "Livingstone", "Pichora-Fuller"):
        assert f"- {author}" in citations
    assert "Radford" not in citations


def test_the_law_is_named():
    ethics = make_card().split("## Ethics")[1]
    assert "**prohibits** inferring the emotions of people at work and in education" in ethics
    assert "5(1)(f)" in ethics


@pytest.mark.parametrize(
    ("system", "files", "call", "clip"),
    [
        ("hubert+bert", ["towers.py"], OWN_PIPELINE, '"text": "kids are talking by the door"})'),
        ("hubert", ["towers.py"], OWN_PIPELINE, '({"array": waveform, "sampling_rate": 16_000})'),
        ("hubert", [], STOCK_PIPELINE, '({"raw": waveform, "sampling_rate": 16_000})'),
    ],
)
def test_usage_is_five_lines_of_python_for_that_very_model(system, files, call, clip):
    blocks = make_card(system=system, files=files).split("```python\n")[1:]
    assert call in blocks[1]
    assert clip in blocks[1]
    for block in blocks:
        code = block.split("```")[0]
        assert len(code.strip().splitlines()) <= 5
        compile(code, "card", "exec")
