"""The images without an engine: what their files say, and their steps done in a fresh environment."""

import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

import mmser
from factories_cli import parser_of_mmser
from factories_docker import Replay, copy_context, lets_through, read_dockerfile, read_dockerignore
from local_server import LocalServer

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "Dockerfile"
STAGES = read_dockerfile(DOCKERFILE)
PATTERNS = read_dockerignore(ROOT / ".dockerignore")
TARGETS = ("app", "train")


@pytest.fixture
def context(tmp_path):
    return copy_context(ROOT, PATTERNS, tmp_path / "context")


def installs(stage):
    return [step for step in stage.of("RUN") if re.search(r"\bpip (install|wheel)\b", step.value)]


@pytest.mark.parametrize("target", TARGETS)
def test_the_base_is_pinned_by_its_tag_and_named_in_a_label(target):
    base = STAGES[target].base
    while base in STAGES:
        base = STAGES[base].base
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+-[a-z0-9.-]+", base), base
    registry = "docker.io" if "/" in base else "docker.io/library"
    assert f'org.opencontainers.image.base.name="{registry}/{base}"' in STAGES[target].of("LABEL")[0].value


def test_a_build_without_a_target_is_the_one_for_training():
    assert [*STAGES][-1] == "train"


@pytest.mark.parametrize("target", TARGETS)
def test_packages_are_installed_before_the_sources_come_in(target):
    steps = STAGES[target].steps
    *packages, own = [steps.index(step) for step in installs(STAGES[target])]
    copied = [index for index, step in enumerate(steps) if step.keyword == "COPY"]
    early = [steps[index] for index in copied if index < packages[-1]]
    assert {source for step in early for source in step.value.split()[:-1]} == {
        "constraints.txt", f"/requirements/{target}.txt",
    }  # fmt: skip
    assert steps[own].mounts("bind") == [
        {"type": "bind", "from": "wheel", "source": "/wheels", "target": "/wheels"}
    ]
    assert [step.value for step in STAGES["requirements"].of("COPY")] == [
        "pyproject.toml docker/requirements.py ./"
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_pip_keeps_its_downloads_out_of_the_layers_and_to_the_pinned_versions(target):
    *packages, own = installs(STAGES[target])
    assert len(packages) == 2
    for step in packages:
        assert [mount["target"] for mount in step.mounts("cache")] == ["/root/.cache/pip"]
        assert "--constraint /requirements/constraints.txt" in step.value
    assert "--no-cache-dir --no-deps" in own.value


def test_the_app_has_the_torch_of_the_cpu_and_training_that_of_pypi():
    app, train = (installs(STAGES[target])[0].value for target in TARGETS)
    assert "--index-url https://download.pytorch.org/whl/cpu torch" in app
    assert train.endswith("pip install --constraint /requirements/constraints.txt torch")
    assert "index-url" not in str(installs(STAGES["train"]))
    (pin,) = re.findall(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert "+" not in pin  # a build of one kind, which the other image could not have


@pytest.mark.parametrize("target", TARGETS)
def test_what_an_image_asks_for_is_pinned(target):
    command = re.search(rf"python requirements\.py ([\w ]+) > {target}\.txt", str(STAGES["requirements"]))
    asked = subprocess.run(
        [sys.executable, ROOT / "docker" / "requirements.py", *command[1].split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", each)[0]).lower() for each in asked}
    assert {"torch", "onnxruntime"} <= names
    assert names - {re.sub(r"[-_.]+", "-", each).lower() for each in pins} == set()


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_user_who_is_not_root(target):
    *_, last = STAGES[target].of("USER")
    assert last.value == "1001:1001"
    assert "useradd --uid 1001 " in str(STAGES[target].of("RUN"))
    steps = [step.keyword for step in STAGES[target].steps]
    assert "RUN" not in steps[steps.index("USER") :]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_fetched_comes_into_the_volume(target):
    (environment,) = [step.value for step in STAGES[target].of("ENV") if "HF_HOME" in step.value]
    assert STAGES[target].of("VOLUME")[0].value == "/cache"
    for name, place in (
        ("HOME", "/cache"),
        ("HF_HOME", "/cache/huggingface"),
        ("MMSER_CACHE", "/cache/mmser"),
        ("XDG_CACHE_HOME", "/cache"),  # Whisper's checkpoints, numba's code, matplotlib's fonts
    ):
        assert f"{name}={place}" in environment.split()
    assert "--mode 1777 /cache" in str(STAGES[target].of("RUN"))


def test_no_token_is_part_of_an_image():
    for stage in STAGES.values():
        for step in (*stage.of("ENV"), *stage.of("ARG")):
            assert not re.search(r"TOKEN|SECRET|PASSWORD|_KEY", step.value), step


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_labelled_with_the_version_of_the_package(target):
    assert STAGES[target].of("ARG")[0].value == f"VERSION={mmser.__version__}"
    for name in ("title", "description", "version", "licenses", "base.name"):
        assert f"org.opencontainers.image.{name}=" in STAGES[target].of("LABEL")[0].value


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("src/mmser/cli/__init__.py", True),
        ("recipes/configs/fusion.yaml", True),
        ("docker/requirements.py", True),
        ("src/mmser/cli/__pycache__/build.cpython-312.pyc", False),
        ("src/mmser.egg-info/PKG-INFO", False),
        ("docker/notes.txt", False),
        ("requirements.py", False),
        (".git/config", False),
        (".env", False),
        ("runs/fusion/model.safetensors", False),
        ("corpora/paper7/corpus.json", False),
        ("sources/secret.txt", False),
    ],
)
def test_nothing_but_what_an_image_needs_is_sent_to_its_builder(path, taken):
    assert lets_through(PATTERNS, path) == taken


@pytest.mark.parametrize("target", TARGETS)
def test_everything_that_is_copied_is_there(context, tmp_path, target):
    Replay(DOCKERFILE, context, tmp_path / "stages").build(target, only_copies=True)
    kept = tmp_path / "stages" / target
    assert (kept / "requirements" / "constraints.txt").is_file()
    assert (kept / "mmser" / "recipes" / "accelerate" / "multi_gpu.yaml").is_file() == (target == "train")


@pytest.mark.parametrize("line", [line for line in PATTERNS if line.startswith("!")])
def test_without_a_line_of_dockerignore_an_image_cannot_be_built(tmp_path, line):
    patterns = [each for each in PATTERNS if each != line]
    replay = Replay(DOCKERFILE, copy_context(ROOT, patterns, tmp_path / "context"), tmp_path / "stages")
    missing = re.escape(line.removeprefix("!"))
    with pytest.raises(FileNotFoundError, match=rf"COPY .*{missing}.*: {missing} is not in the context"):
        replay.build_all(only_copies=True)


def test_the_app_listens_where_its_port_is_open_and_its_health_is_asked():
    app = STAGES["app"]
    command = [*app.words("ENTRYPOINT"), *app.words("CMD")]
    assert command[:3] == ["mmser", "app", "/model"]
    assert parser_of_mmser().parse_args(command[1:]).run_command
    assert command[command.index("--host") + 1] == "0.0.0.0"  # noqa: S104 - of the container
    port = command[command.index("--port") + 1]
    assert app.of("EXPOSE")[0].value == port
    assert f"http://127.0.0.1:{port}/_stcore/health" in app.of("HEALTHCHECK")[0].value


@pytest.mark.parametrize(("path", "is_healthy"), [("/_stcore/health", True), ("/other", False)])
def test_health_is_an_answer_of_the_page(path, is_healthy):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    class Page(LocalServer):
        name, handler = "page", Answer

    (healthcheck,) = STAGES["app"].of("HEALTHCHECK")
    _, program = re.search(r'CMD \["python", (".*"), (".*")\]$', healthcheck.value).groups()
    with Page() as page:
        program = yaml.safe_load(program).replace("http://127.0.0.1:8501", page.endpoint)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode == 0) == is_healthy, done.stderr


def test_compose_serves_the_app_to_this_machine_alone_and_trains_on_request():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    app, train = (compose["services"][target] for target in TARGETS)
    assert {service["build"]["target"] for service in (app, train)} == set(TARGETS)
    assert app["ports"] == [f"127.0.0.1:${{MMSER_PORT:-8501}}:{STAGES['app'].of('EXPOSE')[0].value}"]
    model, cache = app["volumes"]
    assert (model["target"], model["read_only"]) == (STAGES["app"].words("CMD")[0], True)
    assert cache == f"cache:{STAGES['app'].of('VOLUME')[0].value}"
    assert "profiles" not in app
    assert train["profiles"] == ["train"]
    (gpus,) = train["deploy"]["resources"]["reservations"]["devices"]
    assert gpus == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    (place,) = [step.value for step in STAGES["train"].of("WORKDIR")]
    assert train["volumes"] == [f"./corpora:{place}/corpora", f"./runs:{place}/runs", cache]
    assert compose["volumes"].keys() == {"cache"}


@pytest.fixture(scope="module")
def index():
    """Packages to install: a replay fetches them, or takes them from pip's cache."""
    command = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--retries", "0", "setuptools"]
    done = subprocess.run([sys.executable, "-m", "pip", *command], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip reaches no packages to install: {done.stderr.strip().splitlines()[-1]}")


@pytest.mark.slow
@pytest.mark.usefixtures("index")
def test_the_training_image_launches_its_recipes(context, tmp_path):
    replay = Replay(DOCKERFILE, context, tmp_path / "image")
    replay.build("train")
    for command, said in (
        (["accelerate", "launch", "recipes/train_fusion.py", "--help"], "--modality_dropout"),
        (["mmser", "--version"], f"mmser {mmser.__version__}"),
        (["mmser", "predict", "--help"], "usage: mmser predict"),
        (STAGES["train"].words("CMD"), "usage: mmser"),
        (["python", "-c", "import mmser; print(mmser.__file__)"], str(replay.folder / "train" / "opt")),
    ):
        done = replay.run("train", command)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    shutil.rmtree(replay.folder)  # gigabytes


@pytest.mark.slow
@pytest.mark.usefixtures("index")
def test_the_packages_of_the_app_image_go_together(context, tmp_path):
    """Chosen and not installed: nearly all of them are those of the other image."""
    replay = Replay(DOCKERFILE, context, tmp_path / "image", only_resolves=True)
    replay.build("app")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for name in ("streamlit", "torch", "onnxruntime", "transformers"):
        assert replay.resolved[name].split("+")[0] == pins[name]
    assert replay.resolved["mmser"] == mmser.__version__
    assert "peft" not in replay.resolved
