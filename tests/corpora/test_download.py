import json
import shutil
from dataclasses import replace
from hashlib import sha256

import pytest

from factories_http import Answer, Publisher, files_below, make_pointer, make_zip, md5_of
from mmser.corpora import CORPORA, Corpus, download, fetching
from mmser.corpora.download import count_clips, download_corpus, is_complete
from mmser.corpora.sources import Archive, Dataverse, LfsRepository, RemoteFile
from mmser.errors import DiskFullError, DownloadError

AUDIO = b"RIFF" + bytes(2_000)
EMODB = {f"wav/03a01{code}.wav": AUDIO + code.encode() for code in ("Fa", "Nc", "Wa")}
TESS = {
    f"{speaker}_back_{word}.wav": AUDIO + word.encode()
    for speaker in ("OAF", "YAF")
    for word in ("angry", "ps")
}
CREMAD = {f"1001_{name}.wav": AUDIO + name.encode() for name in ("DFA_ANG_XX", "IEO_HAP_LO", "ITH_SAD_XX")}
TABLES = ("VideoDemographics.csv", "processedResults/tabulatedVotes.csv")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE_S", 0)
    monkeypatch.setattr(fetching, "BLOCK_BYTES", 500)


@pytest.fixture
def publisher():
    with Publisher() as publisher:
        yield publisher


def with_source(name: str, num_clips: int, source) -> Corpus:
    """A corpus in small, from another publisher."""
    return replace(CORPORA[name], info=replace(CORPORA[name].info, num_clips=num_clips, source=source))


@pytest.fixture
def emodb(publisher):
    """A corpus in one archive, of which no checksum is published."""
    url = publisher.publish("/download.zip", make_zip(EMODB))
    return with_source("emodb", 3, Archive("EMO-DB", RemoteFile(url, "download.zip")))


@pytest.fixture
def tess(publisher):
    """A dataset of single files in a Dataverse; one more file of it is restricted."""
    entries = []
    for number, (name, content) in enumerate(TESS.items()):
        publisher.publish(f"/api/access/datafile/{number}", content)
        checksum = {"type": "MD5", "value": md5_of(content).removeprefix("md5:")}
        file = {"id": number, "filename": name, "filesize": len(content), "checksum": checksum}
        entries.append({"label": name, "restricted": False, "dataFile": file})
    entries[0]["directoryLabel"] = "OAF_angry"
    entries.append({"label": "x.wav", "restricted": True, "dataFile": {"id": 99, "filename": "x.wav"}})
    publisher.publish(LISTING, json.dumps({"status": "OK", "data": entries}).encode())
    return with_source("tess", 4, Dataverse("TESS", publisher.url("/api"), "10.1/TESS"))


LISTING = "/api/datasets/:persistentId/versions/:latest-published/files?persistentId=doi:10.1/TESS"


@pytest.fixture
def cremad(publisher):
    """A repository whose audio is in Git LFS."""
    members = {f"repo-1/AudioWAV/{name}": make_pointer(content) for name, content in CREMAD.items()}
    members["repo-1/VideoDemographics.csv"] = (
        b"ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
    )
    members["repo-1/processedResults/tabulatedVotes.csv"] = b'"","A","D","F","H","N","S","fileName"\n'
    members["repo-1/finishedResponses.csv"] = b"large and not needed"
    for name, content in CREMAD.items():
        publisher.publish(f"/media/AudioWAV/{name}", content)
    url = publisher.publish("/archive.zip", make_zip(members))
    return with_source(
        "cremad", 3, LfsRepository("CREMA-D", url, publisher.url("/media/"), "AudioWAV", TABLES)
    )


def test_an_archive_is_unpacked_and_nothing_else_stays(emodb, tmp_path):
    assert download_corpus(emodb, tmp_path / "data")
    assert files_below(tmp_path) == {f"data/EMO-DB/{name}": content for name, content in EMODB.items()}
    assert len(list(emodb.iter_clips(tmp_path))) == 3


def test_a_dataset_of_single_files_is_laid_out_as_its_repository_does(tess, publisher, tmp_path):
    assert download_corpus(tess, tmp_path)
    assert set(files_below(tmp_path)) == {
        "TESS/OAF_angry/OAF_back_angry.wav",
        "TESS/OAF_back_ps.wav",
        "TESS/YAF_back_angry.wav",
        "TESS/YAF_back_ps.wav",
    }
    assert publisher.ranges("/api/access/datafile/99") == []


def test_a_repository_gives_tables_and_audio_in_place_of_pointers(cremad, tmp_path):
    assert download_corpus(cremad, tmp_path)
    found = files_below(tmp_path)
    assert set(found) == {f"CREMA-D/{name}" for name in (*TABLES, *(f"AudioWAV/{name}" for name in CREMAD))}
    assert found["CREMA-D/AudioWAV/1001_DFA_ANG_XX.wav"] == AUDIO + b"DFA_ANG_XX"
    assert {clip.gender for clip in cremad.iter_clips(tmp_path)} == {"male"}


