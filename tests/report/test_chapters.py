"""The chapters' sources: no number typed, no data touched, every key and label there."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fvlib.render.qmd import Chapter, Text, parse
from fvlib.report import Report
from fvlib.report.plots.names import PLOTS
from fvlib.report.tables.names import TABLES
from tests.support.report_bundles import CASES

Open = Callable[..., Report]
ROOT = Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "index.qmd", *sorted((ROOT / "chapters").glob("*.qmd"))]
CHAPTERS = {path.stem: parse(path.read_text(encoding="utf-8"), path.name) for path in SOURCES}
ALLOWED_IMPORTS = {"fvlib.report"}
INLINE = re.compile(r"`\{python\}[^`]*`")
KEY = re.compile(r"""report\.q\[["']([^"']+)["']\]""")
SHOWN = re.compile(r"""report\.(plot|table)\(["']([^"']+)["']\)""")
# Names that hold a digit and are no numbers of the trial.
NAMES = re.compile(r"\]\([^)]*\)|\{#[^}]*\}|@(?:fig|tbl|sec)-[\w-]+")


def prose(chapter: Chapter) -> str:
    return "\n".join(block.source for block in chapter.blocks if isinstance(block, Text))


@pytest.mark.parametrize("stem", CHAPTERS)
def test_no_number_is_typed(stem: str) -> None:
    chapter = CHAPTERS[stem]
    captions = [
        str(cell.options.get(option, ""))
        for cell in chapter.cells
        for option in ("fig-cap", "fig-alt", "tbl-cap")
    ]
    text = NAMES.sub("", INLINE.sub("", "\n".join([prose(chapter), *captions])))
    typed = [line for line in text.split("\n") if re.search(r"\d", line)]
    assert typed == []


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_opens_the_report_and_touches_nothing_else(stem: str) -> None:
    for cell in CHAPTERS[stem].cells:
        for node in ast.walk(ast.parse(cell.code)):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= ALLOWED_IMPORTS
            elif isinstance(node, ast.ImportFrom):
                assert node.module in ALLOWED_IMPORTS
            elif isinstance(node, ast.BinOp):
                pytest.fail(f"{stem}, line {cell.line}: arithmetic in a chapter")
            elif isinstance(node, ast.Name):
                assert node.id in ("report", "refresh", "open_report")
            elif isinstance(node, ast.Attribute):
                assert node.attr in ("notice", "plot", "table", "changes")


@pytest.mark.parametrize("stem", CHAPTERS)
def test_inline_expressions_pick_ready_strings(stem: str) -> None:
    for block in CHAPTERS[stem].blocks:
        if isinstance(block, Text):
            for expression in block.expressions:
                assert KEY.fullmatch(expression), expression


@pytest.mark.parametrize("stem", CHAPTERS)
def test_the_parameters_cell_comes_first(stem: str) -> None:
    first = CHAPTERS[stem].cells[0]
    assert first.tags == ("parameters",)
    assert first.code == 'refresh = "synthetic"'


@pytest.mark.parametrize("stem", CHAPTERS)
def test_one_thing_a_cell_with_label_caption_and_alt_text(stem: str) -> None:
    for cell in CHAPTERS[stem].cells:
        shown = SHOWN.findall(cell.code)
        assert len(shown) <= 1
        for kind, name in shown:
            assert name in (PLOTS if kind == "plot" else TABLES)
            prefix = "fig" if kind == "plot" else "tbl"
            assert str(cell.label).startswith(f"{prefix}-")
            assert len(str(cell.options[f"{prefix}-cap"])) > 10
            if kind == "plot":
                assert len(str(cell.options["fig-alt"])) > 60


def test_labels_are_unique_and_references_lead_somewhere() -> None:
    labels = [cell.label for c in CHAPTERS.values() for cell in c.cells if cell.label]
    assert len(labels) == len(set(labels))
    for stem, chapter in CHAPTERS.items():
        for reference in re.findall(r"@((?:fig|tbl)-[\w-]+)", prose(chapter)):
            assert reference.rstrip(".") in labels, (stem, reference)


def test_the_skeleton_is_kept() -> None:
    for stem, first in dict.fromkeys(
        ("primary", "data-quality", "secondary", "sensitivity"), "Question"
    ).items():
        heads = re.findall(r"^## (.+)$", prose(CHAPTERS[stem]), re.MULTILINE)
        assert heads[0] == first
        assert heads[-2:] == ["Checks", "Limits"]


@pytest.mark.parametrize("case", CASES)
def test_every_key_is_there_whatever_the_results(standing: Open, case: str) -> None:
    q = standing(case).q
    for chapter in CHAPTERS.values():
        for key in KEY.findall(prose(chapter)):
            assert q[key].strip(), key
            assert "nan" not in q[key]


def test_an_interim_report_has_no_verdict_and_no_p(standing: Open) -> None:
    q = standing("interim").q
    for stem, chapter in CHAPTERS.items():
        text = KEY.sub(lambda found: q[found[1]], prose(chapter))
        assert not re.search(r"\bp [=<>]|\breduced\b|\bincreased\b|\bunclear\b", text, re.I), stem


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
