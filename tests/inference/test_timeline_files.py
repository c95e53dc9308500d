import csv
import json

import pytest

from factories_timeline import make_timeline
from mmser.inference.segments import Segment
from mmser.inference.timeline_files import name_label, timeline_to_dict, write_csv, write_json


def test_a_segment_is_called_by_its_label_or_by_why_it_has_none():
    assert name_label(Segment(0, 1, True, "sad")) == "sad"
    assert name_label(Segment(0, 1, True)) == "uncertain"
    assert name_label(Segment(0, 1, False)) == "no speech"


def test_json_holds_settings_segments_and_windows(tmp_path):
    write_json(make_timeline(), tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["source"], found["duration_s"], found["classes"]) == ("talk.wav", 12.0, ["angry", "sad"])
    assert found["settings"]["window_s"] == 4.0
    assert [each["label"] for each in found["segments"]] == [None, "angry", None, None]
    assert [each["speech"] for each in found["segments"]] == [False, True, True, False]
    assert found["segments"][1]["probabilities"] == {"angry": 0.9, "sad": 0.1}
    assert found["windows"][0]["start_s"] == 0
    assert found["windows"][0]["transcript"] == "Kids, talking"
    assert found["speech"] == [[1.0, 9.0]]


def test_seconds_and_probabilities_have_four_digits():
    found = timeline_to_dict(make_timeline(duration_s=12.123456789))
    assert found["duration_s"] == 12.1235


def test_csv_holds_a_row_a_segment_with_every_class(tmp_path):
    write_csv(make_timeline(), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["start_s", "end_s", "label", "transcript", "angry", "sad"]
    assert [row["label"] for row in rows] == ["no speech", "angry", "uncertain", "no speech"]
    assert rows[1] | {"transcript": ""} == {
        "start_s": "1.0",
        "end_s": "6.0",
        "label": "angry",
        "transcript": "",
        "angry": "0.9",
        "sad": "0.1",
    }
    assert rows[1]["transcript"] == "Kids, talking"
    assert (rows[0]["angry"], rows[0]["transcript"]) == ("", "")


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_an_older_file_stays_where_writing_fails(tmp_path, write, monkeypatch):
    (tmp_path / "a").write_text("older")
    monkeypatch.setattr("mmser.inference.timeline_files._round", lambda value: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(make_timeline(), tmp_path / "a")
    assert (tmp_path / "a").read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
