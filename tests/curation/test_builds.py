"""Several corpora at once, corpora with tables of a user, and corpora of clips with several classes."""

import csv
import json
from collections import Counter

import pytest

import mmser
from factories_audio import make_speech, write_clip
from mmser.curation import preparing, store
from mmser.curation.audit import audit
from mmser.curation.builder import build_corpora
from mmser.errors import OutputExistsError, SettingsError

EKMAN = ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]


@pytest.fixture
def build_all(small_root, shared_cache, tmp_path):
    def _build(name="out", root=small_root, **changes):
        usual = {
            "folds": 3,
            "transcripts": "none",
            "num_proc": 1,
            "cache_dir": shared_cache,
            "balance_to": "none",
        }
        return build_corpora(root, tmp_path / name, **(usual | changes))

    return _build


@pytest.fixture
def table(tmp_path):
    """Write a table of 6 speakers who say "yes" happily and "no" sadly, and its recordings."""

    def _write(name="mine.csv", extra=lambda speaker, word: {}):
        rows = []
        for speaker in range(6):
            for word, emotion in (("yes", "joy"), ("no", "grief")):
                path = tmp_path / "takes" / f"{speaker}-{word}.wav"
                write_clip(path, make_speech(seed=500 + 2 * speaker + (word == "no")))
                row = {
                    "path": f"takes/{path.name}",
                    "emotion": emotion,
                    "speaker": f"s{speaker}",
                    "text": word,
                }
                rows.append(row | extra(speaker, word))
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    return _write


def _record(folder):
    return json.loads((folder / "corpus.json").read_text())


def _dropped(folder):
    with (folder / "dropped.csv").open(newline="") as file:
        return {row["id"]: row["reason"] for row in csv.DictReader(file)}


def test_several_protocols_and_folds_clean_and_transcribe_each_clip_once(
    build_all, tmp_path, monkeypatch, fake_listener
):
    cleaned = Counter()
    clean_waveform = store.clean_waveform

    def clean(waveform, *rest):
        cleaned[waveform.tobytes()] += 1
        return clean_waveform(waveform, *rest)

    monkeypatch.setattr(store, "clean_waveform", clean)
    places = build_all(
        protocols=("speaker", "stratified", "paper"),
        fold_numbers="all",
        transcripts="whisper",
        cache_dir=tmp_path / "cache",
        corpora=("ravdess", "savee"),
        balance_to="12",
    )
    names = ["speaker-fold0", "speaker-fold1", "speaker-fold2", "stratified", "paper"]
    assert places == [tmp_path / "out" / name for name in names]
    assert len(cleaned) == 54  # 42 RAVDESS and 12 SAVEE clips of the seven classes
    assert set(cleaned.values()) == {1}
    assert sum(fake_listener.heard) == 54
    for place in places:
        assert set(mmser.load_corpus(place)["test"]["transcript"]) == {"base en"}


def test_each_corpus_of_several_is_the_one_that_is_built_alone(build_all, build):
    first, second = build_all(protocols=("speaker", "stratified"), fold_numbers=(1,))
    assert _record(first) == _record(build("alone", fold=1, balance_to="none"))
    assert _record(second) == _record(build("other", protocol="stratified", balance_to="none"))


def test_one_protocol_and_fold_writes_the_folder_itself(build_all, tmp_path):
    assert build_all(protocols=("stratified",), fold_numbers="all") == [tmp_path / "out"]
    assert (tmp_path / "out" / "corpus.json").is_file()


def test_all_folds_of_corpus_are_the_corpora_that_are_there(build_all, tmp_path):
    places = build_all(protocols=("corpus",), fold_numbers="all")  # of the five asked for, three are there
    assert [place.name for place in places] == ["corpus-fold0", "corpus-fold1", "corpus-fold2"]
    for place, held_out in zip(places, ("ravdess", "savee", "tess"), strict=True):
        corpus = mmser.load_corpus(place)
        assert set(corpus["test"]["corpus"]) == {held_out}
        assert held_out not in {*corpus["train"]["corpus"], *corpus["validation"]["corpus"]}
        speakers = [set(corpus[split]["speaker"]) for split in ("train", "validation")]
        assert not speakers[0] & speakers[1]
        settings = _record(place)["settings"]
        assert (settings["folds"], settings["protocol"]) == (3, "corpus")
        assert f"Held out for test: {held_out}." in (place / "README.md").read_text()


