import json

from mmser.cli import main
from mmser.corpora import CORPORA


def test_the_table_names_each_corpus_with_its_figures(capsys):
    assert main(["corpora"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "title", "language", "licence", "speakers", "clips"]
    starts = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert starts == list(CORPORA) == sorted(CORPORA)
    ravdess = next(line for line in lines if line.startswith("ravdess "))
    assert ravdess.split()[-2:] == ["24", "1,440"]
    assert "CC BY-NC-SA 4.0" in ravdess


def test_below_each_corpus_stand_its_emotions_and_how_to_get_it(capsys):
    main(["corpora"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    song = next(number for number, line in enumerate(lines) if line.startswith("ravdess-song "))
    assert lines[song + 1] == "emotions: angry, calm, fearful, happy, neutral, sad"
    assert lines[song + 2] == "page: https://zenodo.org/records/1188976"
    assert lines[song + 3].startswith("get it: Run `mmser download ravdess-song`")


def test_columns_stand_under_their_titles(capsys):
    main(["corpora"])
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert len({len(line) for line in lines}) == 1
    at = lines[0].index("language")
    assert [line[at : at + 2] for line in lines[1:]] == [each.info.language for each in CORPORA.values()]


def test_json_holds_the_same_and_says_what_can_be_downloaded(capsys):
    assert main(["corpora", "--json"]) == 0
    corpora = {corpus["name"]: corpus for corpus in json.loads(capsys.readouterr().out)}
    downloadable = {name: corpus["downloadable"] for name, corpus in corpora.items()}
    assert downloadable | {"ravdess": True, "tess": True, "iemocap": False, "savee": False} == downloadable
    tess = corpora["tess"]
    assert (tess["title"], tess["language"], tess["licence"]) == ("TESS", "en", "CC BY-NC-ND 4.0")
    assert (tess["speakers"], tess["clips"]) == (2, 2800)
    assert tess["emotions"] == ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]
    assert tess["citation"].startswith("Pichora-Fuller")
