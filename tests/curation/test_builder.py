import csv
import json
import shutil
import sys
from collections import Counter

import numpy as np
import pytest
import yaml
from datasets import load_dataset

import mmser
from factories_audio import make_speech, write_clip, write_damaged_files, write_small_root
from mmser.audio.io import hash_waveform
from mmser.curation import preparing, store
from mmser.curation.schema import decode_audio

CLASSES = ["angry", "calm", "disgust", "fearful", "happy", "sad", "surprised"]


@pytest.fixture(autouse=True)
def _no_torchcodec(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)


def _record(folder):
    return json.loads((folder / "corpus.json").read_text())


def _dropped(folder):
    with (folder / "dropped.csv").open(newline="") as file:
        return {row["id"]: (row["step"], row["reason"]) for row in csv.DictReader(file)}


def test_a_corpus_loads_and_indexes_offline_without_torchcodec(build):
    corpus = mmser.load_corpus(build())
    row = corpus["train"][0]
    waveform = decode_audio(row["audio"])
    assert corpus["train"].features["label"].names == CLASSES
    assert row["duration_s"] == pytest.approx(len(waveform) / 16_000)
    assert row["sha256"] == hash_waveform(waveform)
    assert waveform.dtype == np.float32


def test_a_corpus_is_a_dataset_of_the_hub(build, tmp_path):
    folder = build()
    rows = load_dataset(str(folder), split="validation", cache_dir=str(tmp_path / "hub"))
    assert rows.features["label"].names == CLASSES
    header = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    assert header["task_categories"] == ["audio-classification"]


def test_speakers_are_in_one_split_and_classes_of_train_are_equal(build):
    folder = build()
    corpus = mmser.load_corpus(folder)
    # 6 RAVDESS speakers in 3 blocks of 2; the 2 of SAVEE and of TESS in blocks 0 and floor(3 / 2) = 1
    assert set(corpus["test"]["speaker"]) == {"ravdess/01", "ravdess/02", "savee/DC", "tess/OAF"}
    assert set(corpus["validation"]["speaker"]) == {"ravdess/03", "ravdess/04", "savee/JE", "tess/YAF"}
    assert set(corpus["train"]["speaker"]) == {"ravdess/05", "ravdess/06"}
    assert Counter(corpus["train"]["label"]) == dict.fromkeys(range(7), 2)
    assert _record(folder)["absent_corpora"] == {"train": ["savee", "tess"], "validation": [], "test": []}
    assert _record(folder)["leaks"] == []


def test_counts_add_up_at_each_step_and_every_drop_has_a_reason(build):
    folder = build(protocol="stratified", balance_to="6")
    record, dropped = _record(folder), _dropped(folder)
    counts, of_step = record["counts"], Counter(step for step, _ in dropped.values())
    assert counts["read"] == 68
    assert counts["relabel"] == 66 == counts["read"] - of_step["relabel"]
    assert counts["clean"] == 66 == counts["relabel"] - of_step["clean"]
    corpus = mmser.load_corpus(folder)
    originals = sum(split["augmentation"].count("") for split in (corpus[name][:] for name in corpus))
    assert originals == counts["clean"] - of_step["balance"]
    assert {name: len(split) for name, split in corpus.items()} == {
        name: counts[name] for name in ("train", "validation", "test")
    }
    assert of_step["balance"] > 0
    assert dropped["ravdess/03-01-01-01-01-01-01"] == ("relabel", "not-in-scheme")
    assert record["counts_by_corpus_and_class"]["relabel"]["savee"] == dict.fromkeys(
        set(CLASSES) - {"calm"}, 2
    )


