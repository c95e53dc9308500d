import pytest

from mmser.corpora.emotion_words import SYNONYMS, find_map_beside, make_word_table, parse_emotion_map
from mmser.errors import SettingsError, UnknownNameError
from mmser.labels import EMOTIONS


def test_pairs_are_read_with_spaces_and_any_case():
    assert parse_emotion_map(" Wut = angry,JOY=happy") == {"wut": "angry", "joy": "happy"}


def test_no_map_is_an_empty_one():
    assert parse_emotion_map(None) == {}


def test_a_mapping_is_taken_as_it_is():
    assert parse_emotion_map({"Freude": "happy"}) == {"freude": "happy"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"Joy": "happy", "1": "sad"}'),
        ("m.yaml", "Joy: happy\n1: sad\n"),
        ("m.yml", "Joy: happy\n1: sad"),
    ],
)
def test_a_file_of_pairs_is_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert parse_emotion_map(tmp_path / name) == {"joy": "happy", "1": "sad"}
    assert find_map_beside(tmp_path / "m.csv") == {"joy": "happy", "1": "sad"}


def test_without_a_file_beside_there_is_no_map(tmp_path):
    assert find_map_beside(tmp_path / "m.csv") == {}


@pytest.mark.parametrize("text", ["joy", "joy=", "=happy", "joy=happy,sad"])
def test_something_else_than_pairs_is_refused_with_an_example(text):
    with pytest.raises(
        SettingsError, match=r"is no pair, expected pairs such as 'joy=happy,Wut=angry' or a file"
    ):
        parse_emotion_map(text)


def test_an_emotion_that_is_not_canonical_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"emotion in --emotion-map 'hapy'.*Did you mean 'happy'"):
        parse_emotion_map("joy=hapy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as a map of emotion words"),
        ("[1]", "got list, expected pairs"),
        ('{"joy": 3}', "pairs"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, message):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(SettingsError, match=message):
        parse_emotion_map(tmp_path / "m.json")


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match=r"gone\.json: cannot be read as a map"):
        parse_emotion_map("gone.json")


def test_no_word_stands_for_two_emotions_and_none_hides_a_canonical_one():
    words = [word for words in SYNONYMS.values() for word in words.split()]
    assert len(words) == len(set(words))
    assert not set(words) & set(EMOTIONS)
    assert SYNONYMS.keys() <= set(EMOTIONS)


def test_a_later_map_comes_before_an_earlier_and_before_the_common_words():
    table = make_word_table({"joy": "excited", "x": "sad"}, {"joy": "calm"})
    assert (table["joy"], table["x"], table["anger"], table["bored"]) == ("calm", "sad", "angry", "bored")
