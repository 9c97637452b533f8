"""What `lint-imports` can't hold: laziness, faces, encodings, packages asked for twice."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from tests.lock import environment

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fvlib"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SEVERAL = 15  # files that a reader takes in at one glance


def modules() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The first part below the package: a room, or a module of the ground floor."""
    return module.split("/")[1].removesuffix(".py")


def test_imports_only_look_downward() -> None:
    """The contracts in pyproject.toml, also where `make lint` isn't run."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_each_room_has_a_face_that_says_what_it_is_for() -> None:
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")}):
        face = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        assert ast.get_docstring(face), f"{folder.name} says nothing"


def test_no_room_imports_another_rooms_private_names() -> None:
    for module in modules():
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fvlib.")):
                continue
            if (node.module or "").split(".")[1] == room_of(module):
                continue
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            assert not private, f"{module} imports {private} from {node.module}"


def test_a_room_is_taken_in_at_one_glance() -> None:
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")}):
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= SEVERAL, f"{folder.relative_to(ROOT)} has {len(files)} modules"


@pytest.mark.parametrize(
    ("imported", "late"),
    [
        ("fvlib.cli", ("numpy", "pandas", "scipy", "pyarrow", "fvlib.refresh")),
        ("fvlib.report", ("scipy", "statsmodels", "plotnine", "great_tables", "matplotlib")),
        ("fvlib.pipeline", ("scipy", "statsmodels", "fvlib.trial", "fvlib.models")),
    ],
)
def test_what_is_heavy_is_imported_late(imported: str, late: tuple[str, ...]) -> None:
    code = f"import sys, {imported}; print([name for name in {late!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_only_the_gate_writes_results() -> None:
    """No other module names the bundle's files for writing."""
    for module in modules():
        if room_of(module) == "gate":
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
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == environment()


def test_the_lock_file_names_no_index() -> None:
    assert not re.search(r"https?://|--index|--find-links", LOCK)
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\w)", LOCK.strip()) if entry)


def test_the_lock_file_holds_what_the_project_asks_for() -> None:
    locked = {name for name, _ in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)}
    wanted = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    assert {re.split(r"[<>=]", line)[0].lower() for line in wanted} <= locked


def test_the_citation_names_this_version_and_nobody_by_name() -> None:
    """The keys that Citation File Format 1.2.0 asks for; https://doi.org/10.5281/zenodo.1003149."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert [set(author) for author in citation["authors"]] == [{"name"}]  # an entity, no person
