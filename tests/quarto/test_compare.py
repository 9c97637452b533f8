"""The comparison of two renders finds what differs, and nothing where nothing does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import typst

from tests.quarto.compare import compare_pages, outside, overprinted
from tests.quarto.outputs import Word, read_pages, read_words

TITLE: Final = "The report"
PORTABLE: Final = """<html><body><header><h1>The report</h1></header><main>
<section><h2><span class="number">1</span> Rain</h2>
<p>It rained on 52 days of 365, see <a class="xref" href="#fig-a">Figure 1.1</a>.</p>
<figure id="fig-a"><img src="data:image/svg+xml;base64,AA" alt="a">
<figcaption><span class="label">Figure\u00a01.1.</span> Rain by month.</figcaption></figure>
<div class="scroll"><table><thead><tr><th>Station</th><th>Days</th></tr></thead>
<tbody><tr><td>Birk</td><td>180</td></tr></tbody></table></div>
<div class="table-notes"><p>Rounded to 5.</p></div>
</section></main></body></html>"""
QUARTO: Final = """<html><body><nav id="quarto-sidebar"><p>1 of 7 chapters</p></nav><main>
<header id="title-block-header"><h1 class="title"><span class="chapter-number">1</span>\u00a0
<span class="chapter-title">Rain</span></h1></header>
<p>It rained on 52 days of 365, see <a class="quarto-xref" href="#fig-a">Figure\u00a01.1</a>.</p>
<p class="refresh-stamp">Refresh synthetic 2025</p>
<div id="fig-a"><figure><img src="a.svg" alt="a">
<figcaption class="quarto-float-caption">Figure\u00a01.1: Rain by month.</figcaption></figure></div>
<table><thead><tr><th>Station</th><th>Days</th></tr></thead>
<tbody><tr><td>Birk</td><td>180</td></tr></tbody>
<tfoot><tr><td colspan="2">Rounded to 5.</td></tr></tfoot></table>
</main></body></html>"""


def differences(tmp_path: Path, theirs: str) -> dict[str, list[str]]:
    ours, other = tmp_path / "ours.html", tmp_path / "theirs.html"
    ours.write_text(PORTABLE, encoding="utf-8")
    other.write_text(theirs, encoding="utf-8")
    found = compare_pages(read_pages([ours], TITLE), read_pages([other], TITLE))
    return {aspect: told for aspect, told in found.items() if told}


def test_the_same_report_written_by_two_renderers_does_not_differ(tmp_path: Path) -> None:
    assert differences(tmp_path, QUARTO) == {}


@pytest.mark.parametrize(
    ("aspect", "old", "new"),
    [
        ("headings", ">1</span>", ">2</span>"),
        ("headings", ">Rain<", ">Snow<"),
        ("captions", "1.1: Rain", "2.1: Rain"),
        ("captions", "by month", "by year"),
        ("references", "Figure\u00a01.1</a>", "Figure fig-a</a>"),
        ("prose", "52 days", "53 days"),
        ("tables", "180", "181"),
        ("notes", "to 5", "to 10"),
        ("ids repeated in the second", '<table>', '<table id="fig-a">'),
        ("fetched by the second", "<nav", '<script src="https://cdn.example/x.js"></script><nav'),
        ("fetched by the second", "<nav", '<link rel="stylesheet" href="//fonts.example"><nav'),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_found(tmp_path: Path, aspect: str, old: str, new: str) -> None:
    assert old in QUARTO
    assert aspect in differences(tmp_path, QUARTO.replace(old, new))


def test_overprinted_words_are_found_in_a_pdf_and_lines_that_follow_are_not(
    tmp_path: Path,
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(typst.compile(b"First line of some length\\ and a second line, dotted below"))
    assert [overprinted(words) for words in read_words(pdf)] == [[]]
    pdf.write_bytes(typst.compile(b"First line of some length #place(dy: -0.7em)[printed over it]"))
    assert overprinted(read_words(pdf)[0])


def test_words_at_the_edge_of_the_page_are_found() -> None:
    inside = Word("inside", 70, 400, 120, 410)
    cut = Word("cut", 570, 400, 620, 410)
    below = Word("below", 70, 2, 90, 12)
    assert outside([inside, cut, below]) == ["cut", "below"]
