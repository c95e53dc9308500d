import json

import pytest

from factories_corpus import write_corpus
from mmser.cli import main


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return str(write_corpus(tmp_path_factory.mktemp("corpus") / "tones", num_train=24))


def test_a_corpus_is_probed_into_a_table(corpus, capsys):
    assert main(["probe", corpus, "--kinds", "text", "corpus", "--num-proc", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{corpus}: protocol speaker"
    assert lines[1].split()[:4] == ["probe", "reads", "tells", "UA"]
    # every third clip is of tess, and those alone are angry; happy and sad share ravdess
    row = next(line for line in lines if "corpus name" in line)
    assert "66.7" in row
    assert "33.3" in row


def test_the_same_as_json_and_kinds_with_commas(corpus, capsys):
    assert main(["probe", corpus, "--kinds", "text,corpus", "--num-proc", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["corpus"], found["protocol"]) == (corpus, "speaker")
    assert found["corpus_fingerprint"] == "tones-24-12"
    by_corpus = next(each for each in found["probes"] if each["reads"] == "corpus name")
    assert by_corpus["ua"] == pytest.approx(66.6667, abs=1e-4)
    assert by_corpus["chance"] == pytest.approx(33.3333, abs=1e-4)
    assert by_corpus["verdict"].startswith("66.7 where chance is 33.3: ")


def test_all_kinds_are_probed_unless_some_are_named(corpus, capsys):
    assert main(["probe", corpus, "--num-proc", "1", "--json"]) == 0
    kinds = [each["kind"] for each in json.loads(capsys.readouterr().out)["probes"]]
    assert list(dict.fromkeys(kinds)) == ["text", "corpus", "speaker", "silence"]


def test_an_unknown_kind_is_wrong_usage(corpus, capsys):
    assert main(["probe", corpus, "--kinds", "sielnce"]) == 2
    assert "Did you mean 'silence'" in capsys.readouterr().err


def test_a_missing_corpus_is_code_1(tmp_path, capsys):
    assert main(["probe", str(tmp_path / "gone")]) == 1
    assert "gone: no such folder, expected a corpus" in capsys.readouterr().err
