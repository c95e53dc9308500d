"""A user's own table: what it may look like, and what is said of each mistake."""

from pathlib import Path

import pytest

from mmser.corpora import get_corpora, read_clips
from mmser.corpora.table_csv import open_table
from mmser.errors import CorpusNotFoundError, LabelFileError, SettingsError, UnknownEmotionError


@pytest.fixture
def table(tmp_path, plant):
    """Write a table beside empty files for all paths that it names, and return it."""

    def write(text, *files, name="mine.csv", encoding="utf-8"):
        plant(*files)
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def read(path, **options):
    return list(open_table(path, **options).iter_clips(Path("anywhere")))


TWO = "path,emotion,speaker\na.wav,happy,x\nb.wav,sad,y\n"


def test_three_columns_are_enough(table, tmp_path):
    first, second = read(table(TWO, "a.wav", "b.wav"))
    assert (first.id, first.corpus, first.emotion, first.speaker) == ("mine/a", "mine", "happy", "mine/x")
    assert (first.gender, first.sentence, first.reference, first.split) == ("", "", "", "")
    assert second.path == tmp_path / "b.wav"


def test_all_columns_are_read_in_any_order_and_case(table):
    text = (
        "Split,TEXT,gender,Language,Speaker,Emotion,Path,note\n"
        'dev,"Oh,  no: it\'s late!",F,de-AT,x,sad,deep/a.wav,anything\n'
    )
    corpus = open_table(table(text, "deep/a.wav"))
    (clip,) = corpus.iter_clips(Path())
    assert (clip.id, clip.split, clip.gender) == ("mine/a", "validation", "female")
    assert (clip.reference, clip.sentence) == ("Oh, no: it's late!", "oh no it's late")
    assert (corpus.info.name, corpus.info.language, corpus.info.num_clips) == ("mine", "de", 1)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_separators_line_ends_and_encodings_are_recognised(table, separator, line_end, encoding):
    lines = ["path,emotion,speaker,text", "a.wav,happy,zoé,Où ça?"]
    text = line_end.join(line.replace(",", separator) for line in lines)
    (clip,) = read(table(text, "a.wav", encoding=encoding))
    assert (clip.speaker, clip.reference) == ("mine/zoé", "Où ça?")


def test_files_of_one_name_keep_their_folders_and_then_their_suffix_in_the_id(table):
    files = ("x/1.wav", "y/1.wav", "y/2.wav", "y/1.flac", "y/take#2.wav")
    lines = "".join(f"{file},sad,s\n" for file in files)
    clips = read(table("path,emotion,speaker\n" + lines, *files))
    assert [clip.id for clip in clips] == [
        "mine/2",
        "mine/take%232",
        "mine/x/1",
        "mine/y/1.flac",
        "mine/y/1.wav",
    ]


