"""Write a model's card.  metrics.json -> README.md: nothing in it is typed by hand"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCardData

from mmser.corpora import CORPORA
from mmser.curation.splitting import PROTOCOLS
from mmser.evaluation.layout import markdown_table
from mmser.evaluation.summary import SCORE_HEADER, score_rows
from mmser.hub.citations import ENCODERS, SYSTEM
from mmser.hub.model_index import TASK, describe_protocol, join_titles, list_results, title_of
from mmser.models.fusion.speeds import parse_speeds
from mmser.wording import count_of

_FEW_CLIPS = 30  # of a corpus or class in the test split: one clip moves its score by more than 3 points
_TOWERS = ("audio_encoder", "text_encoder")
_INTERVAL = "the interval holds 95 % of the resamples of a bootstrap over test speakers"
_ETHICS = """\
Emotion recognition from voice touches people's dignity and is regulated. In the European Union the AI Act
(Regulation (EU) 2024/1689) **prohibits** inferring the emotions of people at work and in education (article
5(1)(f), with exceptions for medical and safety reasons); elsewhere such systems are high-risk (annex III,
1(c)), and people exposed to one must be told (article 50(3)). Other countries have rules of their own.

What the model names is how an actor was asked to sound, not what a person feels. Do not use it to judge,
select, monitor or diagnose anybody."""


def make_model_card(metrics: Mapping[str, Any], name: str, files: Sequence[str] = ()) -> str:
    """Write the card of a model.

    Args:
        metrics: what metrics.json holds.
        name: on the Hub, "user/name".
        files: names of what stands beside the card: pictures, which it shows, and code of the model's own.

    Returns:
        Markdown with a YAML header that the Hub reads, model-index included.
    """
    brings_code = any(file.endswith(".py") for file in files)
    pictures = [file for file in files if file.endswith(".png")]
    sections = [
        f"---\n{_header(metrics, name, brings_code=brings_code).to_yaml()}\n---",
        f"# {name.partition('/')[2]}",
        _say_leaks(metrics),
        _summary(metrics),
        _usage(metrics, name, brings_code=brings_code),
        _scores(metrics, pictures),
        _corpora(metrics),
        _limits(metrics, brings_code=brings_code),
        f"## Ethics\n\n{_ETHICS}",
        _training(metrics),
        _citations(metrics),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def reads_text(metrics: Mapping[str, Any]) -> bool:
    """Whether the model reads what is said: its system is named after two towers."""
    return "+" in metrics["system"]


def _header(metrics: Mapping[str, Any], name: str, *, brings_code: bool) -> ModelCardData:
    languages = {CORPORA[name].info.language for name in metrics["corpora"] if name in CORPORA}
    return ModelCardData(
        model_name=name.partition("/")[2],
        language=sorted(languages) or None,
        license="other",
        license_name="terms-of-each-corpus",
        library_name="transformers",
        pipeline_tag=TASK,
        tags=["speech-emotion-recognition", "mmser", *(["custom_code"] if brings_code else [])],
        base_model=_base_models(metrics) or None,
        metrics=["accuracy", "f1"],
        eval_results=list_results(metrics),
    )


def _base_models(metrics: Mapping[str, Any]) -> list[str]:
    """The towers' names on the Hub; none for a folder, as the tower of another run is."""
    names = [str(metrics["settings"].get(tower) or "") for tower in _TOWERS]
    return [
        name for name in names if name.count("/") == 1 and name[0] not in "./~" and not Path(name).exists()
    ]


def _say_leaks(metrics: Mapping[str, Any]) -> str:
    if not metrics["leaks"]:
        return ""
    return "\n".join(
        [
            f"> **These scores are too high: protocol `{metrics['protocol']}` leaks.** What the model was",
            "> judged or chosen on shares with what it learnt from what it should not. Do not compare them",
            "> with scores of a protocol that keeps its splits apart.",
            ">",
            *(f"> - {leak}" for leak in metrics["leaks"]),
        ]
    )


def _summary(metrics: Mapping[str, Any]) -> str:
    test = metrics["test"]
    classes = sorted([*test["recall"], *test["absent_classes"]])
    hears = (
        "Hears a clip of speech, reads its transcript" if reads_text(metrics) else "Hears a clip of speech"
    )
    protocol = PROTOCOLS.get(metrics["protocol"])
    figures = ", ".join(
        f"{title} {test[key]:.1f} ({test['intervals'][key][0]:.1f} to {test['intervals'][key][1]:.1f})"
        for key, title in (("ua", "UA"), ("wa", "WA"), ("ua_plus_wa", "UA+WA"))
    )
    return (
        f"{hears}, and gives the probability of {len(classes)} acted emotions: {', '.join(classes)}.\n\n"
        f"Measured under {describe_protocol(metrics)}. {protocol.summary if protocol else ''}\n"
        f"On {count_of(test['n'], 'test clip')} of {join_titles(metrics['corpora'])}, in "
        f"percent: **{figures}**, macro-F1 {test['macro_f1']:.1f}; {_INTERVAL}."
    )


