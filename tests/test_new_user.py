"""What a new user does: mmser from its wheel, the README's commands in a folder of their own, an answer."""

import json
import os
import re
import shlex
import shutil
import signal
import site
import subprocess
import sys
import time
import venv
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import requests

import mmser
from factories_audio import make_speech, write_clip
from factories_docker import copy_context, read_dockerignore
from factories_exports import save_run
from factories_hub import ROWS
from factories_runs import save_scores
from local_server import find_port
from mmser.audio.cleaning import CleaningSettings, clean_waveform
from mmser.audio.io import quantize, read_waveform

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TEXT = "kids are talking by the door"
OURS = ("HF_", "MMSER_", "PYTHON", "STREAMLIT_", "VIRTUAL_ENV")  # variables that a new user has not set
PATIENCE_S = 300  # with a command, on a machine that does other things too
WITHOUT_MMSER = """
import json, sys
sys.modules["mmser"] = None  # importing it is an ImportError
import numpy, torch
from transformers import pipeline
torch.set_num_threads(1)
clip = {"array": numpy.load("cleaned.npy"), "sampling_rate": 16_000, "text": TEXT}
print(json.dumps(CALL(clip)))
"""

pytestmark = pytest.mark.slow


class Home:
    """A user's folder, with ``runs/fusion`` and ``clip.wav`` in it, and an environment that mmser is in."""

    def __init__(self, folder, environment):
        self.folder = folder
        programs = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        own = {"PATH": programs, "HOME": str(folder.parent), "MMSER_CACHE": str(folder.parent / "cache")}
        self.variables = inherited | own | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def run(self, words, **variables):
        """What a command prints; it fails where the command does."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.variables | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def predict(self, run="runs/fusion"):
        """The answer to the clip of the command that stands in the README."""
        words = [run if word == "runs/fusion" else word for word in command_of("predict")]
        return json.loads(self.run([*words, "--text", TEXT, "--json"]))


def command_of(name):
    """The first line of the README that gives a command of mmser, as words."""
    line = re.search(rf"^mmser {name} .*$", README, re.MULTILINE)
    assert line, f"the README gives no mmser {name}"
    return shlex.split(line[0], comments=True)


def build_wheel(folder):
    """Build it as the images do, from what their builder is sent: nothing built before is in it."""
    context = copy_context(ROOT, read_dockerignore(ROOT / ".dockerignore"), folder / "sources")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--retries", "0", "--wheel-dir", folder]
    if knows_setuptools():
        command.append("--no-build-isolation")
    done = subprocess.run([*command, context], capture_output=True, text=True)
    if done.returncode and re.search(r"No matching distribution found for setuptools", done.stderr):
        pytest.skip("no setuptools of 77 or later is installed, and pip reaches none to build the wheel with")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def knows_setuptools():
    """Whether the one that is installed builds this package (pyproject.toml: 77 or later)."""
    try:
        return int(metadata.version("setuptools").split(".")[0]) >= 77
    except metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with mmser from its wheel; other packages are those of this one.

    A .pth names their folders. Those come after the environment's own, and .pth files in them, such as that
    of an editable mmser, are not read.
    """
    folder = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(folder)
    venv.create(folder / "venv", symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv" / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    names = {Path(each).name for each in site.getsitepackages()}
    others = [path for path in sys.path if Path(path).name in names]
    (packages / "others.pth").write_text("\n".join(others))
    return folder / "venv"


@pytest.fixture(scope="module")
def home(tmp_path_factory, environment):
    made = tmp_path_factory.mktemp("made") / "runs" / "fusion"
    save_run(made, "fusion")
    save_scores(made, ROWS, system="hubert+bert")
    folder = tmp_path_factory.mktemp("user") / "work"
    shutil.copytree(made, folder / "runs" / "fusion")
    shutil.rmtree(made.parents[1])  # with the towers that it was made of
    write_clip(folder / "clip.wav", make_speech(2.0, rate_hz=44_100), 44_100)
    return Home(folder, environment)


@pytest.fixture(scope="module")
def answer(home):
    """What `mmser predict` says of the clip."""
    return home.predict()


def test_what_is_imported_is_what_the_wheel_holds(home, environment):
    where = home.run(["python", "-c", "import mmser; print(mmser.__file__)"]).strip()
    assert Path(where).is_relative_to(environment)
    assert files_of(Path(where).parent) == files_of(ROOT / "src" / "mmser")
    assert home.run(["mmser", "--version"]) == f"mmser {mmser.__version__}\n"


def files_of(folder):
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"
    }


def test_predict_answers_for_a_clip(answer):
    assert answer["file"] == "clip.wav"
    assert answer["transcript"] == TEXT
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert max(answer["probabilities"].values()) > 0.5  # not what a model says that heard nothing


def test_the_page_is_served_until_it_is_stopped(home, tmp_path):
    pytest.importorskip("streamlit", reason="the page is made by Streamlit: pip install mmser[app]")
    port = find_port()
    with (tmp_path / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            [*command_of("app"), "--no-browser", "--port", str(port)],
            cwd=home.folder,
            env=home.variables,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            health = wait_for_page(f"http://localhost:{port}", process)
            page = ask(f"http://localhost:{port}/")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            said.seek(0)
            told = said.read()
            print(told)  # shown where the test fails
    assert health == "ok"
    assert page.headers["Content-Type"].startswith("text/html")
    assert '<div id="root">' in page.text
    assert f"The page is at http://localhost:{port} (Ctrl-C stops it)." in told


def wait_for_page(address, process):
    """What the page says of its health, as soon as it is served."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            return ask(f"{address}/_stcore/health").text
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail(f"the page is not served (exit code {process.poll()})")


def ask(address):
    with requests.Session() as session:
        session.trust_env = False  # no proxy between
        answer = session.get(address, timeout=30)
    answer.raise_for_status()
    return answer


def test_a_pushed_model_says_the_same_without_mmser(home, answer, hub, tmp_path):
    online = hub.environment(tmp_path / "hub") | {"HF_HUB_OFFLINE": "0"}
    address = f"{hub.endpoint}/me/my-recognizer"
    assert home.run(command_of("push"), **online) == f"{address}\n"
    cleaned = quantize(clean_waveform(*read_waveform(home.folder / "clip.wav"), CleaningSettings()))
    np.save(home.folder / "cleaned.npy", cleaned)
    (call,) = re.findall(r'`(pipeline\("speech-emotion-recognition", .*?\))`', README)
    assert '"me/my-recognizer"' in call
    code = WITHOUT_MMSER.replace("TEXT", repr(TEXT)).replace("CALL", call)
    rows = json.loads(home.run(["python", "-c", code], **online).splitlines()[-1])
    assert rows[0]["label"] == answer["label"]
    said = {row["label"]: row["score"] for row in rows}
    assert said == pytest.approx(answer["probabilities"], abs=1e-4)


def test_an_exported_run_says_the_same(home, answer):
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="exports are made and run by it: pip install mmser[onnx]")
    home.run(command_of("export"))
    exported = home.predict("runs/fusion/onnx")
    assert exported["label"] == answer["label"]
    assert exported["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-3)