def test_a_class_that_a_fold_cannot_learn_is_named_in_card_and_drops(build_all):
    (folder,) = build_all(protocols=("corpus",), fold_numbers=(0,))
    calm = {f"ravdess/03-01-02-01-01-01-{actor:02d}" for actor in range(1, 7)}
    assert {name for name, reason in _dropped(folder).items() if reason == "class-not-trained"} == calm
    assert (
        "Class calm has no training clip: evaluation goes without it (6 clips left out)"
        in (folder / "README.md").read_text()
    )
    counts = _record(folder)["counts"]
    assert counts["train"] + counts["validation"] + counts["test"] == counts["clean"] - 6


def test_a_fold_of_a_corpus_that_is_not_there_is_an_error(build_all):
    with pytest.raises(SettingsError, match="Fold 4 of 3: protocol 'corpus' has the folds 0 to 2"):
        build_all(protocols=("corpus",), fold_numbers=(4,))


def test_nothing_is_written_where_one_of_several_cannot_be_planned(build_all, tmp_path):
    with pytest.raises(mmser.errors.EmptySplitError, match=r"^text: Protocol 'text' leaves the test"):
        build_all(protocols=("stratified", "text"), corpora=("ravdess",))
    assert not (tmp_path / "out").exists()


def test_several_are_not_written_into_a_corpus(build_all, build):
    build()
    with pytest.raises(OutputExistsError, match="is a corpus itself, and several are to be written below it"):
        build_all(protocols=("speaker", "stratified"))


def test_one_of_several_that_is_there_already_stops_the_build_before_it_begins(build_all, monkeypatch):
    build_all(protocols=("speaker", "stratified"))
    monkeypatch.setattr(preparing, "read_clips", None)
    with pytest.raises(OutputExistsError, match=r"stratified: holds a corpus already"):
        build_all(protocols=("stratified", "paper"))


def test_a_table_is_mixed_with_known_corpora_and_its_place_is_not_recorded(build_all, table, tmp_path):
    (folder,) = build_all(
        corpora=("ravdess", f"csv:{table()}"), emotion_map="joy=happy,grief=sad", transcripts="reference"
    )
    record = _record(folder)
    assert record["settings"]["corpora"] == ["mine", "ravdess"]
    assert record["counts_by_corpus_and_class"]["clean"]["mine"] == {"happy": 6, "sad": 6}
    rows = [row for split in mmser.load_corpus(folder).values() for row in split if row["corpus"] == "mine"]
    assert {(row["id"], row["speaker"], row["transcript"]) for row in rows} == {
        (f"mine/{n}-{word}", f"mine/s{n}", word) for n in range(6) for word in ("yes", "no")
    }
    card = (folder / "README.md").read_text()
    assert "**mine** (`mine`): licence as its owner says." in card
    assert str(tmp_path) not in card + (folder / "corpus.json").read_text()


