"""The chapters' sources: nothing done that a chapter can't do, every key and label there.

What a chapter says, in which words and under which headings, is its author's: nothing here looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fvlib.render.book import read_book
from fvlib.render.chapter_rules import faults, typed_numbers
from fvlib.render.qmd import Chapter, Text
from fvlib.report import Report
from fvlib.report.plots.names import PLOTS
from fvlib.report.tables.names import TABLES
from tests.support.report_bundles import CASES

Open = Callable[..., Report]
ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {part.chapter.stem: part.chapter for part in read_book(ROOT).parts}
INLINE = re.compile(r"`\{python\}[^`]*`")
KEY = re.compile(r"""\bq\[["']([^"']+)["']\]""")
SHOWN = re.compile(r"""report\.(plot|table)\(["']([^"']+)["']\)""")


def prose(chapter: Chapter) -> str:
    return "\n".join(block.source for block in chapter.blocks if isinstance(block, Text))


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_does_nothing_that_it_cannot(stem: str) -> None:
    assert faults(CHAPTERS[stem]) == []


@pytest.mark.parametrize("stem", CHAPTERS)
def test_no_number_is_typed(stem: str) -> None:
    assert typed_numbers(CHAPTERS[stem]) == []


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_asks_for_displays_that_there_are(stem: str) -> None:
    for cell in CHAPTERS[stem].cells:
        for kind, name in SHOWN.findall(cell.code):
            assert name in (PLOTS if kind == "plot" else TABLES)


def test_labels_are_unique_and_references_lead_somewhere() -> None:
    labels = [cell.label for c in CHAPTERS.values() for cell in c.cells if cell.label]
    assert len(labels) == len(set(labels))
    for stem, chapter in CHAPTERS.items():
        for reference in re.findall(r"@((?:fig|tbl)-[\w-]+)", prose(chapter)):
            assert reference.rstrip(".") in labels, (stem, reference)


@pytest.mark.parametrize("case", CASES)
def test_every_key_is_there_whatever_the_results(standing: Open, case: str) -> None:
    q = standing(case).q
    for chapter in CHAPTERS.values():
        for key in KEY.findall(prose(chapter)):
            assert q[key].strip(), key
            assert "nan" not in q[key]


def test_an_interim_report_shows_no_p(standing: Open) -> None:
    """Of the numbers that chapters take from keys: their own words are their authors'."""
    q = standing("interim").q
    for stem, chapter in CHAPTERS.items():
        for key in KEY.findall(prose(chapter)):
            assert not re.search(r"\bp [=<>]", q[key]), (stem, key)


def syllables(word: str) -> int:
    found = re.findall(r"[aeiouy]+", re.sub(r"(?<=[^aeioul])e$|(?<=[a-z])es$|ed$", "", word))
    return max(1, len(found))


def grade(text: str) -> float:
    """Flesch-Kincaid grade level (Kincaid and others 1975)."""
    sentences = [s for s in re.split(r"[.?!:]\s+|[.?!:]$", text) if re.search(r"\w", s)]
    words = re.findall(r"[A-Za-z]+|\d[\d.,]*", text)
    count = sum(syllables(word.lower()) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * count / len(words) - 15.59


def test_the_grade_is_that_of_published_texts() -> None:
    # Gettysburg Address, first sentence: about grade 11 to 13 by common calculators.
    address = (
        "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
        "conceived in Liberty, and dedicated to the proposition that all men are created equal."
    )
    assert 11 < grade(address) < 16
    assert grade("The cat sat on the mat. The dog ran to the cat.") < 1


@pytest.mark.parametrize("case", ["final", "interim", "not yet estimable"])
def test_the_plain_summary_is_plain(standing: Open, case: str) -> None:
    q = standing(case).q
    section = prose(CHAPTERS["index"]).split("{#sec-plain}")[1].split("\n## ")[0]
    text = INLINE.sub(lambda found: q[KEY.search(found[0])[1]], section)
    assert grade(text) <= 7
