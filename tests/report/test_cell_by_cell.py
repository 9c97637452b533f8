"""Chapters run cell by cell, as in an editor or JupyterLab, from the root or from `chapters/`."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fvlib.render.book import read_book
from fvlib.render.qmd import Chapter, Text
from tests.support import report_bundles

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {part.chapter.stem: part.chapter for part in read_book(ROOT).parts}
SHOWN = ("_repr_html_", "_repr_mimebundle_", "_repr_markdown_")  # what JupyterLab asks for


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the chapters as they are, and results without data."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "_quarto.yml", root)
    shutil.copytree(ROOT / "chapters", root / "chapters")
    report_bundles.write(root / "results" / "synthetic")
    return root


def run(chapter: Chapter) -> Iterator[Any]:
    """Run each cell and each inline expression in order; yield what a cell's last line gives."""
    names: dict[str, Any] = {}
    for block in chapter.blocks:
        if isinstance(block, Text):
            for expression in block.expressions:
                assert str(eval(expression, names)).strip()
            continue
        *above, last = ast.parse(block.code).body
        shown = isinstance(last, ast.Expr)
        exec(compile(ast.Module(above if shown else [*above, last], []), "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            yield eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize("folder", [".", "chapters"])
@pytest.mark.parametrize("stem", CHAPTERS)
@pytest.mark.filterwarnings("ignore:results/synthetic. not verified against data")
def test_a_chapter_runs_cell_by_cell(
    root: Path, monkeypatch: pytest.MonkeyPatch, stem: str, folder: str
) -> None:
    monkeypatch.delenv("FVLIB_RENDER", raising=False)
    monkeypatch.chdir(root / folder)
    for display in run(CHAPTERS[stem]):  # other tests draw each of them
        assert any(hasattr(display, name) for name in SHOWN)
