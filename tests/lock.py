"""`make lock`: environment.yml for conda, from the packages that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
# conda-forge's name where it differs from PyPI's; PyPI's pypandoc-binary brings pandoc along.
CONDA_NAMES: Final = {
    "matplotlib": "matplotlib-base",
    "pypandoc-binary": "pypandoc",
    "typst": "typst-py",
}
ONLY_CONDA: Final = ("pandoc >=3.8", "setuptools >=77")
HEAD: Final = """\
# For conda or mamba: Quarto and everything else, from conda-forge alone. Written by `make lock`.
#   mamba env create -f environment.yml; mamba activate family-valued; pip install --no-deps -e .
name: family-valued
channels:
  - conda-forge
  - nodefaults
dependencies:
"""


def environment() -> str:
    """Write environment.yml: Python, pip, Quarto, and each package under conda-forge's name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [re.split(r"(?=[<>=])", line, maxsplit=1) for line in project["dependencies"]]
    packages = [f"{CONDA_NAMES.get(name, name)} {least}" for name, least in asked]
    first = [f"python {project['requires-python']}", "pip", "quarto >=1.9"]
    lines = [*first, *sorted([*packages, *ONLY_CONDA])]
    return HEAD + "".join(f"  - {line}\n" for line in lines)


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment(), encoding="utf-8")
