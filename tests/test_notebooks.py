"""The three notebooks: stored bare, and run on a miniature corpus with models that were trained on it."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mmser import build_corpus
from mmser.demo import write_demo_corpora, write_demo_towers

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CORPUS, CLIP, ERRORS = NOTEBOOKS
MAY_IMPORT = {"IPython", "mmser", "numpy", "os", "pandas", "pathlib", "warnings"}
ABSOLUTE_PATH = re.compile(r"""["'](/|~|[A-Za-z]:\\)""")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def list_code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["01_corpus", "02_one_clip_through_the_model", "03_errors"]


def test_a_notebook_is_valid_and_stored_without_what_it_showed(notebook):
    nbformat.validate(notebook)
    assert {cell.execution_count for cell in list_code(notebook)} == {None}
    assert [cell.outputs for cell in list_code(notebook) if cell.outputs] == []


def test_a_notebook_begins_with_its_title_and_the_folders_that_it_reads(notebook):
    assert re.match(r"# \w", notebook.cells[0].source)
    assert notebook.cells[1].cell_type == "code"
    assert 'os.environ.get("MMSER_NOTEBOOK_CORPUS"' in notebook.cells[1].source
    later = "\n".join(cell.source for cell in list_code(notebook)[1:])
    assert "environ" not in later
    assert "demo/" not in later


def test_a_notebook_holds_no_absolute_path(notebook):
    assert [cell.source for cell in notebook.cells if ABSOLUTE_PATH.search(cell.source)] == []


def test_a_notebook_leaves_the_work_to_mmser(notebook):
    roots = set()
    for cell in list_code(notebook):
        for node in ast.walk(ast.parse(cell.source.removeprefix("%matplotlib inline\n"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add(node.module.partition(".")[0])
    assert roots <= MAY_IMPORT
    lines = [cell.source.count("\n") + 1 for cell in list_code(notebook)[2:]]  # without folders and imports
    assert max(lines) <= 8


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What `make demo` leaves, of two corpora and with one epoch."""
    folder = tmp_path_factory.mktemp("demo")
    names = ("ravdess", "tess")
    write_demo_corpora(folder / "data", corpora=names)
    write_demo_towers(folder / "towers")
    settings = {"corpora": names, "transcripts": "reference", "cache_dir": folder / "cache", "num_proc": 1}
    build_corpus(folder / "data", folder / "corpus", **settings)
    train(folder, "hubert", folder / "towers" / "hubert")
    train(folder, "fusion", folder / "runs" / "hubert", "--text-encoder", str(folder / "towers" / "bert"))
    return folder


def train(folder, kind, encoder, *options):
    command = [
        *(sys.executable, f"recipes/train_{kind}.py", "--config", f"recipes/configs/demo_{kind}.yaml"),
        *("--audio-encoder", str(encoder), "--corpus", str(folder / "corpus")),
        *("--out", str(folder / "runs" / kind), "--num_train_epochs", "1", "--use_cpu", "True", *options),
    ]
    subprocess.run(command, cwd=ROOT, env=_environment(folder), check=True)


def _environment(folder):
    return os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "MMSER_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
    }


@pytest.fixture
def execute(demo, monkeypatch):
    """Run a notebook on the demo; an error in any cell is one of the test."""

    def run(path, model="fusion"):
        folders = {"CORPUS": "corpus", "DATA": "data", "RUN": f"runs/{model}", "OTHER": "runs/hubert"}
        values = {f"MMSER_NOTEBOOK_{name}": str(demo / part) for name, part in folders.items()}
        for name, value in (_environment(demo) | values).items():
            monkeypatch.setenv(name, value)
        notebook = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": str(path.parent)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
        return notebook

    return run


def list_outputs(notebook):
    return [output for cell in list_code(notebook) for output in cell.outputs]


def count_shown(notebook):
    """Pictures and players."""
    shown = [output.data for output in list_outputs(notebook) if "data" in output]
    players = [data for data in shown if "<audio" in data.get("text/html", "")]
    return sum("image/png" in data for data in shown), len(players)


def read_text(notebook):
    streams = [output for output in list_outputs(notebook) if output.output_type == "stream"]
    assert [output.text for output in streams if output.name == "stderr"] == []
    return "".join(output.text for output in streams)


@pytest.mark.slow
def test_the_corpus_is_shown(execute):
    notebook = execute(CORPUS)
    assert count_shown(notebook) == (5, 7 + 2)  # a player an emotion, one before and one after cleaning
    assert "kept: speaker, source, audio, copy" in read_text(notebook)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "num_pictures"), [("fusion", 6), ("hubert", 5)])
def test_a_clip_goes_through_the_model_and_the_checks_hold(execute, model, num_pictures):
    notebook = execute(CLIP, model)
    assert count_shown(notebook) == (num_pictures, 2)
    assert "no logit differs by more than" in read_text(notebook)


@pytest.mark.slow
def test_the_errors_are_shown(execute):
    notebook = execute(ERRORS)
    num_pictures, num_players = count_shown(notebook)
    assert num_pictures == 5
    assert num_players > 6
    assert "McNemar's exact test" in read_text(notebook)