def test_the_split_column_of_tables_divides_them(build_all, table):
    splits, emotions = ("train", "dev", "test"), ("angry", "happy", "neutral", "sad")

    def number(speaker, word):
        return 2 * speaker + (word == "no")  # 0 to 11: four clips a split, one of each class

    path = table(
        extra=lambda *clip: {"split": splits[number(*clip) // 4], "emotion": emotions[number(*clip) % 4]}
    )
    (folder,) = build_all(corpora=(f"csv:{path}",), protocols=("given",), scheme="iemocap4")
    corpus = mmser.load_corpus(folder)
    assert sorted(corpus["train"]["speaker"]) == ["mine/s0", "mine/s0", "mine/s1", "mine/s1"]
    assert set(corpus["validation"]["speaker"]) == {"mine/s2", "mine/s3"}
    assert set(corpus["test"]["speaker"]) == {"mine/s4", "mine/s5"}


def test_given_refuses_corpora_that_state_no_split(build_all, table):
    with pytest.raises(
        SettingsError, match=r"'given' takes the column 'split' of users' tables; ravdess have none"
    ):
        build_all(
            protocols=("given",), corpora=("ravdess", f"csv:{table()}"), emotion_map="joy=happy,grief=sad"
        )


def test_german_clips_transcribed_as_english_are_warned_of(build_all, tmp_path, fake_listener, caplog):
    root = tmp_path / "root"
    for seed, (speaker, text, emotion) in enumerate(
        (speaker, text, emotion)
        for speaker in ("03", "08", "09")
        for text in ("a01", "b01")
        for emotion in "WTFN"
    ):
        write_clip(root / f"{speaker}{text}{emotion}a.wav", make_speech(seed=700 + seed))
    usual = {"root": root, "corpora": ("emodb",), "scheme": "iemocap4", "transcripts": "whisper"}
    (english,) = build_all("english", **usual)
    (remark,) = _record(english)["remarks"]
    assert remark.startswith("emodb is spoken in 'de' and transcribed as 'en': do not trust its transcripts")
    assert remark in caplog.text
    assert remark in (english / "README.md").read_text()
    caplog.clear()
    (german,) = build_all("german", language="de", **usual)
    assert _record(german)["remarks"] == []
    assert "spoken in" not in caplog.text


@pytest.fixture
def voted_root(tmp_path):
    """Four CREMA-D actors with six clips each and what raters heard in them, and two RAVDESS clips."""
    votes = {
        "ANG": "9,0,0,0,1,0",  # angry
        "DIS": "3,5,0,0,0,2",  # disgust
        "FEA": "0,0,4,0,4,0",  # fearful, neutral
        "HAP": "0,0,0,6,2,0",  # happy
        "NEU": "2,2,2,0,2,0",  # four: left out
        "SAD": "3,0,3,0,0,3",  # angry, fearful, sad
    }
    lines = ['"","A","D","F","H","N","S","fileName"']
    names = [f"{actor}_IEO_{code}_XX" for actor in (1001, 1002, 1003, 1004) for code in votes]
    for number, name in enumerate(names):
        write_clip(tmp_path / "root" / f"{name}.wav", make_speech(seed=900 + number))
        lines.append(f'"1{number:05d}",{votes[name[9:12]]},"{name}"')
    (tmp_path / "root" / "tabulatedVotes.csv").write_text("\n".join(lines))
    for actor in ("01", "02", "03"):
        for code in ("02", "08"):  # calm, surprised
            path = tmp_path / "root" / f"03-01-{code}-01-01-01-{actor}.wav"
            write_clip(path, make_speech(seed=950 + int(actor + code)))
    return tmp_path / "root"


def test_clips_of_several_classes_are_built_audited_and_loaded(build_all, voted_root):
    (folder,) = build_all(
        root=voted_root, corpora=("cremad", "ravdess"), scheme="ekman7-multi", balance_to=None, folds=4
    )
    corpus = mmser.load_corpus(folder)
    names = corpus["train"].features["label"].names
    assert names == EKMAN
    rows = {row["id"]: row for split in corpus.values() for row in split}
    assert {row["label"] for row in rows.values()} == {None}
    found = {clip_id[-6:-3]: [names[index] for index in row["labels"]] for clip_id, row in rows.items()}
    assert {code: found[code] for code in ("ANG", "FEA", "SAD")} == {
        "ANG": ["angry"],
        "FEA": ["fearful", "neutral"],
        "SAD": ["angry", "fearful", "sad"],
    }
    assert {name: why for name, why in _dropped(folder).items() if why != "not-in-scheme"} == {
        f"cremad/{actor}_IEO_NEU_XX": "too-many-emotions" for actor in (1001, 1002, 1003, 1004)
    }
    assert rows["cremad/1001_IEO_DIS_XX"]["votes"] == [
        {"emotion": "angry", "count": 3},
        {"emotion": "disgust", "count": 5},
        {"emotion": "sad", "count": 2},
    ]
    assert not audit(corpus, ("speaker", "source", "audio", "copy")).broken
    record = _record(folder)
    assert record["counts"]["clean"] == 4 * 5 + 3 == len(rows)
    # of an actor: angry in ANG and SAD, fearful in FEA and SAD
    assert record["counts_by_corpus_and_class"]["clean"]["cremad"] == {
        "angry": 8,
        "disgust": 4,
        "fearful": 8,
        "happy": 4,
        "neutral": 4,
        "sad": 4,
    }
    assert record["remarks"] == ["One class a clip, since there are no raters' votes: ravdess."]
    table = (folder / "tables" / "2_cleaned.csv").read_text().splitlines()
    assert table[1:] == ["cremad,8,4,8,4,4,4,0,20", "ravdess,0,0,0,0,0,0,3,3", "all,8,4,8,4,4,4,3,23"]


def test_only_cleaning_transcribing_and_copies_show_a_bar(build_all, capfd):
    build_all(protocols=("stratified",), balance_to="12")
    shown = {
        line.split(":")[0].strip()
        for line in capfd.readouterr().err.replace("\r", "\n").split("\n")
        if "%" in line
    }
    assert shown >= {"Cleaning", "Making copies of train"}
    assert not [name for name in shown if "Parquet" in name or "Casting" in name or "validation" in name]
