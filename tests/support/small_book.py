"""A small book of given chapters, rendered by the portable renderer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from fvlib.render import RenderOutcome, TitlePage, render

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
