"""What `make clean` may delete, and which weights `.ci/run` takes for whole."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODELS = {
    *(f"{name}/{file}" for name in ("whisper-tiny.en", "whisper-base", "minilm-l6")
      for file in ("config.json", "model.safetensors", "tokenizer.json")),
    "whisper-tiny.en.pt",
    "whisper-base.pt",
}  # fmt: skip
FETCH = """
import sys
from pathlib import Path
for name in {names!r}:
    path = Path(sys.argv[1], name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("fetched")
sys.exit({status})
"""


def _clean(folder, demo):
    command = ["make", "-f", ROOT / "Makefile", "clean", f"DEMO_DIR={demo}", "VENV=env"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_clean_deletes_the_demo_and_the_environment(tmp_path):
    for name in ("my demo", "env"):
        (tmp_path / name).mkdir()
    (tmp_path / "my demo" / ".mmser-demo").touch()
    _clean(tmp_path, "my demo")
    assert list(tmp_path.iterdir()) == []


def test_clean_keeps_a_folder_that_is_not_the_demos_and_says_so(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    assert "thesis: kept, since it is not the demo's" in _clean(tmp_path, "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").is_file()


def test_clean_says_nothing_where_no_demo_is_there(tmp_path):
    assert "kept" not in _clean(tmp_path, "demo")


@pytest.fixture
def run_ci(tmp_path):
    """Run a copy of `.ci/run` whose make does no more than say which weights it was given."""
    project, store = tmp_path / "home" / "project", tmp_path / "store"
    for folder in (project / ".ci", project / ".venv" / "bin", tmp_path / "bin"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", project / ".ci" / "run")
    (project / ".venv" / "bin" / "python").symlink_to(sys.executable)
    make, browser = (tmp_path / "bin" / name for name in ("make", "chromium"))
    make.write_text('#!/bin/sh\necho "make $1 with ${MMSER_MODELS:-no weights}"\n')
    browser.write_text("#!/bin/sh\n")  # so that none is installed
    for file in (make, browser):
        file.chmod(0o755)
    tools = project / re.search(r"^tools=(\S+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)[1]

    def run(fetched=None, status=0):
        if fetched is not None:
            tools.mkdir(parents=True, exist_ok=True)
            (tools / "get_weights.py").write_text(FETCH.format(names=sorted(fetched), status=status))
        environment = {name: value for name, value in os.environ.items() if name != "MMSER_MODELS"}
        environment |= {"PATH": f"{make.parent}:{os.environ['PATH']}", "MMSER_TEST_STORE": str(store)}
        command = [project / ".ci" / "run"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1].removeprefix("make test-real with ")

    run.models = store / "models"
    return run


def test_whole_weights_are_used_as_they_are(run_ci):
    for name in MODELS:
        (run_ci.models / name).parent.mkdir(parents=True, exist_ok=True)
        (run_ci.models / name).write_text("there")
    assert run_ci(fetched=MODELS) == str(run_ci.models)
    assert {(run_ci.models / name).read_text() for name in MODELS} == {"there"}


@pytest.mark.parametrize("missing", ["whisper-base.pt", "whisper-tiny.en/model.safetensors"])
def test_weights_of_which_one_file_is_missing_or_empty_are_fetched_again(run_ci, missing):
    for name in MODELS:
        (run_ci.models / name).parent.mkdir(parents=True, exist_ok=True)
        (run_ci.models / name).write_text("" if name == missing else "there")
    assert run_ci(fetched=MODELS) == str(run_ci.models)
    assert {(run_ci.models / name).read_text() for name in MODELS} == {"fetched"}


@pytest.mark.parametrize(("left_out", "status"), [(set(), 1), ({"minilm-l6/tokenizer.json"}, 0)])
def test_what_an_interrupted_fetch_leaves_is_not_used(run_ci, left_out, status):
    assert run_ci(fetched=MODELS - left_out, status=status) == "no weights"
    assert run_ci.models.exists() == (status == 0)  # a fetch that failed puts nothing in place


def test_without_weights_and_tools_the_rest_is_tested(run_ci):
    assert run_ci() == "no weights"
