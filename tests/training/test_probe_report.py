import json

import pytest

from mmser.training.probe_report import describe_probe, format_probes, probes_to_dict
from mmser.training.probe_tasks import ProbeResult


def make_result(**changes):
    values = {"kind": "text", "reads": "sentences", "predicts": "corpus", "judged_on": "test clips"}
    values |= {"ua": 31.24, "interval": (26.0, 40.0), "chance": 25.0, "n": 1234, "num_speakers": 8}
    return ProbeResult(**values | changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "31.2 where chance is 25.0: fixed sentences let a text tower learn the corpus"),
        ({"predicts": "emotion"}, "a text tower can score without hearing how it is said."),
        ({"interval": (25.0, 40.0)}, "31.2 where chance is 25.0: not told from chance."),
        ({"ua": 10.0, "interval": (5.0, 20.0)}, "10.0 where chance is 25.0: below chance"),
        ({"interval": None, "num_speakers": 1}, "of one speaker, so nothing says how far"),
        ({"ua": None, "skipped": "the corpus has no texts"}, "Left out: the corpus has no texts."),
    ],
)
def test_each_probe_gets_a_sentence(changes, sentence):
    assert sentence in describe_probe(make_result(**changes))


def test_no_sentence_calls_a_corpus_good_or_bad():
    results = [
        make_result(kind=kind, predicts=predicts)
        for kind, predicts in (
            ("corpus", "corpus"),
            ("corpus", "emotion"),
            ("speaker", "speaker"),
            ("speaker", "emotion"),
            ("silence", "emotion"),
            ("silence", "corpus"),
        )
    ]
    text = format_probes(results).lower()
    assert text.count("31.2 where chance is 25.0: ") == 6
    assert not any(word in text for word in ("pass", "fail", "error", "wrong", "bad"))


def test_the_table_gives_the_figures_in_columns():
    lines = format_probes([make_result(), make_result(ua=None, skipped="no texts", left_out=0)]).splitlines()
    assert lines[0].split() == ["probe", "reads", "tells", "UA", "95", "%", "chance", "clips", "speakers"]
    assert " ".join(lines[1].split()) == "text sentences corpus 31.2 26.0 to 40.0 25.0 1,234 8"
    assert lines[3].split() == ["text", "sentences", "corpus", "-", "-", "-", "-", "-"]
    assert lines[4] == "    Left out: no texts."
    assert len(lines[0]) == len(lines[1]) == len(lines[3])


def test_clips_that_were_left_out_are_counted():
    text = format_probes([make_result(left_out=3)])
    assert "3 test clips are left out: their corpus is not among the clips to learn from." in text


@pytest.mark.parametrize(("num_speakers", "is_said"), [(4, True), (5, False)])
def test_few_speakers_make_the_interval_a_rough_one(num_speakers, is_said):
    assert ("rough" in format_probes([make_result(num_speakers=num_speakers)])) == is_said


def test_json_holds_all_fields_and_the_sentence():
    (found,) = json.loads(json.dumps(probes_to_dict([make_result()])))
    assert found["verdict"] == describe_probe(make_result())
    assert (found["ua"], found["interval"], found["chance"], found["n"]) == (31.24, [26.0, 40.0], 25.0, 1234)
