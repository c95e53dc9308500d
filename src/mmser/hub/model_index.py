"""Scores as the Hub reads them.  metrics.json -> results of a model-index

Each figure names its corpus, split, protocol and fold, and whether the protocol leaks. Percent, as in the
papers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from huggingface_hub import EvalResult

from mmser.corpora import CORPORA
from mmser.evaluation.summary import describe_folds

TASK = "audio-classification"
_SCORES = (  # key in metrics.json, the Hub's metric, its name
    ("ua", "balanced_accuracy", "UA, unweighted accuracy (%)"),
    ("wa", "accuracy", "WA, weighted accuracy (%)"),
    ("ua_plus_wa", "ua_plus_wa", "UA+WA (of 200)"),
    ("macro_f1", "f1", "macro-F1 (%)"),
)


def list_results(metrics: Mapping[str, Any]) -> list[EvalResult]:
    """UA, WA, UA+WA and macro-F1 of the test split: of all its clips, then of each corpus.

    Args:
        metrics: what metrics.json holds; runs of an older mmser have no macro-F1 of a corpus.
    """
    test = metrics["test"]
    results = list(_list_group(metrics, "+".join(test["per_corpus"]) or "emotional-speech", test))
    for corpus, scores in test["per_corpus"].items():
        results += _list_group(metrics, corpus, scores)
    return results


def title_of(corpus: str) -> str:
    """A corpus's title; the name itself of a table that mmser does not know."""
    return CORPORA[corpus].info.title if corpus in CORPORA else corpus


def join_titles(corpora: Iterable[str]) -> str:
    """Titles in a row; some hold commas themselves."""
    return " + ".join(map(title_of, corpora))


def describe_protocol(metrics: Mapping[str, Any]) -> str:
    """How scores were measured: "protocol paper, which leaks: too high"."""
    parts = [f"protocol {metrics['protocol']}", describe_folds(metrics)]
    text = ", ".join(part for part in parts if part)
    return f"{text}, which leaks: too high" if metrics["leaks"] else text


def _list_group(metrics: Mapping[str, Any], corpora: str, scores: Mapping[str, Any]) -> Iterator[EvalResult]:
    title = join_titles(corpora.split("+"))
    intervals = scores.get("intervals", {})
    for key, kind, name in _SCORES:
        value = scores["ua"] + scores["wa"] if key == "ua_plus_wa" else scores.get(key)
        if value is None:
            continue
        yield EvalResult(
            task_type=TASK,
            task_name="Speech emotion recognition",
            dataset_type=corpora,
            dataset_name=f"{title} ({describe_protocol(metrics)}; {scores['n']:,} test clips)",
            dataset_config=metrics["protocol"],
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=round(value, 2),
            metric_args={"interval_95": [round(bound, 2) for bound in intervals[key]]}
            if key in intervals
            else None,
        )
