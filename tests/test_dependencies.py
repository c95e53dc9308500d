"""What the package imports is what it declares: no library is there only because another one needs it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name in extras for line in optional[name])]
    return {_normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def _imported(folder):
    modules = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module)
    local = {path.stem for path in (ROOT / folder).glob("*.py")} | {"mmser"}
    roots = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - local
    names = packages_distributions()
    return {_normal(name) for root in roots for name in names.get(root, [root])}


def test_every_library_that_the_package_and_its_recipes_import_is_declared():
    imported = _imported("src") | _imported("recipes")
    assert {"numpy", "scikit-learn", "pyyaml", "openai-whisper"} <= imported
    extras = ["app", "baselines", "demo", "faster-whisper", "lora", "onnx", "opensmile"]
    assert imported - _declared(extras) == set()


def test_every_library_that_tests_and_benchmarks_import_is_declared():
    local = {_normal(path.stem) for path in (ROOT / "tests").rglob("*.py")}
    imported = (_imported("tests") | _imported("benchmarks")) - local
    assert imported - _declared(["app", "baselines", "demo", "dev", "notebooks", "onnx"]) == set()