def test_paths_may_be_absolute_or_written_as_under_windows(table, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "b.wav"
    text = f"path,emotion,speaker\ndeep\\a.wav,sad,s\n{elsewhere},sad,s\n"
    assert [clip.path for clip in read(table(text, "deep/a.wav", "elsewhere/b.wav"))] == [
        tmp_path / "deep/a.wav",
        elsewhere,
    ]


def test_words_are_looked_up_in_the_given_map_then_the_map_beside_then_the_common_ones(table, tmp_path):
    text = "path,emotion,speaker\na.wav,Joy,s\nb.wav,Wut,s\nc.wav,fear,s\nd.wav,calm,s\n"
    path = table(text, "a.wav", "b.wav", "c.wav", "d.wav")
    (tmp_path / "mine.yaml").write_text("wut: bored\njoy: excited\n")
    clips = read(path, emotion_map={"wut": "angry"})
    assert [clip.emotion for clip in clips] == ["excited", "angry", "fearful", "calm"]


def test_a_gender_of_another_kind_is_kept_as_not_said_with_a_warning(table, caplog):
    text = "path,emotion,speaker,gender\na.wav,sad,x,diverse\nb.wav,sad,y,M\n"
    assert [clip.gender for clip in read(table(text, "a.wav", "b.wav"))] == ["", "male"]
    assert "mine.csv, line 2: gender 'diverse': kept as not said" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"mine\.csv: is empty, expected a table with the columns path, emotion, speaker"),
        ("path,emotion,speaker\n\n", r"mine\.csv: holds no line below the first"),
        (
            "path,label,who\na.wav,sad,x\n",
            r"line 1: has no column \['emotion', 'speaker'\], found \['path', ",
        ),
        ("path,emotion,speaker,path\na.wav,sad,x,a.wav\n", r"line 1: names the column \['path'\] twice"),
        (
            "path,emotion,speaker\na.wav,sad\n",
            r"line 2: 2 cells, expected 3 as in the first line\. Leave a cell that is not known empty",
        ),
        (
            "path,emotion,speaker\na.wav,sad,x,y\n",
            r"line 2: 4 cells, expected 3 as in the first line\. Put a cell that holds ',' in double quotes",
        ),
        ("path,emotion,speaker\na.wav,sad,x\n,sad,x\n", r"line 3: path '': empty\. Fill the cell"),
        ("path,emotion,speaker\na.wav,,x\na.wav,,x\n", r"line 2 \(and lines 3\): emotion '': empty"),
        ("path,emotion,speaker\na.wav,sad,\n", r"line 2: speaker '': empty"),
        (
            "path,emotion,speaker\na.wav,sad,x\n" + "".join(f"{n}.wav,sad,x\n" for n in range(5)),
            r"line 3 \(and lines 4, 5, 6, 5 in all\): path '0\.wav': no such file .*Correct the line",
        ),
        (
            "path,emotion,speaker\na.wav,sad,x\n./a.wav,sad,x\n",
            r"line 3: path '\./a\.wav': the file of line 2 again\. Remove one",
        ),
        ("path,emotion,speaker,split\na.wav,sad,x,holdout\n", r"line 2: split 'holdout': expected one of"),
        (
            "path,emotion,speaker,language\na.wav,sad,x,German\n",
            r"line 2: language 'German': expected a code",
        ),
        ('path,emotion,speaker\na.wav,"sad"ly,x\n', r"line 2: .* Correct the quotes there"),
        ("p\0a\0t\0h", r"holds zero bytes, expected text\. Save the table as 'CSV UTF-8'"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(table, text, message):
    with pytest.raises(LabelFileError, match=message):
        open_table(table(text, "a.wav"))


def test_an_unknown_emotion_is_named_with_its_lines_and_the_way_to_explain_it(table):
    text = "path,emotion,speaker\na.wav,meh,x\nb.wav,sad,x\nc.wav,meh,x\n"
    with pytest.raises(
        UnknownEmotionError,
        match=r"mine\.csv, line 2 \(and lines 4\): emotion 'meh': unknown, .*'angry'.*"
        r"--emotion-map WORD=EMOTION,… or pairs in mine\.json beside the table",
    ):
        open_table(table(text, "a.wav", "b.wav", "c.wav"))


def test_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CorpusNotFoundError, match=r"gone\.csv: no such file, expected a table with"):
        get_corpora([f"csv:{tmp_path / 'gone.csv'}"])


@pytest.mark.parametrize("name", ["my table.csv", "a#b.csv"])
def test_a_name_that_cannot_be_part_of_an_id_is_refused(table, name):
    with pytest.raises(SettingsError, match=r"becomes part of each clip's id, expected letters.*Rename"):
        open_table(table(TWO, "a.wav", "b.wav", name=name))


@pytest.mark.parametrize("name", ["ravdess.csv", "RAVDESS-song.csv"])
def test_a_table_called_like_a_known_corpus_is_refused(table, name):
    path = table(TWO, "a.wav", "b.wav", name=name)
    with pytest.raises(
        SettingsError, match="a table gives its name to its corpus, and another one is called"
    ):
        get_corpora([f"csv:{path}"])


def test_two_tables_of_one_name_are_refused(table, tmp_path):
    path = table(TWO, "a.wav", "b.wav")
    with pytest.raises(SettingsError, match="another one is called 'mine'"):
        get_corpora([f"csv:{path}", "csv:elsewhere/mine.csv"])


def test_a_table_is_read_beside_the_known_corpora(table, plant, tmp_path):
    path = table("path,emotion,speaker\na.wav,Joy!,x\n", "a.wav")
    plant("data/TESS/OAF_back_ps.wav")
    clips, missing = read_clips(tmp_path / "data", ["tess", f"csv:{path}", "savee"], {"joy!": "happy"})
    assert [(clip.id, clip.emotion) for clip in clips] == [
        ("mine/a", "happy"),
        ("tess/OAF_back_ps", "surprised"),
    ]
    assert missing == ("savee",)
