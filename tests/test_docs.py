"""What the pages say: links lead somewhere, what is named is there, commands are ones that can be given."""

import dataclasses
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import launch_command_parser

from factories_cli import parser_of_mmser
from mmser.training import arguments as recipe_arguments

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
TOPS = ("recipes", "src", "tests", "benchmarks", "docs", "docker")
RECIPES = ("train_baselines", "train_cnn", "train_fusion", "train_hubert")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w/.~-])(?:{'|'.join(TOPS)})/[\w./*-]*(?![<\w])(?<![.*])")
DOCKERS = {
    "build-arg",
    "env",
    "gpus",
    "init",
    "network",
    "publish",
    "rm",
    "shm-size",
    "tag",
    "target",
    "user",
    "volume",
}
of_a_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page, language):
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


def prose(page):
    return FENCE.sub("", page.read_text())


def anchors(page):
    """What headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def shell_lines(page):
    """Commands of ours on a page, those in quotes too, each as its words; what a shell puts in is 1."""
    for text in blocks(page, "bash"):
        text = re.sub(r"\$\(\([^)]*\)\)|\$\([^)]*\)|\$\{?\w+\}?", "1", text.replace("\\\n", " "))
        for line in text.splitlines():
            start = re.search(r"accelerate launch|^torchrun|^python recipes|^mmser ", line)
            if start and not line.startswith("#"):
                quoted = line[start.start() :].partition("'" if "-c '" in line else "\0")[0]
                yield shlex.split(quoted, comments=True)


COMMANDS = [(page.stem, words) for page in PAGES for words in shell_lines(page)]


def commands_of(program):
    found = [(name, words) for name, words in COMMANDS if words[0] == program]
    return pytest.mark.parametrize(
        "words", [words for _, words in found], ids=lambda words: " ".join(words)[:60]
    )


@pytest.fixture(scope="module")
def parser():
    return parser_of_mmser()


@pytest.fixture
def parse_recipe(monkeypatch):
    """Read a recipe's command line as the recipe does, and stop there."""
    monkeypatch.chdir(ROOT)

    def parse(path, options):
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recipe)
        given = []

        def read(classes):
            given.append(recipe_arguments.parse_arguments(classes, options))
            raise KeyboardInterrupt

        monkeypatch.setattr(recipe, "parse_arguments", read)
        with pytest.raises(KeyboardInterrupt):
            recipe.main()
        return given[0]

    return parse


@of_a_page
def test_links_lead_to_files_and_headings_that_are_there(page):
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@of_a_page
def test_files_that_are_named_are_there(page):
    for path in PATH.findall(page.read_text()):
        assert list(ROOT.glob(path.rstrip("/"))), path
    for name in re.findall(r"`(\w+\.(?:yaml|py))`", page.read_text()):
        assert [*ROOT.glob(name), *(path for top in TOPS for path in (ROOT / top).rglob(name))], name


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name == "docs"], ids=lambda page: page.stem
)
def test_names_of_the_code_that_a_page_tells_are_in_the_code(page):
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "recipes").rglob("*.yaml"),
    ]
    code = "\n".join(path.read_text() for path in (*files, ROOT / "compose.yaml", ROOT / "Dockerfile"))
    code = code.replace(Path(__file__).read_text(), "")
    for name in CODE.findall(prose(page)):
        if re.fullmatch(r"\$?[A-Za-z_][\w.]*(?<!\.py)(?<!\.yaml)", name) and re.search(r"_|[a-z][A-Z]", name):
            assert name.removeprefix("$") in code, name


@of_a_page
def test_options_that_are_named_are_ones_that_there_are(page, parser):
    (commands,) = parser._subparsers._group_actions
    known = {option for each in commands.choices.values() for option in each._option_string_actions}
    known |= {option for action in launch_command_parser()._actions for option in action.option_strings}
    known |= {f"--{option}" for option in DOCKERS}
    for recipe in RECIPES:
        text = (ROOT / "recipes" / f"{recipe}.py").read_text()
        imported = re.findall(r"^from ([\w.]+) import (.+)$", text, re.MULTILINE)
        for module, names in imported:
            for name in names.split(", "):
                found = getattr(importlib.import_module(module), name)
                if dataclasses.is_dataclass(found):
                    known |= {f"--{each.name}" for each in dataclasses.fields(found)}
    known |= {option.replace("_", "-") for option in known} | {"--config", "--version"}
    ours = r"(?<![\w-])--[a-z][\w-]*"
    for code in CODE.findall(prose(page)):
        if not code.startswith(("pip ", "make ", "benchmarks/")):
            assert set(re.findall(ours, code)) <= known, code


@of_a_page
def test_blocks_are_what_they_say(page):
    for text in blocks(page, "yaml"):
        assert yaml.safe_load(text)
    for text in blocks(page, "python"):
        compile(text, page.name, "exec")
    for text in blocks(page, "bash"):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert {kind for kind, _ in FENCE.findall(page.read_text())} <= {"yaml", "python", "bash"}


@of_a_page
def test_what_make_is_asked_for_it_makes(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = [*CODE.findall(prose(page)), *"\n".join(blocks(page, "bash")).splitlines()]
    for line in said:
        if match := re.match(r"(?:\w+=\S+ )*make ([a-z-]+)", line):
            assert match[1] in targets, line


def test_commands_are_found_on_the_pages():
    found = {(page, words[0]) for page, words in COMMANDS}
    assert {
        ("README", "mmser"),
        ("README", "accelerate"),
        ("scaling", "torchrun"),
        ("extending", "python"),
    } <= found
    nodes = [words for page, words in COMMANDS if page == "scaling" and "--machine_rank" in words]
    assert [words[-2:] for words in nodes] == [["--resume", "True"]]


@commands_of("mmser")
def test_a_command_of_mmser_can_be_given(words, parser):
    assert parser.parse_args(words[1:]).run_command


@commands_of("accelerate")
def test_a_launch_can_be_given(words, parse_recipe):
    launch = launch_command_parser().parse_args(words[2:])
    assert launch.config_file is None or Path(launch.config_file).is_file()
    assert parse_recipe(launch.training_script, launch.training_script_args)[0].corpus


@pytest.mark.parametrize(
    "words", [words for _, words in COMMANDS if words[0] in ("python", "torchrun")], ids=" ".join
)
def test_a_recipe_can_be_started_so(words, parse_recipe):
    at = next(index for index, word in enumerate(words) if word.endswith(".py"))
    assert parse_recipe(words[at], words[at + 1 :])[0].corpus
