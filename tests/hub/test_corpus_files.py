import json

import pyarrow.parquet
import pytest
from datasets import Dataset
from huggingface_hub import snapshot_download

from factories_corpus import write_corpus
from mmser.corpora import CORPORA
from mmser.curation.schema import load_corpus
from mmser.errors import DatasetFormatError, NotForPublicationError, SettingsError
from mmser.hub.corpus_files import choose_corpus_files
from mmser.hub.place import Place
from mmser.hub.publishing import push_corpus


@pytest.fixture
def build(tmp_path):
    """Writes a corpus whose record and whose clips name these corpora."""

    def write(recorded, in_clips=None):
        folder = write_corpus(tmp_path / "built", num_train=6, num_test=3)
        record = json.loads((folder / "corpus.json").read_text())
        record["corpora"] = {name: {"title": name} for name in recorded}
        (folder / "corpus.json").write_text(json.dumps(record))
        (folder / "README.md").write_text("---\nlicense: other\n---\n# built in /home/ann/data/built\n")
        (folder / "dropped.csv").write_text(
            'id,step,reason,detail\nx,clean,unreadable,"/home/ann/data/x.wav: not audio"\n'
        )
        (folder / "page.html").write_text("<audio>")
        names = list(in_clips or recorded)
        for path in (folder / "data").glob("*.parquet"):
            rows = Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
            column = [names[index % len(names)] for index in range(len(rows))]
            table = rows.data.table
            position = table.column_names.index("corpus")
            pyarrow.parquet.write_table(table.set_column(position, "corpus", pyarrow.array(column)), path)
        return folder

    return write


def test_a_corpus_under_licences_that_allow_it_brings_card_record_tables_and_clips(build):
    folder = build(["cremad", "ravdess"])
    (folder / "tables").mkdir()
    (folder / "tables" / "1_relabelled.csv").write_text("a\n")
    files = choose_corpus_files(folder)
    data = {f"data/{path.name}" for path in (folder / "data").iterdir()}
    assert set(files) == data | {"README.md", "corpus.json", "dropped.csv", "tables/1_relabelled.csv"}
    assert files["README.md"].endswith(b"# built in built\n")
    assert files["dropped.csv"].endswith(b'"x.wav: not audio"\n')


@pytest.mark.parametrize("name", ["emodb", "iemocap", "savee", "tess"])
def test_a_corpus_whose_licence_forbids_it_is_refused_with_licence_and_remedy(build, name):
    info = CORPORA[name].info
    with pytest.raises(NotForPublicationError) as error:
        choose_corpus_files(build(["ravdess", name]))
    assert f"{info.title}, licence {info.license}: {info.sharing}." in str(error.value)
    assert "Build without them and push that: mmser build --corpora ravdess …" in str(error.value)
    assert "RAVDESS" not in str(error.value)


def test_iemocap_is_named_first(build):
    with pytest.raises(
        NotForPublicationError, match=r"may not be:\n  IEMOCAP, licence .*\n  EMO-DB, .*\n  SAVEE"
    ):
        choose_corpus_files(build(["emodb", "iemocap", "savee"]))


def test_where_nothing_is_left_that_is_said(build):
    with pytest.raises(
        NotForPublicationError, match=r"Nothing of it may be published\. Or give others README"
    ):
        choose_corpus_files(build(["tess"]))


def test_clips_count_whatever_the_record_says(build):
    with pytest.raises(NotForPublicationError, match="IEMOCAP, licence research, on request"):
        choose_corpus_files(build(["ravdess"], in_clips=["ravdess", "iemocap"]))


def test_a_record_counts_whatever_the_clips_say(build):
    with pytest.raises(NotForPublicationError, match="IEMOCAP, licence research, on request"):
        choose_corpus_files(build(["ravdess", "iemocap"], in_clips=["ravdess"]))


def test_a_table_is_its_owners_to_publish(build):
    folder = build(["ravdess", "mine"])
    with pytest.raises(
        NotForPublicationError, match=r"mine, a table: .* If its clips are yours, say --own mine"
    ):
        choose_corpus_files(folder)
    assert "README.md" in choose_corpus_files(folder, own=["mine"])


@pytest.mark.parametrize("name", ["iemocap", "yours"])
def test_a_published_corpus_is_nobodys_own(build, name):
    with pytest.raises(
        SettingsError, match=rf"--own {name}: .*expected some of \['mine'\]\. The licence of a"
    ):
        choose_corpus_files(build(["iemocap", "mine"]), own=[name])


@pytest.mark.parametrize(
    ("gone", "message"),
    [("README.md", r"lacks README\.md\. Build"), ("data/test-", r"lacks data/test-\*\.parquet")],
)
def test_a_corpus_that_is_not_whole_is_refused(build, gone, message):
    folder = build(["ravdess"])
    for path in folder.rglob("*"):
        if path.relative_to(folder).as_posix().startswith(gone):
            path.unlink()
    with pytest.raises(NotForPublicationError, match=message):
        choose_corpus_files(folder)


def test_clips_that_cannot_be_read_are_refused(build):
    folder = build(["ravdess"])
    next((folder / "data").iterdir()).write_bytes(b"no parquet")
    with pytest.raises(NotForPublicationError, match=r"parquet: cannot be read .* Build the corpus again"):
        choose_corpus_files(folder)


def test_a_folder_that_is_no_corpus_is_refused(tmp_path):
    with pytest.raises(DatasetFormatError, match=r"holds no corpus\.json"):
        choose_corpus_files(tmp_path)


def test_what_is_pushed_opens_as_the_corpus_that_it_was(hub, build, tmp_path):
    folder = build(["cremad", "ravdess"])
    push_corpus(folder, Place("me/tones", "dataset", private=True))
    assert hub.repositories["datasets", "me/tones"].private
    there = snapshot_download("me/tones", repo_type="dataset", cache_dir=tmp_path / "hub")
    pushed, original = load_corpus(there), load_corpus(folder)
    assert {split: rows["id"] for split, rows in pushed.items()} == {
        split: rows["id"] for split, rows in original.items()
    }
    assert pushed["test"][0]["audio"]["bytes"] == original["test"][0]["audio"]["bytes"]
