from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from fvlib.render import RenderOutcome, TitlePage, render

FIXTURE = Path(__file__).parent / "book"
TITLE_PAGE = TitlePage(
    refresh="fixture",
    data_through="30 September 2025",
    data_date=date(2025, 9, 30),
    version="fvlib 9.9.9",
    notice="Interim look & nothing more.",
)
PROJECT = """\
project:
  type: book
  output-dir: _report/quarto
lang: en-GB
execute:
  echo: false
book:
  title: "A small book"
  author: Nobody in particular
  chapters:
"""


def make_book(root: Path, chapters: Mapping[str, str], more: str = "") -> Path:
    """Write a book of the given chapters, in their order; names in `app-` are appendices."""
    plain = [name for name in chapters if not name.startswith("app-")]
    appendices = [name for name in chapters if name.startswith("app-")]
    project = PROJECT + "".join(f"    - {name}\n" for name in plain)
    if appendices:
        project += "  appendices:\n" + "".join(f"    - {name}\n" for name in appendices)
    (root / "_quarto.yml").write_text(project + more, encoding="utf-8")
    for name, text in chapters.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def render_at(root: Path, **options: object) -> RenderOutcome:
    settings: dict[str, object] = {
        "engine": "portable",
        "cache_key": "fixed",
        "title_page": TITLE_PAGE,
        **options,
    }
    return render(root, "fixture", **settings)  # type: ignore[arg-type]


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """Render chapters without code to HTML: pandoc and the filter alone, no kernel."""

    def write(chapters: Mapping[str, str] | str, more: str = "") -> str:
        given = {"one.qmd": chapters} if isinstance(chapters, str) else chapters
        outcome = render_at(make_book(tmp_path, given, more), formats=("html",))
        assert outcome.html is not None
        return outcome.html.read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> RenderOutcome:
    """The fixture book, rendered once to both formats; its root is `html.parents[2]`."""
    root = tmp_path_factory.mktemp("book") / "book"
    shutil.copytree(FIXTURE, root)
    return render_at(root)
