"""A Dockerfile without an engine: its stages, what .dockerignore lets through, its steps done in folders.

A replay leaves out the base images and the steps of an operating system (``apt-get``, ``useradd``): Python is
the one that runs the tests. It leaves out PyTorch's own index too: pip takes torch from where pip is set up
to, in the version of constraints.txt. In place of triton, a gigabyte for GPUs that Whisper asks for, an empty
package is installed. Paths of the image are folders below a folder of the replay's own.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

_OF_THE_SYSTEM = ("apt-get", "useradd")  # first words of steps that are not replayed
_INDEX = re.compile(r"--(extra-)?index-url\s+\S+")
_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MMSER_CACHE", "HF_HOME", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Step:
    """One instruction: its keyword in capitals, the flags before its value, and its value."""

    keyword: str
    flags: tuple[str, ...]
    value: str

    def flag(self, name: str) -> str | None:
        """The value of a flag, or None."""
        return next((each.partition("=")[2] for each in self.flags if each.startswith(f"--{name}=")), None)

    def mounts(self, kind: str) -> list[dict[str, str]]:
        """What is mounted while the step runs, of a kind."""
        given = [each.removeprefix("--mount=") for each in self.flags if each.startswith("--mount=")]
        options = [dict(part.split("=", 1) for part in each.split(",")) for each in given]
        return [each for each in options if each["type"] == kind]


@dataclass
class Stage:
    """What stands between two FROM."""

    base: str
    steps: list[Step] = field(default_factory=list)

    def of(self, keyword: str) -> list[Step]:
        """Its steps of one keyword."""
        return [step for step in self.steps if step.keyword == keyword]

    def words(self, keyword: str) -> list[str]:
        """What the last step of a keyword says in exec form."""
        return json.loads(self.of(keyword)[-1].value)


def read_dockerfile(path: Path) -> dict[str, Stage]:
    """Stages by name, in their order."""
    stages: dict[str, Stage] = {}
    current = Stage("")
    for step in _read_steps(path.read_text()):
        if step.keyword == "FROM":
            base, _, name = step.value.split()
            current = stages[name] = Stage(base)
        else:
            current.steps.append(step)
    return stages


def _read_steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for logical in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, value = logical.strip().partition(" ")
        flags = []
        while match := re.match(r"\s*(--\S+)\s+", value):
            flags.append(match[1])
            value = value[match.end() :]
        yield Step(keyword.upper(), tuple(flags), value.strip())


def lets_through(patterns: list[str], path: str) -> bool:
    """Whether a file comes into the context: the last pattern that fits it, or a folder it is in, decides."""
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    taken = True
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        if any(_fits(bare, each) for each in above):
            taken = pattern.startswith("!")
    return taken


def _fits(pattern: str, path: str) -> bool:
    if pattern.startswith("**/"):
        return any(_fits(pattern[3:], path.split("/", count)[-1]) for count in range(path.count("/") + 1))
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        re.match(translate(each), part) for each, part in zip(wanted, given, strict=True)
    )


def read_dockerignore(path: Path) -> list[str]:
    """Its patterns."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def copy_context(root: Path, patterns: list[str], context: Path) -> Path:
    """Copy what is sent to the builder of an image."""
    for top in root.iterdir():
        allowed = any(each.removeprefix("!").split("/")[0] == top.name for each in patterns)
        if not (allowed or lets_through(patterns, top.name)):
            continue  # a folder of which no pattern takes anything: not looked into
        for path in [top, *top.rglob("*")] if top.is_dir() else [top]:
            name = path.relative_to(root)
            if path.is_file() and lets_through(patterns, name.as_posix()):
                (context / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, context / name)
    return context


