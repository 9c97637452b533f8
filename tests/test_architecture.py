"""The house stands: imports look downward only, and ARCHITECTURE.md's table is the package."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fvlib"
ROW = re.compile(r"^\| `(fvlib/[\w/.]+)` \| (\d+) \|", re.MULTILINE)
# conda-forge's name where it differs from PyPI's.
CONDA_NAMES = {"matplotlib": "matplotlib-base", "pypandoc-binary": "pypandoc", "typst": "typst-py"}
ONLY_CONDA = {"python", "pip", "quarto", "pandoc", "setuptools"}


def floors() -> dict[str, int]:
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return {path: int(floor) for path, floor in ROW.findall(table)}


def modules() -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if not path.endswith("__init__.py"))


def imported(path: Path) -> set[str]:
    """Module files of fvlib that a module imports, wherever in it."""
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0] != "fvlib":
                continue
            file = ROOT / (name.replace(".", "/") + ".py")
            if file.is_file():
                out.add(file.relative_to(ROOT).as_posix())
    return out


def test_the_module_table_is_the_package() -> None:
    assert sorted(floors()) == modules()


@pytest.mark.parametrize("module", modules())
def test_imports_look_downward_only(module: str) -> None:
    known = floors()
    upward = {
        name for name in imported(ROOT / module) if name in known and known[name] > known[module]
    }
    assert not upward, f"{module} (floor {known[module]}) imports {upward} from a floor above"


def test_only_the_gate_writes_results() -> None:
    """No other module names the bundle's files for writing."""
    for module in modules():
        if module in ("fvlib/disclosure.py",):
            continue
        text = (ROOT / module).read_text(encoding="utf-8")
        writes = re.findall(r"(?:write_text|to_csv|open)\([^)]*(?:estimates|manifest)", text)
        assert not writes, f"{module} writes {writes}"


def test_every_text_file_is_opened_as_utf8() -> None:
    for module in modules():
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr in ("read_text", "write_text"):
                keywords = {k.arg for k in node.keywords}
                assert "encoding" in keywords, f"{module}:{node.lineno}: no encoding"


def test_conda_and_pip_ask_for_the_same_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pip = {re.split(r"[<>=]", line)[0]: line for line in project["dependencies"]}
    conda_lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = {
        re.split(r"\s|[<>=]", line)[0]: line.replace(" ", "")
        for line in conda_lines["dependencies"]
    }
    wanted = {CONDA_NAMES.get(name, name): line.removeprefix(name) for name, line in pip.items()}
    have = {name: line.removeprefix(name) for name, line in conda.items() if name not in ONLY_CONDA}
    assert have == wanted
    assert conda["python"] == f"python{project['requires-python']}"


def test_the_lock_file_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index|--find-links", text)
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\w)", text.strip()) if entry)
