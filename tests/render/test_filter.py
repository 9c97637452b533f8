"""The Lua filter: numbers, references, forms, and everything that it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fvlib.errors import Refusal
from tests.support.small_book import make_book, render_at

Page = Callable[..., str]
FIGURE = '![Caption.](p.svg){#fig-%s fig-alt="A picture."}\n\n'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="20pt"/>'
TABLE = ": Words. {#tbl-%s}\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"


@pytest.fixture
def picture(tmp_path: Path) -> None:
    (tmp_path / "p.svg").write_text(SVG, encoding="utf-8")


def words(html: str) -> str:
    found = re.search(r"<main[^>]*>(.*)</main>", html, re.DOTALL)
    assert found
    body = found[1]
    return " ".join(re.sub(r"<[^>]+>", "", body).replace("\u00a0", " ").split())


def test_numbers_run_by_chapter_and_kind(page: Page, picture: None) -> None:
    html = page(
        {
            "index.qmd": "# Before {.unnumbered}\n\n"
            "See @fig-c, @tbl-b, @sec-two, @sec-deep, @sec-app.\n",
            "one.qmd": "# One\n\n" + FIGURE % "a" + TABLE % "a" + FIGURE % "b",
            "two.qmd": "# Two {#sec-two}\n\n## A\n\n## B\n\n### C {#sec-deep}\n\n"
            + FIGURE % "c"
            + TABLE % "b",
            "app-x.qmd": "# More {#sec-app}\n\n" + TABLE % "c" + "As @tbl-c.\n",
        }
    )
    text = words(html)
    assert "See Figure 2.1, Table 2.1, Chapter 2, Section 2.2.1, Appendix A." in text
    assert "Figure 1.2. Caption." in text
    assert "Table A.1. Words." in text
    assert "As Table A.1." in text
    assert '<a href="#fig-c" class="xref">' in html


def test_references_take_quartos_forms(page: Page, picture: None) -> None:
    expected = (
        "One Figure 1.1; two Figure 1.1, Figure 1.2; three 1.2; four panel 1.1; "
        "five Equation (1.1)."
    )
    text = words(
        page(
            "# T\n\n" + FIGURE % "a" + FIGURE % "b" + "$$ x $$ {#eq-e}\n\n"
            "One @Fig-a; two [@fig-a; @fig-b]; three [-@fig-b]; four [panel @fig-a]; five @eq-e.\n"
        )
    )
    assert expected in text


def test_a_div_with_a_label_takes_its_last_paragraph_as_caption(page: Page) -> None:
    html = page(
        "# T\n\n::: {#tbl-d}\n\n| a |\n|---|\n| 1 |\n\nThe *caption*.\n:::\n\nSee @tbl-d.\n"
    )
    assert re.search(
        r'<figure id="tbl-d" class="table">\s*<figcaption>.*?The <em>caption</em>\.</figcaption>',
        html,
        re.DOTALL,
    )


def test_links_lead_to_chapters_and_headings(page: Page) -> None:
    html = page(
        {
            "one.qmd": "# One\n\n## Same\n\n[a](two.qmd), [b](two.qmd#same), [c](#same), "
            "[d](https://example.org/).\n",
            "two.qmd": "# Two\n\n## Same\n\nText.\n",
        }
    )
    for target in ("#chapter-two", "#two-same", "#one-same", "https://example.org/"):
        assert f'<a href="{target}"' in html
    assert html.count('id="two-same"') == 1


def test_callouts_and_tabs(page: Page) -> None:
    html = page(
        "# T\n\n::: {.callout-note}\n## Mark *this*\n\nText.\n:::\n\n"
        '::: {.callout-tip title="Folded" collapse="true"}\nText.\n:::\n\n'
        "::: {.panel-tabset}\n## First\n\nA.\n\n### Deeper\n\n## Second\n\nB.\n:::\n"
    )
    assert '<aside class="callout note" role="note">' in html
    assert '<p class="callout-title">Mark <em>this</em></p>' in html
    assert '<details class="callout tip">' in html
    assert html.count('<section class="tab">') == 2
    assert "<strong>Deeper</strong>" in html
    assert "First</a>" not in html  # a tab is no section of the contents


def test_content_is_shown_by_format(page: Page) -> None:
    html = page(
        '# T\n\n::: {.content-visible when-format="html"}\nyes\n:::\n\n'
        '::: {.content-hidden when-format="html"}\nno\n:::\n\n'
        '::: {.content-visible unless-format="html"}\nnever\n:::\n'
    )
    assert words(html) == "1 T yes"


def test_footnotes_of_two_chapters_may_have_the_same_name(page: Page) -> None:
    html = page({"a.qmd": "# A\n\nx[^n]\n\n[^n]: one\n", "b.qmd": "# B\n\ny[^n]\n\n[^n]: two\n"})
    assert html.index("one") < html.index("two")
    assert '<aside id="footnotes"' not in html
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_references_close_the_book(tmp_path: Path) -> None:
    bib = "@book{k, author={Box, G.}, title={Robust}, year={1979}}\n"
    (tmp_path / "r.bib").write_text(bib, encoding="utf-8")
    book = make_book(tmp_path, {"a.qmd": "# A\n\nAs [@k] has it.\n"}, "bibliography: r.bib\n")
    outcome = render_at(book)
    assert outcome.html is not None
    text = words(outcome.html.read_text(encoding="utf-8"))
    assert "As (Box 1979) has it." in text
    assert text.endswith("References Box, G. 1979. Robust.")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("See @fig-none.", "@fig-none leads to nothing"),
        ("See @someone.", "@someone leads to nothing"),
        ("See @thm-x.", "cross-reference type thm- (@thm-x) is not known"),
        ("::: {#lst-x}\nText.\n\nCaption.\n:::", "cross-reference type lst- (lst-x) is not known"),
        ("::: {.column-margin}\nText.\n:::", "div class .column-margin is not known"),
        ("::: {.callout-joke}\nText.\n:::", "callout of type joke"),
        ("::: {#nte-x .callout-note}\nText.\n:::", "cross-references to callouts (nte-x)"),
        ("::: {#fig-x}\nText alone.\n:::", "fig-x has no caption"),
        ("A [word]{.fancy}.", "span class .fancy is not known"),
        ("## Two {.fancy}", "heading class .fancy is not known"),
        (FIGURE.replace(' fig-alt="A picture."', "") % "a", "has no fig-alt"),
        ('![Caption.](p.svg){fig-alt="A."}', "has no label that begins fig-"),
        (": Words.\n\n| a |\n|---|\n| 1 |\n", "has no label that begins tbl-"),
        (TABLE % "a" + TABLE % "a", "the label tbl-a is already used in one.qmd"),
        ("## A {#sec-a}\n\nIn Section @sec-a.", "would print the word twice"),
        ("[x](two.qmd)", "leads to no chapter"),
        ("[x](#nowhere)", "leads to nothing"),
        ("[x](../data/secret.csv)", "leads out of the report"),
        ("## A\n\n#### B", "goes from level 2 to level 4"),
        ("# Another", "a second level-one heading"),
        ("::: {.panel-tabset}\nText.\n:::", "must begin with a heading"),
        ("```{=latex}\nx\n```", "format latex is not known"),
        ("\n@sec-x. Begins a line.", "read as a numbered example"),
        ("![C](https://example.org/a.png){#fig-a fig-alt='A'}", "is not a file of the project"),
    ],
)
def test_what_is_not_known_or_leads_nowhere_is_refused(
    page: Page, picture: None, source: str, told: str
) -> None:
    with pytest.raises(Refusal) as refused:
        page("# T\n\n" + source + "\n")
    assert told in str(refused.value)
    assert "one.qmd: " in str(refused.value)


def test_all_faults_are_told_together(page: Page) -> None:
    with pytest.raises(Refusal) as refused:
        page({"a.qmd": "# A\n\n@fig-x\n", "b.qmd": "# B\n\n@tbl-y and @sec-z\n"})
    lines = str(refused.value).splitlines()
    assert [line.split(" leads")[0] for line in lines] == [
        "a.qmd: @fig-x",
        "b.qmd: @tbl-y",
        "b.qmd: @sec-z",
    ]


def test_an_unnumbered_chapter_cannot_be_cited_into(page: Page, picture: None) -> None:
    with pytest.raises(Refusal, match="unnumbered chapter"):
        page({"index.qmd": "# I {.unnumbered}\n\n" + FIGURE % "a" + "See @fig-a.\n"})


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("brand: x.yml\n", "unknown key brand"),
        ("bibliography: none.bib\n", "none.bib, which does not exist"),
        ("fig-format: gif\n", "fig-format 'gif'"),
        ("fig-width: wide\n", "numbers of inches"),
    ],
)
def test_a_project_file_that_is_not_understood_is_refused(page: Page, more: str, told: str) -> None:
    with pytest.raises(Refusal, match=r"_quarto\.yml") as refused:
        page("# T\n", more)
    assert told in str(refused.value)


def test_a_chapter_that_is_not_there_or_not_utf8_is_refused(tmp_path: Path) -> None:
    root = make_book(tmp_path, {"a.qmd": "# A\n", "b.qmd": "# B\n"})
    (root / "b.qmd").write_bytes("# Caf\u00e9\n".encode("latin-1"))
    with pytest.raises(Refusal, match=r"b\.qmd is not UTF-8"):
        render_at(root)
    (root / "b.qmd").unlink()
    with pytest.raises(Refusal, match=r"lists b\.qmd, which does not exist"):
        render_at(root)
