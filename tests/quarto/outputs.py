"""A rendered report as data: what its pages say, read alike from either renderer's HTML and PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pypdfium2
from lxml import html

NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")
LABEL: Final = re.compile(r"^(Figure|Table) ?([A-Z]?\d*(?:\.\d+)*)[.:]? ?")
SKIPPED: Final = (
    "nav",
    "script",
    "style",
    "template",
    "header",
    "footer",
    "math",
)
# Only one of the renderers has these: navigation, contents, the line that names the refresh.
OWN: Final = ("sidebar", "quarto-margin-sidebar", "refresh-stamp", "toc", "page-columns-nav")


@dataclass(frozen=True)
class Page:
    """What one renderer's HTML says, in reading order.

    Attributes
    ----------
    headings
        Number ("" where it has none) and text.
    captions
        Kind, number and text.
    references
        Text of each reference to a figure, table or section.
    prose
        Numbers of each paragraph and list item that has any.
    tables
        Of each table, its cells' texts, row by row.
    notes
        The lines under tables.
    repeated_ids
        Ids that one page has more than once.
    fetched
        Addresses that a browser would fetch from the network.
    """

    headings: list[tuple[str, str]] = field(default_factory=list)
    captions: list[tuple[str, str, str]] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    prose: list[tuple[str, ...]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated_ids: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a PDF: its box in points from the page's lower left corner."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def read_pages(paths: Sequence[Path], title: str) -> Page:
    """Read HTML files, in the book's order, as one; the book's title is no heading of it."""
    read = Page()
    for path in paths:
        tree = html.parse(str(path), html.HTMLParser(encoding="utf-8")).getroot()
        ids = [element.get("id") for element in tree.iter() if element.get("id")]
        read.repeated_ids.extend(sorted({name for name in ids if ids.count(name) > 1}))
        read.fetched.extend(_fetched(tree))
        main = next(iter(tree.xpath("//main")), tree)
        for element in _walk(main):
            _read(element, read)
    read.headings[:] = [heading for heading in read.headings if heading != ("", title)]
    return read


def _walk(element: Any) -> Iterator[Any]:
    """Walk what a reader reads: neither navigation nor what a browser hides."""
    if not isinstance(element.tag, str):
        return
    marks = {element.get("id", ""), *element.get("class", "").split()}
    title_block = element.get("id") == "title-block-header"
    if (element.tag in SKIPPED and not title_block) or marks & set(OWN):
        return
    yield element
    if element.tag == "table":
        return
    for child in element:
        yield from _walk(child)


def _read(element: Any, read: Page) -> None:
    tag, classes = element.tag, element.get("class", "")
    if re.fullmatch(r"h[1-6]", tag) and "callout" not in classes:
        text = _text(element)
        found = re.match(r"(?:Appendix )?([A-Z]|(?:[A-Z]\.)?\d+(?:\.\d+)*)(?: —)? (?=\S)", text)
        numbered = element.xpath(".//*[contains(@class, 'number')]") or text.startswith("Appendix ")
        number = found[1] if found and numbered else ""
        read.headings.append((number, text[found.end() :] if found and number else text))
    elif tag == "figcaption":
        text = _text(element)
        found = LABEL.match(text)
        if found:
            read.captions.append((found[1], found[2], text[found.end() :]))
    elif tag == "a" and ("quarto-xref" in classes or "xref" in classes.split()):
        read.references.append(_text(element))
    elif tag == "table":
        rows = element.xpath("./thead/tr|./tbody/tr|./tr")
        cells = [[_text(cell) for cell in row.xpath("./td|./th")] for row in rows]
        read.tables.append([row for row in cells if any(row)])
        read.notes.extend(_text(cell) for cell in element.xpath("./tfoot//td"))
    elif tag == "p" and element.xpath("parent::*[contains(@class, 'table-notes')]"):
        read.notes.append(_text(element))
    elif tag in ("p", "li") and not element.xpath(
        "ancestor::figcaption|ancestor::*[contains(@class, 'footnote')]"
    ):
        numbers = tuple(NUMBER.findall(_text(element)))
        if numbers:
            read.prose.append(numbers)


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).replace("\u00a0", " ").split())


def _fetched(tree: Any) -> list[str]:
    addresses = [
        *tree.xpath("//script/@src|//img/@src|//iframe/@src"),
        *tree.xpath("//link[not(@rel='canonical')]/@href"),
    ]
    return [address for address in addresses if re.match(r"(https?:)?//", address)]


def read_words(pdf: Path) -> list[list[Word]]:
    """Give the words of a PDF with their boxes, page by page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_words(page.get_textpage()) for page in document]
    finally:
        document.close()


def _words(page: Any) -> list[Word]:
    words: list[Word] = []
    current: list[tuple[str, tuple[float, float, float, float]]] = []
    text = page.get_text_range()
    boxes = [page.get_charbox(i) for i in range(page.count_chars())]
    for letter, box in zip(text, boxes, strict=False):
        next_line = bool(current) and box[3] < current[-1][1][1]  # a word broken over two lines
        if letter.isspace() or next_line:
            words += _joined(current)
            current = []
        if not letter.isspace():
            current.append((letter, box))
    return words + _joined(current)


def _joined(letters: list[tuple[str, tuple[float, float, float, float]]]) -> list[Word]:
    if not letters:
        return []
    boxes = [box for _, box in letters]
    return [
        Word(
            "".join(letter for letter, _ in letters),
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )
    ]
