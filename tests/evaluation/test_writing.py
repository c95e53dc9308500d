import json

import pytest

from factories_evaluation import SMALL, make_facts, make_frame
from mmser.errors import OutputExistsError
from mmser.evaluation.report import write_evaluation
from mmser.evaluation.writing import check_report_folder, check_run_folder, is_begun_run, replacing

BEGUN = {"corpus": "corpora/paper7", "out": "runs/hubert"}
FINISHED = {"schema_version": 1, "system": "hubert"}


@pytest.mark.parametrize(("name", "content"), [("settings.json", BEGUN), ("metrics.json", FINISHED)])
def test_a_run_is_replaced_on_request_alone(tmp_path, name, content):
    (tmp_path / name).write_text(json.dumps(content))
    check_run_folder(tmp_path, overwrite=True)
    with pytest.raises(OutputExistsError, match=r"is not empty\. Pass --resume, --overwrite or another"):
        check_run_folder(tmp_path, overwrite=False)


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thesis.tex", "mine"),
        ("settings.json", '{"editor.fontSize": 14}'),
        ("settings.json", "[1, 2]"),
        ("metrics.json", "not JSON"),
    ],
)
def test_what_no_run_wrote_is_never_given_up(tmp_path, name, content, overwrite):
    (tmp_path / name).write_text(content)
    with pytest.raises(OutputExistsError, match="files that are no run, and they are never deleted"):
        check_run_folder(tmp_path, overwrite=overwrite)


def test_a_file_is_no_folder_for_a_run(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputExistsError, match="run: is a file, expected a folder"):
        check_run_folder(tmp_path / "run", overwrite=True)


def test_a_missing_or_empty_folder_is_free(tmp_path):
    check_run_folder(tmp_path, overwrite=False)
    check_run_folder(tmp_path / "new", overwrite=False)


def test_a_report_is_renewed_and_a_new_folder_taken(tmp_path):
    check_report_folder(tmp_path / "new", make_facts())
    check_report_folder(tmp_path, make_facts())
    write_evaluation(tmp_path, make_facts(), make_frame(SMALL), None)
    check_report_folder(tmp_path, make_facts(seconds={"predict": 1.0}, leaks=["not checked"]))


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({"corpus_fingerprint": "other"}, "corpus_fingerprint"),
        ({"settings": {"learning_rate": 1e-3}, "seed": 1}, "seed, settings"),
        ({"fold": None, "pooled_folds": [0, 3]}, "fold, pooled_folds"),
    ],
)
def test_the_report_of_another_run_or_corpus_is_kept(tmp_path, changes, differing):
    write_evaluation(tmp_path, make_facts(), make_frame(SMALL), None)
    message = rf"the report of another run or corpus \({differing} differ\)"
    with pytest.raises(OutputExistsError, match=message):
        check_report_folder(tmp_path, make_facts(**changes))


@pytest.mark.parametrize("name", ["settings.json", "config.json"])
def test_a_report_never_replaces_the_scores_of_a_run(tmp_path, name):
    write_evaluation(tmp_path, make_facts(), make_frame(SMALL), None)
    (tmp_path / name).write_text("{}")
    with pytest.raises(OutputExistsError, match="holds a run or a model, whose scores stay"):
        check_report_folder(tmp_path, make_facts())


def test_a_report_goes_neither_to_a_file_nor_among_other_files(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OutputExistsError, match="holds files that are no report"):
        check_report_folder(tmp_path, make_facts())
    with pytest.raises(OutputExistsError, match="is a file, expected a folder for a report"):
        check_report_folder(tmp_path / "thesis.tex", make_facts())


def test_the_file_is_replaced_at_the_end_only(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as part:
            part.write_text("ne")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_is_begun_until_it_has_scores(tmp_path):
    assert not is_begun_run(tmp_path)
    (tmp_path / "settings.json").write_text(json.dumps(BEGUN))
    assert is_begun_run(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps(FINISHED))
    assert not is_begun_run(tmp_path)


def test_settings_of_another_program_are_no_run(tmp_path):
    (tmp_path / "settings.json").write_text('{"editor.fontSize": 14}')
    assert not is_begun_run(tmp_path)
