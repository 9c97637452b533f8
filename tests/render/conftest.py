from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fvlib.render import RenderOutcome
from tests.support.small_book import make_book, render_at

FIXTURE = Path(__file__).parent / "book"


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
