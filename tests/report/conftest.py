from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from fvlib.report import Report, open_report
from fvlib.report.bundle import read_bundle
from fvlib.report.register import read_register
from tests.support import report_bundles
from tests.support.report_bundles import Contents
from tests.support.tagged_phrases import write_tagged

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """A report of each of the standing cases, made once."""
    register = read_register(ROOT / "chapters" / "register.yml")

    @cache
    def make(case: str) -> Report:
        folder = tmp_path_factory.mktemp("results") / "made-up"
        report_bundles.write(folder, report_bundles.CASES[case])
        return Report(read_bundle(folder), register)

    return make


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root with the register, phrases without words, and no results yet."""
    root = tmp_path / "project"
    (root / "chapters").mkdir(parents=True)
    (root / "_quarto.yml").write_text("project: {type: book}\n", encoding="utf-8")
    shutil.copy(ROOT / "chapters" / "register.yml", root / "chapters" / "register.yml")
    write_tagged(root / "chapters" / "phrases.yml")
    monkeypatch.chdir(root / "chapters")
    monkeypatch.setattr(
        "fvlib.report.report.ensure_results", lambda name, root: (root / "results" / name, True)
    )
    return root


@pytest.fixture
def opened(project: Path) -> Callable[..., Report]:
    """Write a bundle and open it as a chapter does."""

    def make(contents: Contents | None = None, name: str = "made-up") -> Report:
        report_bundles.write(project / "results" / name, contents)
        return open_report(name)

    return make