def test_copies_keep_everything_of_their_source_but_the_sound(build):
    corpus = mmser.load_corpus(build(balance_to="5", transcripts="reference"))
    rows = {row["id"]: row for row in corpus["train"]}
    copies = [row for row in rows.values() if row["augmentation"]]
    assert len(copies) == 7 * (5 - 2)
    for copy in copies:
        source = rows[copy["source_id"]]
        assert copy["id"].startswith(source["id"] + "#")
        for name in (
            "label",
            "transcript",
            "reference",
            "speaker",
            "gender",
            "sentence",
            "corpus",
            "emotion",
        ):
            assert copy[name] == source[name]
        assert copy["sha256"] != source["sha256"]
        assert copy["duration_s"] >= 1.0
    assert "Kids are talking by the door" in {row["transcript"].rstrip(".") for row in rows.values()}
    for split in ("validation", "test"):
        assert set(corpus[split]["augmentation"]) == {""}
        assert list(corpus[split]["id"]) == list(corpus[split]["source_id"])


def test_a_rerun_and_any_number_of_processes_give_the_same_corpus(build):
    first = _record(build("first", balance_to="4"))
    assert _record(build("second", balance_to="4")) == first
    assert _record(build("third", balance_to="4", num_proc=2)) == first
    assert _record(build("fourth", balance_to="4", seed=1))["fingerprint"] != first["fingerprint"]


def test_the_order_in_which_files_are_found_does_not_matter(build, monkeypatch):
    expected = _record(build("first"))["fingerprint"]
    read_clips = preparing.read_clips

    def backwards(*arguments):
        clips, missing = read_clips(*arguments)
        return clips[::-1], missing

    monkeypatch.setattr(preparing, "read_clips", backwards)
    assert _record(build("second"))["fingerprint"] == expected


def test_a_second_build_cleans_nothing(build, monkeypatch):
    build("first")

    def refuse(*_):
        raise RuntimeError("clean_waveform was called")

    monkeypatch.setattr(store, "clean_waveform", refuse)
    folder = build("second", protocol="stratified")
    assert {step for step, _ in _dropped(folder).values()} == {"relabel"}


