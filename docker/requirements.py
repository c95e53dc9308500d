"""What an image installs ahead of mmser itself.  names of extras -> requirements, one a line

    python requirements.py baselines lora

Reads the pyproject.toml of the working folder. In the Dockerfile it stands between that file and pip, so that
a layer of packages is made anew where a requirement changes, and not where a tool's setting does.
"""

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path


def list_requirements(extras: Sequence[str]) -> list[str]:
    """Return what mmser depends on, alone and with extras."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


if __name__ == "__main__":
    print("\n".join(list_requirements(sys.argv[1:])))
