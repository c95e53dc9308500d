import json

import datasets
import pytest

from factories_audio import make_speech, write_clip, write_damaged_files, write_small_root
from mmser import __version__
from mmser.cli import build as build_command
from mmser.cli import main
from mmser.curation.settings import BuildSettings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_small_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(root, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")

    def _build(*options, root=root):
        usual = ["--root", root, "--out", tmp_path / "out", "--cache-dir", cache, "--transcripts", "none"]
        return main(["build", *map(str, usual), "--folds", "3", "--num-proc", "1", *options])

    return _build


def test_a_build_ends_with_a_summary(build, tmp_path, capsys):
    assert build() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'out'}:"
    assert lines[1] == "clips: read 68, of the classes 66, cleaned 66"
    assert lines[2] == "left out: not-in-scheme 2"
    assert lines[3].split() == ["train", "validation", "test"]
    assert lines[4].split() == ["angry", "2", "4", "4"]
    assert lines[11].split() == ["all", "14", "26", "26"]
    assert lines[12].startswith("built in ")


def test_noise_is_left_where_that_is_asked_for(build, tmp_path):
    assert build("--no-denoise") == 0
    about = json.loads((tmp_path / "out/corpus.json").read_text())
    assert about["settings"]["cleaning"] == BuildSettings().cleaning.to_dict() | {"denoise": False}


@pytest.mark.parametrize("option", ["--out", "--cache-dir"])
def test_a_folder_that_cannot_be_written_is_found_before_the_work(build, tmp_path, capsys, option):
    (tmp_path / "file").write_text("")
    assert build(option, str(tmp_path / "file" / "inner" / "folder")) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option}")
    assert "cannot be written to (Not a directory). Choose another" in error


@pytest.mark.parametrize("option", ["--protocol", "--fold", "--corpora"])
def test_an_option_that_names_nothing_is_refused(build, capsys, option):
    assert build(option, "") == 2
    assert "nothing is named, expected names or numbers" in capsys.readouterr().err


def test_leaks_are_printed_and_do_not_stop_the_paper(build, capsys):
    assert build("--protocol", "paper", "--balance-to", "20") == 0
    assert "leak: source: " in capsys.readouterr().out


def test_several_protocols_and_folds_have_a_folder_each(build, tmp_path):
    assert build("--protocol", "speaker,paper", "--fold", "0", "2", "--balance-to", "10") == 0
    names = {"speaker-fold0", "speaker-fold2", "paper"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    record = json.loads((tmp_path / "out" / "speaker-fold2" / "corpus.json").read_text())
    assert (record["settings"]["fold"], record["settings"]["folds"]) == (2, 3)


def test_all_folds_of_several_protocols_are_built(build, tmp_path):
    assert build("--protocol", "speaker,corpus", "--fold", "all", "--balance-to", "none") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"corpus-fold{fold}" for fold in range(3)),  # RAVDESS, SAVEE and TESS are there
        *(f"speaker-fold{fold}" for fold in range(3)),
    ]


def test_a_table_of_ones_own_is_built_with_a_map_of_its_words(build, root, tmp_path, capsys):
    takes = sorted(root.rglob("*.wav"))[:12]
    lines = [f"{path},{'uh' if n % 2 else 'joy'},s{n % 6}" for n, path in enumerate(takes)]
    (tmp_path / "mine.csv").write_text("\n".join(["path,emotion,speaker", *lines]))
    options = ("--corpora", f"csv:{tmp_path / 'mine.csv'},ravdess", "--balance-to", "none")
    assert build(*options) == 1
    assert "mine.csv, line 3 (and lines 5, 7, 9, 6 in all): emotion 'uh': unknown" in capsys.readouterr().err
    assert build(*options, "--emotion-map", "uh=fearful") == 0
    record = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert record["counts_by_corpus_and_class"]["read"]["mine"] == {"fearful": 6, "happy": 6}


def test_damaged_files_make_the_exit_code_1_and_the_corpus_is_written(build, tmp_path, capsys):
    root = write_small_root(tmp_path / "root")
    write_damaged_files(root)
    assert build(root=root) == 1
    assert "truncated 1" in capsys.readouterr().out
    assert (tmp_path / "out" / "corpus.json").is_file()


def test_a_file_too_long_for_a_clip_makes_the_exit_code_1(build, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mmser.audio.io.MAX_DURATION_S", 2)
    root = write_small_root(tmp_path / "root")
    write_clip(root / "RAVDESS" / "Actor_07" / "03-01-02-01-01-01-07.wav", make_speech(2.5))
    assert build(root=root) == 1
    assert "left out: not-in-scheme 2, too-long 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "speakr"], "error: Unknown protocol 'speakr'"),
        (["--corpora", "savve"], "Did you mean 'savee'"),
        (["--scheme", "paper8"], "Unknown scheme"),
        (["--fold", "x"], "--fold 'x': expected numbers from 0, or 'all' alone"),
        (["--fold", "3"], "Fold 3 of 3"),
        (["--balance-to", "lots"], "--balance-to 'lots'"),
        (["--noise-dir", "gone"], "gone: no such folder of background noise"),
    ],
)
def test_wrong_usage_is_code_2_with_a_message(build, capsys, options, message):
    assert build(*options) == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_done_is_code_1_with_a_message(build, tmp_path, capsys):
    assert build(root=tmp_path / "gone") == 1
    assert "error: " in capsys.readouterr().err


def test_an_interrupt_is_code_130(monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(build_command, "run", interrupt)
    assert main(["build", "--root", "a", "--out", "b"]) == 130
    assert "what was finished is kept" in capsys.readouterr().err


def test_the_commands_defaults_are_the_librarys(monkeypatch):
    seen = []

    def build_corpora(root, out, settings, *, protocols, fold_numbers):
        seen.extend(settings.list_builds(protocols, fold_numbers, num_corpora=5))
        return [out]

    monkeypatch.setattr("mmser.curation.builder.build_corpora", build_corpora)
    monkeypatch.setattr("mmser.curation.schema.read_corpus_json", lambda _: {"dropped": {}})
    monkeypatch.setattr(build_command, "_summarise", lambda *_: "")
    assert main(["build", "--root", "a", "--out", "b"]) == 0
    assert seen == [BuildSettings()]


@pytest.mark.parametrize("arguments", [[], ["biuld"], ["build", "--root", "a"]])
def test_a_command_line_that_cannot_be_parsed_is_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: mmser" in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"mmser {__version__}"