class Replay:
    """The steps of a Dockerfile, each stage in a folder of its own.

    Args:
        dockerfile: its path.
        context: folder that ``copy_context`` made.
        folder: an empty one, for the stages.
        only_resolves: pip chooses packages and installs none; what it would install is in ``resolved``.
    """

    def __init__(self, dockerfile: Path, context: Path, folder: Path, *, only_resolves: bool = False):
        self.stages = read_dockerfile(dockerfile)
        self.context = context
        self.folder = folder
        self.resolved: dict[str, str] = {}
        self._only_resolves = only_resolves
        self._tops = sorted(
            set(re.findall(r"(?:^|[\s\"'=:,])/(\w+)", dockerfile.read_text())) - {"usr", "bin"}
        )
        self._environments: dict[str, dict[str, str]] = {}
        self._places: dict[str, Path] = {}

    def build(self, name: str, *, only_copies: bool = False) -> None:
        """Do the steps of a stage and of those it needs.

        Raises:
            FileNotFoundError: something is copied that is not there.
        """
        if name in self._environments:
            return
        self._begin(name, only_copies)
        for step in self.stages[name].steps:
            if step.keyword == "RUN" and not only_copies:
                self._run(name, step)
            elif step.keyword == "COPY":
                self._copy(name, step, only_copies)
            elif step.keyword == "ENV":
                self._set(name, step)
            elif step.keyword in ("WORKDIR", "VOLUME"):
                place = self._inside(name, step.value)
                place.mkdir(parents=True, exist_ok=True)
                self._places[name] = place if step.keyword == "WORKDIR" else self._places[name]

    def build_all(self, *, only_copies: bool = False) -> None:
        """Do the steps of every stage, as :meth:`build`."""
        for name in self.stages:
            self.build(name, only_copies=only_copies)

    def run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command where a container of this stage begins, in its environment."""
        return subprocess.run(
            [shutil.which(command[0], path=self._environments[name]["PATH"]) or command[0], *command[1:]],
            cwd=self._places[name],
            env=self._environments[name],
            capture_output=True,
            text=True,
            timeout=300,
        )

    def _begin(self, name: str, only_copies: bool) -> None:
        """Start a stage: as its base ended, or empty where that is an image from elsewhere."""
        base, root = self.stages[name].base, self.folder / name
        root.mkdir(parents=True)
        if base not in self.stages:
            self._environments[name], self._places[name] = self._fresh_environment(), root
            return
        self.build(base, only_copies=only_copies)
        shutil.copytree(self.folder / base, root, dirs_exist_ok=True, symlinks=True)
        self._environments[name] = dict(self._environments[base])
        self._places[name] = root / self._places[base].relative_to(self.folder / base)

    def _fresh_environment(self) -> dict[str, str]:
        """This process's environment without its virtual one; ``python3`` and ``pip`` of a base image."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        own = getattr(sys, "_base_executable", sys.executable)
        for name, command in (("python", own), ("python3", own), ("pip", f"{sys.executable} -m pip")):
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        found = f"{kept.get('PIP_FIND_LINKS', '')} {_write_empty_package(self.folder / 'packages', 'triton')}"
        return {
            **kept,
            "PATH": f"{programs}:/usr/bin:/bin",
            "PIP_NO_COMPILE": "1",
            "PIP_FIND_LINKS": found.strip(),
        }

    def _run(self, name: str, step: Step) -> None:
        if step.value.startswith(_OF_THE_SYSTEM):
            return
        for mount in step.mounts("bind"):
            self.build(mount["from"])
            source = self._inside(mount["from"], mount["source"])
            shutil.copytree(source, self._inside(name, mount["target"]), dirs_exist_ok=True)
        command = self._moved(name, _INDEX.sub("", step.value))
        if self._only_resolves:
            command = command.replace("pip install", "pip install --dry-run")
        done = subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self._places[name],
            env=self._environments[name],
            capture_output=True,
            text=True,
        )
        for mount in step.mounts("bind"):
            shutil.rmtree(self._inside(name, mount["target"]))
        for line in re.findall(r"^Would install (.*)$", done.stdout, re.MULTILINE):
            self.resolved |= dict(each.rsplit("-", 1) for each in line.split())
        if done.returncode:
            raise RuntimeError(f"RUN {step.value}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    def _copy(self, name: str, step: Step, only_copies: bool) -> None:
        *sources, target = step.value.split()
        into = self._inside(name, target)
        origin = step.flag("from")
        if origin is not None:
            self.build(origin, only_copies=only_copies)
            if only_copies:
                return
        for source in sources:
            path = self.context / source if origin is None else self._inside(origin, source)
            if path.is_dir():
                shutil.copytree(path, into, dirs_exist_ok=True)
            elif path.is_file():
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, into)
            else:
                raise FileNotFoundError(f"COPY {step.value}: {source} is not in the context.")

    def _set(self, name: str, step: Step) -> None:
        environment = self._environments[name]
        for pair in shlex.split(step.value):
            key, _, value = pair.partition("=")
            environment[key] = self._moved(name, value).replace("$PATH", environment["PATH"])

    def _inside(self, name: str, path: str) -> Path:
        """A path of the image as one of this machine."""
        return self.folder / name / path.lstrip("/") if path.startswith("/") else self._places[name] / path

    def _moved(self, name: str, text: str) -> str:
        """A text whose absolute paths are those of this machine."""
        tops = "|".join(self._tops)
        return re.sub(rf"(?<![\w/.-])/(?={tops})", f"{self.folder / name}/", text)


def _write_empty_package(folder: Path, name: str) -> Path:
    """Write a wheel of a version above all others that holds nothing; returns the folder."""
    folder.mkdir(exist_ok=True)
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 9999\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: mmser\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-9999-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{name}-9999.dist-info/{file}", text)
    return folder
