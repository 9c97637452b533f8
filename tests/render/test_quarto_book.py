"""What Quarto's render of the book rests on, held without a Quarto."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import typst
import yaml

from fvlib.errors import Refusal
from fvlib.render import after_quarto
from fvlib.render.book import read_book

ROOT: Final = Path(__file__).parents[2]
MARK: Final = '<div id="unfinished-book" role="alert">Not finished.</div>\n'


def a_book(folder: Path, *made_from: str) -> Path:
    for i, results in enumerate(made_from):
        page = folder / "chapters" / f"{i}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        stamp = f'<p class="refresh-stamp" data-made-from="{results}">Refresh</p>'
        page.write_text(f"<body>{MARK}<main>{stamp}</main></body>", encoding="utf-8")
    return folder


def test_a_book_of_one_refresh_is_finished(tmp_path: Path) -> None:
    folder = a_book(tmp_path / "book", "synthetic 1f", "synthetic 1f")
    assert after_quarto.finish_book(folder) == "synthetic"
    after_quarto.keep_book(folder, "synthetic")
    assert (tmp_path / "synthetic" / "book" / "chapters" / "0.html").is_file()
    for page in folder.rglob("*.html"):
        assert "unfinished" not in page.read_text(encoding="utf-8")
        assert "refresh-stamp" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("other", ["early 1f", "synthetic 2e"])
def test_a_book_of_two_refreshes_or_runs_is_refused_and_stays_marked(
    tmp_path: Path, other: str
) -> None:
    folder = a_book(tmp_path / "book", "synthetic 1f", other)
    with pytest.raises(Refusal, match=rf"synthetic 1f: chapters/0.html; {other}: chapters/1.html"):
        assert after_quarto.finish_book(folder) == "synthetic"
    after_quarto.keep_book(folder, "synthetic")
    assert (tmp_path / "synthetic" / "book" / "chapters" / "0.html").is_file()
    for page in folder.rglob("*.html"):
        assert "unfinished-book" in page.read_text(encoding="utf-8")


def test_the_mark_is_the_one_that_every_page_has() -> None:
    mark = (ROOT / "fvlib" / "render" / "unfinished.html").read_text(encoding="utf-8")
    assert after_quarto.UNFINISHED.sub("", mark) == ""
    options = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["format"]["html"]
    assert options["include-before-body"] == "fvlib/render/unfinished.html"


@pytest.mark.parametrize("whole", [True, False])
def test_before_the_whole_book_the_old_one_goes(tmp_path: Path, whole: bool) -> None:
    folder = a_book(tmp_path / "book", "synthetic 1f")
    environment = {"QUARTO_PROJECT_OUTPUT_DIR": str(folder)}
    environment |= {"QUARTO_PROJECT_RENDER_ALL": "1"} if whole else {}
    script = ROOT / "fvlib" / "render" / "before_quarto.py"
    subprocess.run([sys.executable, script], env=environment, check=True)
    assert folder.exists() is not whole


PDF: Final = """
#import "/fvlib/render/look.typ": *
#let stamps = state("refresh-stamps", ())
{checks}
#refresh-stamp((refresh: "synthetic", results: "1f"))
#refresh-stamp((refresh: "{second}", results: "1f"))
#one-refresh
"""


@pytest.mark.parametrize("second", ["synthetic", "early"])
def test_no_pdf_is_made_of_two_refreshes(second: str) -> None:
    partial = (ROOT / "fvlib" / "render" / "typst-show.typ").read_text(encoding="utf-8")
    checks = partial[partial.index("#let refresh-stamp") : partial.index("#let appendix-state")]
    source = PDF.format(checks=checks, second=second).encode()
    compiler = typst.Compiler(source, root=ROOT, ignore_system_fonts=True)
    if second == "synthetic":
        assert compiler.compile(format="pdf")
    else:
        with pytest.raises(typst.TypstError, match=r"synthetic \(results 1f\) and early"):
            compiler.compile(format="pdf")


def test_one_numbering_for_both_renderers() -> None:
    """Quarto numbers the index page too, unless its heading says otherwise."""
    first = read_book(ROOT).parts[0]
    assert first.number == ""
    assert "title" not in first.chapter.meta


def test_every_chapter_names_its_refresh() -> None:
    for part in read_book(ROOT).parts:
        source = (ROOT / part.chapter.name).read_text(encoding="utf-8")
        assert "\nreport.notice\n" in source, part.chapter.name


def test_what_a_stopped_render_leaves_is_ignored_by_git() -> None:
    left = ["index.html", "index.typ", "site_libs/x.js", "chapters/primary.html"]
    left += ["chapters/primary_files/a.svg", "index_files/a.svg", "index.quarto_ipynb"]
    ignored = subprocess.run(
        ["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ignored.returncode == 128:
        pytest.skip("not a git checkout")
    assert ignored.stdout.split() == left