def test_a_build_that_is_interrupted_keeps_what_it_cleaned(build, tmp_path, monkeypatch):
    cache, cleaned = tmp_path / "cache", []
    clean_waveform = store.clean_waveform

    def interrupt(*arguments):
        if len(cleaned) == 20:
            raise KeyboardInterrupt
        cleaned.append(1)
        return clean_waveform(*arguments)

    monkeypatch.setattr(store, "clean_waveform", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(cache_dir=cache)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(list(cache.rglob("*.flac"))) == 20

    monkeypatch.setattr(
        store, "clean_waveform", lambda *arguments: cleaned.append(1) or clean_waveform(*arguments)
    )
    build(cache_dir=cache)
    assert len(cleaned) == 66


def test_damaged_files_are_counted_and_the_build_goes_on(build, tmp_path):
    root = write_small_root(tmp_path / "root")
    expected = write_damaged_files(root)
    folder = build(root=root)
    dropped = _dropped(folder)
    assert {name: dropped[name] for name in expected} == {
        name: ("clean", why) for name, why in expected.items()
    }
    assert _record(folder)["counts"]["clean"] == 66
    assert _record(folder)["dropped"]["empty"] == 2


def test_equal_files_with_one_label_stay_once_and_with_two_not_at_all(build, tmp_path):
    root = write_small_root(tmp_path / "root")
    ravdess = root / "RAVDESS" / "Actor_01"
    shutil.copy(ravdess / "03-01-05-01-01-01-01.wav", ravdess / "03-01-05-01-01-02-01.wav")
    shutil.copy(ravdess / "03-01-04-01-01-01-01.wav", ravdess / "03-01-06-01-01-01-01.wav")
    shutil.copy(ravdess / "03-01-03-01-01-01-01.wav", ravdess / "03-01-01-01-01-01-01.wav")
    dropped = _dropped(build(root=root))
    assert {name: why for name, why in dropped.items() if why[0] == "clean"} == {
        "ravdess/03-01-05-01-01-02-01": ("clean", "duplicate"),
        "ravdess/03-01-04-01-01-01-01": ("clean", "duplicate-other-label"),
        "ravdess/03-01-06-01-01-01-01": ("clean", "duplicate-other-label"),
        "ravdess/03-01-03-01-01-01-01": ("clean", "duplicate-other-label"),  # its twin is neutral
    }
    assert dropped["ravdess/03-01-01-01-01-01-01"] == ("relabel", "not-in-scheme")


def test_paper_builds_with_its_leaks_listed(build, caplog):
    folder = build(protocol="paper", balance_to="20")
    leaks = _record(folder)["leaks"]
    assert [leak.partition(":")[0] for leak in leaks] == ["source", "copy"]
    card = (folder / "README.md").read_text()
    assert all(leak in card for leak in leaks)
    assert "Leak, as protocol paper has it" in caplog.text
    counts = _record(folder)["counts"]
    assert (counts["train"], counts["validation"], counts["test"]) == (112, 28, 14)  # 7 x 20; ceil(66 / 5)


def test_missing_corpora_are_named_with_how_to_get_them(build, caplog):
    folder = build()
    assert _record(folder)["missing_corpora"] == ["cremad", "iemocap"]
    assert "iemocap is not below" in caplog.text
    card = (folder / "README.md").read_text()
    assert "Asked for and not there" in card
    assert "sail.usc.edu" in card


def test_the_tables_of_the_paper_are_written(build):
    folder = build()
    table = (folder / "tables" / "1_relabelled.csv").read_text().splitlines()
    assert table == [
        "corpus,angry,calm,disgust,fearful,happy,sad,surprised,total",
        "ravdess,6,6,6,6,6,6,6,42",
        "savee,2,0,2,2,2,2,2,12",
        "tess,2,0,2,2,2,2,2,12",
        "all,10,6,10,10,10,10,10,66",
    ]
    assert (folder / "tables" / "3_test.csv").read_text().splitlines()[-1] == "all,26"
    assert (folder / "tables" / "4_train_and_validation.csv").read_text().splitlines()[1] == "angry,2,4"


def test_whisper_is_asked_for_kept_clips_only(build, fake_listener):
    corpus = mmser.load_corpus(build(transcripts="whisper", whisper="tiny", balance_to="3"))
    assert sum(fake_listener.heard) == 66
    assert {text for split in corpus.values() for text in split["transcript"]} == {"tiny en"}


def test_a_corpus_says_how_well_its_clips_were_understood(build, fake_listener):
    folder = build(transcripts="whisper", whisper="kids", language="en")
    # RAVDESS' clips all say "Kids are talking by the door", TESS' "Say the word …"; heard is "kids en": of 6
    # words 5 are wrong, and of 4 all
    heard = _record(folder)["heard"]
    assert (heard["clips"], heard["flags"]) == (66, {})
    assert heard["word_error_rate"]["ravdess"] == pytest.approx(5 / 6)
    assert heard["word_error_rate"]["tess"] == 1.0
    assert heard["num_compared"]["ravdess"] == 42
    assert "savee" not in heard["word_error_rate"]  # SAVEE's release does not tell what is said
    assert "- tess: word error rate 100.0 % over 12 clips" in (folder / "README.md").read_text()
    with (folder / "transcripts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 66
    assert rows[0]["transcript"] == "kids en"
    assert rows[0]["avg_logprob"] == "-0.5000"


def test_without_whisper_there_is_no_list_of_transcripts(build):
    folder = build(transcripts="reference")
    assert not (folder / "transcripts.csv").exists()
    assert "## Transcripts" not in (folder / "README.md").read_text()


def test_noise_of_a_folder_is_used_and_its_place_is_not_recorded(build, tmp_path):
    write_clip(tmp_path / "noise" / "rain.wav", make_speech(3.0, seed=9))
    folder = build(balance_to="12", noise_dir=tmp_path / "noise")
    descriptions = mmser.load_corpus(folder)["train"]["augmentation"]
    assert any(text.startswith("background_noise(file=rain, ") for text in descriptions)
    assert _record(folder)["settings"]["noise"] == "noise"
    assert str(tmp_path) not in (folder / "corpus.json").read_text()


def test_a_page_shows_and_plays_a_clip_of_each_corpus(build):
    folder = build("page")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2 * len(_record(folder)["counts_by_corpus_and_class"]["clean"])
