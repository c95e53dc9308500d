import json

from mmser.corpora import get_corpus
from mmser.curation.doctor_report import (
    Census,
    CorpusReport,
    Finding,
    RootReport,
    make_finding,
    sort_findings,
)

NOTE = make_finding("clipped", "note", ["a.wav"], "Clipped", "")
WARNING = make_finding("silent", "warning", [f"{n}.wav" for n in range(1200)], "Files of silence", "Listen.")
ERROR = Finding("labels", "error", 1, "x.txt: is broken.", (), "A build stops there.")
SAVEE = get_corpus("savee").info


def report(*findings, num_found=480, census=None):
    return CorpusReport(SAVEE, num_found, census or Census((), 0, (), 0), sort_findings(findings))


def test_a_corpus_is_drawn_with_the_worst_first_and_three_examples():
    assert str(report(NOTE, WARNING, ERROR)) == (
        "SAVEE (savee): 480 of 480 clips, complete\n"
        "  error    x.txt: is broken.\n"
        "           A build stops there.\n"
        "  warning  Files of silence: 1,200.\n"
        "             0.wav\n"
        "             1.wav\n"
        "             2.wav\n"
        "             and 1,197 more\n"
        "           Listen.\n"
        "  note     Clipped: 1.\n"
        "             a.wav"
    )


def test_the_heading_tells_missing_from_extra():
    # 470 found, of which 2 are none of the 480 published: 468 are, 12 are missing
    census = Census(("DC_a01",), 12, ("DC_a99", "DC_a98"), 2)
    assert str(report(num_found=470, census=census)) == "SAVEE (savee): 468 of 480 clips, 12 missing, 2 extra"
    assert str(report(num_found=0, census=Census((), 480, (), 0))) == "SAVEE (savee): not there"


def test_a_folder_is_drawn_with_the_corpora_its_own_findings_and_a_verdict():
    assert str(RootReport("data", (report(),), (NOTE, WARNING))) == (
        "SAVEE (savee): 480 of 480 clips, complete\n\n"
        "data:\n"
        "  note     Clipped: 1.\n"
        "             a.wav\n"
        "  warning  Files of silence: 1,200.\n"
        "             0.wav\n"
        "             1.wav\n"
        "             2.wav\n"
        "             and 1,197 more\n"
        "           Listen.\n\n"
        "0 errors, 1 warning, 1 note: nothing here would spoil a build."
    )


def test_an_error_anywhere_is_a_bad_verdict():
    assert RootReport("data", (report(WARNING, NOTE),), (WARNING,)).ok
    for bad in (RootReport("data", (report(ERROR),), ()), RootReport("data", (report(),), (ERROR,))):
        assert not bad.ok
        assert str(bad).endswith("1 error, 0 warnings, 0 notes: a build would be spoilt.")


def test_json_has_every_missing_name():
    census = Census(tuple(f"DC_a{n:02}" for n in range(1, 11)), 10, ("DC_a99",), 1)
    found = json.loads(
        json.dumps(RootReport("data", (report(ERROR, num_found=471, census=census),), ()).to_dict())
    )
    assert found == {
        "root": "data",
        "ok": False,
        "corpora": [
            {
                "name": "savee",
                "title": "SAVEE",
                "complete": False,
                "published": 480,
                "found": 471,
                "missing": 10,
                "extra": 1,
                "missing_names": [f"DC_a{n:02}" for n in range(1, 11)],
                "extra_names": ["DC_a99"],
                "findings": [
                    {
                        "kind": "labels",
                        "severity": "error",
                        "count": 1,
                        "message": "x.txt: is broken.",
                        "examples": [],
                        "remedy": "A build stops there.",
                    }
                ],
            }
        ],
        "findings": [],
    }