@pytest.mark.parametrize("name", ["emodb", "tess", "cremad"])
def test_what_is_there_is_not_fetched_again(name, request, publisher, tmp_path):
    corpus = request.getfixturevalue(name)
    download_corpus(corpus, tmp_path)
    num_requests = len(publisher.requests)
    assert not download_corpus(corpus, tmp_path)
    assert len(publisher.requests) == num_requests


def test_a_copy_in_another_layout_counts_as_there(emodb, publisher, tmp_path):
    for name, content in EMODB.items():
        path = tmp_path / "from elsewhere" / name.removeprefix("wav/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert not download_corpus(emodb, tmp_path)
    assert publisher.requests == []


def test_clips_that_were_removed_or_damaged_are_fetched_alone(cremad, publisher, tmp_path):
    download_corpus(cremad, tmp_path)
    (tmp_path / "CREMA-D/AudioWAV/1001_DFA_ANG_XX.wav").write_bytes(AUDIO)
    (tmp_path / "CREMA-D/AudioWAV/1001_IEO_HAP_LO.wav").unlink()
    publisher.requests.clear()
    assert download_corpus(cremad, tmp_path)
    assert sorted(address for address, _ in publisher.requests) == [
        "/archive.zip",
        "/media/AudioWAV/1001_DFA_ANG_XX.wav",
        "/media/AudioWAV/1001_IEO_HAP_LO.wav",
    ]
    assert files_below(tmp_path)["CREMA-D/AudioWAV/1001_DFA_ANG_XX.wav"] == CREMAD["1001_DFA_ANG_XX.wav"]


def test_pointers_of_a_clone_without_lfs_are_replaced(cremad, tmp_path):
    (tmp_path / "CREMA-D/AudioWAV").mkdir(parents=True)
    for name, content in CREMAD.items():
        (tmp_path / "CREMA-D/AudioWAV" / name).write_bytes(make_pointer(content))
    assert count_clips(cremad, tmp_path) == 0
    assert download_corpus(cremad, tmp_path)
    assert count_clips(cremad, tmp_path) == 3


def test_pointers_of_another_clone_that_hide_the_audio_are_named(cremad, tmp_path):
    for name, content in CREMAD.items():
        (tmp_path / name).write_bytes(make_pointer(content))
    with pytest.raises(
        DownloadError, match=r"0 clips found, expected 3\. .*1001_DFA_ANG_XX\.wav is a Git LFS pointer"
    ):
        download_corpus(cremad, tmp_path)


def test_tables_alone_are_fetched_where_the_clips_are_there(cremad, publisher, tmp_path):
    for name, content in CREMAD.items():
        (tmp_path / name).write_bytes(content)
    assert not is_complete(cremad, tmp_path)
    assert download_corpus(cremad, tmp_path)
    assert [address for address, _ in publisher.requests] == ["/archive.zip"]
    assert set(files_below(tmp_path / "CREMA-D")) == set(TABLES)
    assert is_complete(cremad, tmp_path)


def test_another_run_goes_on_where_an_archive_was_cut(emodb, publisher, tmp_path):
    publisher.answers["/download.zip"] = [Answer(cut_after=2_000), *[Answer(status=503)] * 5]
    with pytest.raises(DownloadError, match="the server answers 503"):
        download_corpus(emodb, tmp_path)
    assert [*files_below(tmp_path)] == [".download/emodb/download.zip.part"]
    assert download_corpus(emodb, tmp_path)
    assert publisher.ranges("/download.zip")[-1] == "bytes=2000-"


def test_another_run_fetches_the_files_that_failed_and_no_other(tess, publisher, tmp_path):
    publisher.answers["/api/access/datafile/1"] = [Answer(status=404)]
    with pytest.raises(
        DownloadError, match=r"1 of 4 files failed, the first: .*datafile/1 \(for OAF_back_ps\.wav\).* 404"
    ):
        download_corpus(tess, tmp_path)
    assert len(files_below(tmp_path / "TESS")) == 3
    assert download_corpus(tess, tmp_path)
    assert [len(publisher.ranges(f"/api/access/datafile/{number}")) for number in range(4)] == [1, 2, 1, 1]


def test_clips_are_held_against_their_published_checksums(tess, cremad, publisher, tmp_path):
    publisher.answers["/api/access/datafile/1"] = [Answer(body=TESS["OAF_back_ps.wav"][:-1] + b"!")]
    with pytest.raises(DownloadError, match="has md5 "):
        download_corpus(tess, tmp_path)
    content = CREMAD["1001_DFA_ANG_XX.wav"]
    publisher.answers["/media/AudioWAV/1001_DFA_ANG_XX.wav"] = [Answer(body=content[:-1] + b"!")]
    with pytest.raises(DownloadError, match=f"has sha256 .*, expected {sha256(content).hexdigest()}"):
        download_corpus(cremad, tmp_path)
    assert count_clips(cremad, tmp_path) == 2


def test_after_many_failures_the_rest_is_not_tried(tess, publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_FAILED_FILES", 2)
    for number in range(4):
        publisher.always[f"/api/access/datafile/{number}"] = Answer(status=404)
    with pytest.raises(DownloadError, match="2 of 4 files failed"):
        download_corpus(tess, tmp_path, num_jobs=1)


@pytest.mark.parametrize(
    "answer",
    [b"<html>down for maintenance</html>", b"[]", b'{"data": [{"dataFile": {}}]}', b'{"data": ["a"]}'],
)
def test_a_listing_that_is_none_is_shown_and_asked_for_again(tess, publisher, tmp_path, answer):
    publisher.answers[LISTING] = [Answer(body=answer)]
    with pytest.raises(DownloadError, match=rf"{tess.info.source.doi}: answers b.*as Dataverse gives it"):
        download_corpus(tess, tmp_path)
    assert download_corpus(tess, tmp_path)


def test_a_full_disk_stops_the_others_at_once(tess, publisher, tmp_path, monkeypatch):
    publisher.always["/api/access/datafile/0"] = Answer(status=503, headers={"Retry-After": "600"})
    usage, looked_for = shutil.disk_usage(tmp_path), []

    def look(_):
        """Room for the listing, which is asked for first; none for a clip, once the busy one is waiting."""
        if not looked_for:
            looked_for.append(LISTING)
            return usage
        publisher.wait_for("/api/access/datafile/0")
        return usage._replace(free=1_000)

    monkeypatch.setattr(fetching.shutil, "disk_usage", look)
    with pytest.raises(DiskFullError, match="the disk is full, 1,000 bytes are free"):
        download_corpus(tess, tmp_path)
    assert len(publisher.ranges("/api/access/datafile/0")) == 1


def test_a_listed_file_outside_the_corpus_is_refused(tess, publisher, tmp_path):
    listing = json.loads(publisher.files[LISTING])
    listing["data"][0]["directoryLabel"] = "../elsewhere"
    publisher.answers[LISTING] = [Answer(body=json.dumps(listing).encode())]
    with pytest.raises(DownloadError, match=r"'\.\./elsewhere/OAF_back_angry\.wav' would lie outside"):
        download_corpus(tess, tmp_path)


def test_a_dataset_of_archives_is_unpacked(publisher, tmp_path):
    archive = make_zip(TESS)
    file = {
        "id": 7,
        "filename": "TESS.zip",
        "filesize": len(archive),
        "md5": md5_of(archive).removeprefix("md5:"),
    }
    publisher.publish("/api/access/datafile/7", archive)
    publisher.publish(LISTING, json.dumps({"data": [{"dataFile": file}]}).encode())
    tess = with_source("tess", 4, Dataverse("TESS", publisher.url("/api"), "10.1/TESS"))
    assert download_corpus(tess, tmp_path)
    assert set(files_below(tmp_path)) == {f"TESS/{name}" for name in TESS}


def test_an_archive_of_a_repository_without_pointers_is_an_error(cremad, publisher, tmp_path):
    publisher.files["/archive.zip"] = make_zip({"repo-1/README.md": b"moved"})
    with pytest.raises(DownloadError, match=r"archive\.zip .*holds no Git LFS pointer below AudioWAV"):
        download_corpus(cremad, tmp_path)


def test_an_archive_with_too_few_clips_is_an_error_and_stays(emodb, publisher, tmp_path):
    publisher.files["/download.zip"] = make_zip({"wav/03a01Fa.wav": AUDIO})
    with pytest.raises(
        DownloadError, match=r"EMO-DB was fetched, and 1 clip found, expected 3\. `mmser check"
    ):
        download_corpus(emodb, tmp_path)
    assert set(files_below(tmp_path)) == {".download/emodb/download.zip", "EMO-DB/wav/03a01Fa.wav"}


def test_a_root_that_cannot_be_written_is_an_error(emodb, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"EMO-DB to .*file/data: cannot be written"):
        download_corpus(emodb, tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("name", "where"), [("savee", "Register at the University of Surrey"), ("iemocap", "USC SAIL")]
)
def test_a_corpus_on_request_says_where_to_ask(name, where, tmp_path):
    with pytest.raises(DownloadError, match=f"cannot be downloaded freely.*{where}"):
        download_corpus(CORPORA[name], tmp_path)


def test_every_corpus_that_is_free_has_a_source_and_a_folder_of_its_own():
    sources = {name: corpus.info.source for name, corpus in CORPORA.items() if corpus.info.source}
    assert sorted(sources) == ["cremad", "emodb", "ravdess", "ravdess-song", "tess"]
    assert len({source.folder for source in sources.values()}) == 5


def test_a_later_corpus_leaves_what_an_earlier_one_could_not_finish(emodb, tess, publisher, tmp_path):
    publisher.always["/download.zip"] = Answer(cut_after=2_000, ranges=False)
    with pytest.raises(DownloadError, match="5 times in a row"):
        download_corpus(emodb, tmp_path)
    assert download_corpus(tess, tmp_path)
    assert (tmp_path / ".download/emodb/download.zip.part").stat().st_size == 2_000
