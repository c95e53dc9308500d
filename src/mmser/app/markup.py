"""What the page shows beside its widgets.  answers, scores -> HTML in which all that is foreign is escaped"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mmser.app.answering import Answer
from mmser.hub.model_index import describe_protocol, title_of
from mmser.inference.prediction import UNCERTAIN, ClipWarning, Prediction
from mmser.inference.segments import Segment
from mmser.inference.timeline import Timeline
from mmser.inference.timeline_files import name_label
from mmser.inference.timeline_picture import colour_classes, format_time
from mmser.wording import count_of

LIMITS = (
    "Acted emotion is not felt emotion: the model learnt from actors who speak into studio microphones, and "
    "a score on them says little of your recordings. Inferring emotions of people at work or in education is "
    "prohibited or regulated in the EU (AI Act, articles 5 and 50) and elsewhere. Not for decisions about "
    "people."
)
_TOWERS = {
    "bert": "BERT",
    "gpt2": "GPT-2",
    "hubert": "HuBERT",
    "roberta": "RoBERTa",
    "wav2vec2": "wav2vec 2.0",
    "wavlm": "WavLM",
    "whisper": "Whisper",
    "xlm-roberta": "XLM-R",
}
_OTHERS, _UNSURE = "#b8c2cc", "#8a97a5"  # bars of what is not named, and of nothing named
_MAX_SEGMENTS = 200


def format_answer(answer: Answer, threshold: float, transcriber: str) -> str:
    """The label, how sure it is, a bar a class, the words and what speaks against the answer.

    Args:
        answer: of a clip or of a longer recording.
        threshold: probability from which on a label is given.
        transcriber: who is named above the words.
    """
    if answer.timeline is not None:
        return _wrap(_format_shares(answer.name, answer.timeline))
    prediction = answer.prediction
    if prediction is None:
        return ""
    times = f"{answer.duration_s:.1f} s, {prediction.duration_s:.1f} s of it heard after cleaning"
    parts = [
        _format_head(
            f"{answer.name} · {times}", prediction.label or UNCERTAIN, _say_how_sure(prediction, threshold)
        ),
        format_bars(prediction.probabilities, prediction.label, threshold),
        _format_words(prediction, transcriber),
        format_warnings(prediction.warnings),
    ]
    return _wrap("".join(parts))


def format_bars(shares: Mapping[str, float], named: str | None, threshold: float = 0.0) -> str:
    """A horizontal bar a name, the longest first.

    Args:
        shares: name -> 0 to 1.
        named: the one that is set off in its colour; None for none.
        threshold: where a mark stands in each bar; 0 for none.
    """
    colours = colour_classes([*shares])
    mark = f'<span class="mm-mark" style="left:{100 * threshold:.1f}%"></span>' if threshold else ""
    rows = []
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        colour = colours[name] if name == named else (_OTHERS if named else _UNSURE)
        bar = f'<span class="mm-bar" style="width:{100 * share:.1f}%;background:{colour}"></span>'
        rows.append(
            f"<li{' class=best' if name == named else ''}><span>{escape(name)}</span>"
            f'<span class="mm-track">{bar}{mark}</span><span class="mm-value">{100 * share:.0f} %</span></li>'
        )
    return f'<ul class="mm-bars">{"".join(rows)}</ul>'


def format_warnings(warnings: Sequence[ClipWarning]) -> str:
    """A line each."""
    lines = "".join(f"<li>{escape(warning.message)}</li>" for warning in warnings)
    return f'<ul class="mm-notes">{lines}</ul>' if lines else ""


def format_pictures(pictures: Sequence[bytes], alt: str) -> str:
    """PNG pictures of one thing: one, or a wide one and one for phones."""
    classes = ("",) if len(pictures) == 1 else ("mm-wide", "mm-narrow")
    images = (
        f'<img class="{name}" alt="{escape(alt)}" src="data:image/png;base64,{code.decode()}">'
        for name, code in zip(classes, map(base64.b64encode, pictures), strict=True)
    )
    return _wrap("".join(images))


def format_segments(timeline: Timeline) -> str:
    """A row a stretch of speech: when, what, how sure, which words."""
    colours = colour_classes(timeline.classes)
    spoken = [segment for segment in timeline.segments if segment.speech]
    rows = "".join(_format_segment(segment, colours) for segment in spoken[:_MAX_SEGMENTS])
    left_out = len(spoken) - _MAX_SEGMENTS
    more = f'<p class="mm-faint">… and {left_out:,} more; the file holds all.</p>' if left_out > 0 else ""
    return _wrap(f'<table class="mm-segments"><tbody>{rows}</tbody></table>{more}')


def format_model(metrics: Mapping[str, Any] | None, classes: Sequence[str], run: str) -> str:
    """What the model is and how good it was found to be."""
    facts = {"Model": run, "Emotions": ", ".join(classes)}
    if metrics is None:
        facts["Scores"] = "The model came without metrics.json: how good it is cannot be said."
        return _wrap(_format_facts(facts))
    test = metrics["test"]
    low, high = test["intervals"]["ua"]
    weakest = min(test["recall"], key=test["recall"].__getitem__)
    facts |= {
        "Model": name_system(metrics["system"]),
        "Learnt from": "; ".join(map(title_of, metrics["corpora"])),
        "Measured": f"UA {test['ua']:.1f} % ({low:.1f} to {high:.1f}), WA {test['wa']:.1f} %, on "
        f"{count_of(test['n'], 'test clip')}, {describe_protocol(metrics)}. WA is the share of clips that "
        "are right, UA the mean of that share over the emotions.",
        "Weakest": f"{weakest}, of which it hears {test['recall'][weakest]:.0f} %.",
    }
    return _wrap(_format_facts(facts))


def name_system(system: str) -> str:
    """What people call the towers: whisper+bert is Whisper + BERT."""
    return " + ".join(_TOWERS.get(tower, tower) for tower in system.split("+"))


def format_header(hears_words: bool) -> str:
    """The title, and one line below it."""
    hears = "how something is said, and what is said" if hears_words else "how something is said"
    return _wrap(
        '<h1 class="mm-title">Emotion in speech</h1>'
        f'<p class="mm-faint">A model hears {hears}, and names the emotion. Nothing is kept.</p>'
    )


def format_footer() -> str:
    """Limits and ethics."""
    return _wrap(f'<p class="mm-foot mm-faint">{escape(LIMITS)}</p>')


def _wrap(content: str) -> str:
    return f'<div class="mm">{content}</div>'


def _format_head(over: str, label: str, sure: str) -> str:
    return (
        f'<p class="mm-over">{escape(over)}</p><div class="mm-head" role="status">'
        f'<span class="mm-label">{escape(label.capitalize())}</span>'
        f'<span class="mm-sure">{escape(sure)}</span></div>'
    )


def _say_how_sure(prediction: Prediction, threshold: float) -> str:
    if prediction.label is None:
        return (
            f"perhaps {prediction.best}, {100 * prediction.confidence:.0f} %; an emotion is named from "
            f"{100 * threshold:.0f} % on"
        )
    return f"{100 * prediction.confidence:.0f} %"


def _format_words(prediction: Prediction, transcriber: str) -> str:
    if not prediction.transcript:
        return ""
    return (
        f'<div class="mm-block"><p class="mm-over">{escape(transcriber)}</p>'
        f'<p class="mm-quote">“{escape(prediction.transcript)}”</p></div>'
    )


def _format_shares(name: str, timeline: Timeline) -> str:
    """Of a longer recording: which label lasts longest, and what share of speech each has."""
    seconds: dict[str, float] = {}
    for segment in (each for each in timeline.segments if each.speech):
        label = name_label(segment)
        seconds[label] = seconds.get(label, 0.0) + segment.duration_s
    spoken_s = sum(seconds.values())
    over = f"{name} · {format_time(timeline.duration_s)}, {format_time(spoken_s)} of it speech"
    if not spoken_s:
        return _format_head(over, "No speech", "nobody is heard to speak in it")
    longest = max(seconds, key=seconds.__getitem__)
    shares = {label: value / spoken_s for label, value in seconds.items()}
    most = f"{100 * shares[longest]:.0f} % of the speech"
    if shares[longest] > 0.5:
        return _format_head(over, f"Mostly {longest}", most) + format_bars(shares, longest)
    return _format_head(over, "Mixed", f"most often {longest}, {most}") + format_bars(shares, longest)


def _format_segment(segment: Segment, colours: Mapping[str, str]) -> str:
    colour = colours.get(segment.label or "", _OTHERS)
    sure = f" {100 * segment.probabilities[segment.label]:.0f} %" if segment.label else ""
    cells = (
        format_time(segment.start_s),
        f'<span class="mm-dot" style="background:{colour}"></span>{escape(name_label(segment))}{sure}',
        escape(segment.transcript or ""),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _format_facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f'<dl class="mm-facts">{rows}</dl>'
