"""What differs between two renders of one report, and what is wrong with the pages of a PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from tests.quarto.outputs import Page, Word

A4: Final = (595.3, 841.9)
# Nothing is set closer to a page's edge than this, in points: 10 mm.
EDGE: Final = 28.3
# Two words overprint each other where they share more than this part of the smaller one's box;
# boxes of neighbouring lines and of accents touch.
SHARED: Final = 0.25
ASPECTS: Final = ("headings", "captions", "references", "prose", "tables", "notes")


def compare_pages(ours: Page, theirs: Page) -> dict[str, list[str]]:
    """Give for each aspect what one render has and the other hasn't, in words."""
    differences = {name: _differ(getattr(ours, name), getattr(theirs, name)) for name in ASPECTS}
    for which, page in (("first", ours), ("second", theirs)):
        differences[f"ids repeated in the {which}"] = page.repeated_ids
        differences[f"fetched by the {which}"] = page.fetched
    return differences


def _differ(ours: Sequence[object], theirs: Sequence[object]) -> list[str]:
    first, second = [repr(item) for item in ours], [repr(item) for item in theirs]
    told: list[str] = []
    for change, i, j, k, m in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if change != "equal":
            told.append(f"{'; '.join(first[i:j]) or 'nothing'} | {'; '.join(second[k:m])}")
    return told


def overprinted(words: Sequence[Word]) -> list[str]:
    """Name the pairs of words of one page that are printed over each other."""
    ordered = sorted(words, key=lambda word: word.bottom)
    return [f"{a.text} / {b.text}" for a, b in _near(ordered) if _shared(a, b) > SHARED]


def _near(ordered: Sequence[Word]) -> Iterator[tuple[Word, Word]]:
    """Give the pairs whose boxes overlap upwards: only these can overlap at all."""
    for i, word in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if other.bottom >= word.top:
                break
            yield word, other


def _shared(a: Word, b: Word) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.top, b.top) - max(a.bottom, b.bottom)
    smaller = min(_area(a), _area(b))
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


def _area(word: Word) -> float:
    return (word.right - word.left) * (word.top - word.bottom)


def outside(words: Sequence[Word]) -> list[str]:
    """Name the words that stand outside the page, or at its very edge."""
    return [
        word.text
        for word in words
        if word.left < EDGE
        or word.right > A4[0] - EDGE
        or word.bottom < EDGE
        or word.top > A4[1] - EDGE
    ]