def _usage(metrics: Mapping[str, Any], name: str, *, brings_code: bool) -> str:
    task, options, clip = TASK, "top_k=None", '{"raw": waveform, "sampling_rate": 16_000}'
    if brings_code:
        task, options = "speech-emotion-recognition", "trust_remote_code=True"
        text = ', "text": "kids are talking by the door"' if reads_text(metrics) else ""
        clip = f'{{"array": waveform, "sampling_rate": 16_000{text}}}'
    return f"""\
## Use

With the package `mmser` any recording will do: it is cleaned as the model's corpus was\
{", and Whisper listens" if reads_text(metrics) else ""}.

```python
from mmser import EmotionRecognizer

recognizer = EmotionRecognizer.from_pretrained("{name}")
(prediction,) = recognizer.predict(["clip.wav"])
print(prediction.label, prediction.probabilities)
```

Without it, for clips that you prepare as `preprocessing` in config.json says (16 kHz, one channel, noise
reduced, silence cut; `waveform` is a float32 array):

```python
from transformers import pipeline

classify = pipeline("{task}", model="{name}", {options})
print(classify({clip}))
```"""


def _scores(metrics: Mapping[str, Any], pictures: Sequence[str]) -> str:
    test = metrics["test"]
    corpora = [
        (
            title_of(name),
            *(_figure(row, key) for key in ("ua", "wa", "ua_plus_wa", "macro_f1")),
            f"{row['n']:,}",
        )
        for name, row in test["per_corpus"].items()
    ]
    recalls = [(name, f"{recall:.2f}") for name, recall in test["recall"].items()]
    parts = [
        "## Scores",
        f"Percent. UA is the mean of the class recalls, WA the share of clips that are right; {_INTERVAL}.",
        markdown_table(SCORE_HEADER, score_rows(metrics)),
        markdown_table(("test clips of", "UA", "WA", "UA+WA", "macro-F1", "clips"), corpora)
        if corpora
        else "",
        markdown_table(("class", "recall"), recalls),
        *(f"![{Path(picture).stem.replace('_', ' ')}]({picture})" for picture in pictures),
        "All figures: [metrics.json](metrics.json), [report.md](report.md).",
    ]
    return "\n\n".join(part for part in parts if part)


def _figure(row: Mapping[str, Any], key: str) -> str:
    if key == "ua_plus_wa":
        return f"{row['ua'] + row['wa']:.2f}"
    return f"{row[key]:.2f}" if key in row else ""  # runs were once stored without macro-F1 of a corpus


def _corpora(metrics: Mapping[str, Any]) -> str:
    lines = []
    for name in metrics["corpora"]:
        if name in CORPORA:
            info = CORPORA[name].info
            lines.append(f"- [{info.title}]({info.url}): licence {info.license}")
        else:
            lines.append(f"- {name}: a table of its owner's, on its owner's terms")
    return (
        "## Trained on, and licence\n\n"
        + "\n".join(lines)
        + "\n\nA model inherits the terms of what it learnt from: use it as all of these allow, and not for "
        "money where one of them forbids that. The encoders have licences of their own."
    )


def _limits(metrics: Mapping[str, Any], *, brings_code: bool) -> str:
    test = metrics["test"]
    weakest = min(test["recall"], key=test["recall"].__getitem__)
    few = [name for name, row in test["per_corpus"].items() if row["n"] < _FEW_CLIPS]
    lines = [
        "Acted emotion is not felt emotion: actors spoke prompted sentences into studio microphones. A score "
        "on them says little of life; expect less on other voices, rooms, languages and microphones.",
        f"Weakest class: {weakest}, of which {test['recall'][weakest]:.1f} % are heard.",
        "As a pipeline it always names one of its classes, also for noise, silence or an emotion that it "
        "never met.",
    ]
    if metrics["system"].startswith("whisper") and "window_s" in metrics["settings"]:
        slowest = min(parse_speeds(metrics["settings"].get("speeds", "1")))
        lines.append(f"It hears the first {slowest * metrics['settings']['window_s']:g} s of a clip.")
    if test["absent_classes"]:
        lines.append(
            f"Never tested: {', '.join(test['absent_classes'])}, of which the test split has no clip."
        )
    if few:
        lines.append(
            f"Fewer than {_FEW_CLIPS} test clips, so that their scores say little: {join_titles(few)}."
        )
    calibration = (metrics.get("calibration") or {}).get("temperature")
    if calibration:
        who = "" if brings_code else ", by which `mmser` divides its logits and the stock pipeline does not"
        lines.append(f"Its probabilities are fit by a temperature of {calibration:.2f} (1 is none){who}.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _training(metrics: Mapping[str, Any]) -> str:
    parameters = metrics["num_parameters"]
    facts = [
        f"System `{metrics['system']}`",
        f"{parameters:,} parameters" if parameters is not None else "",
        f"scheme `{metrics['scheme']}`",
        f"corpus fingerprint `{metrics['corpus_fingerprint']}`" if metrics["corpus_fingerprint"] else "",
        f"seed {metrics['seed']}",
    ]
    settings = yaml.safe_dump(dict(metrics["settings"]), sort_keys=True, allow_unicode=True)
    return f"## How it was trained\n\n{', '.join(filter(None, facts))}.\n\n```yaml\n{settings}```"


def _citations(metrics: Mapping[str, Any]) -> str:
    towers = [ENCODERS[kind] for kind in metrics["system"].split("+") if kind in ENCODERS]
    corpora = [CORPORA[name].info.citation for name in metrics["corpora"] if name in CORPORA]
    return "## Citation\n\n" + "\n".join(f"- {text}" for text in dict.fromkeys([SYSTEM, *towers, *corpora]))
