"""The registers of readings and deviations, as data: `chapters/register.yml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from fvlib.errors import Refusal
from fvlib.report.words import labels
from fvlib.report.words.phrases import say

DEVIATION_MARK: Final = "\u2020"  # dagger
READING_MARK: Final = "\u2021"  # double dagger
KEYS: Final = frozenset({"id", "title", "text", "where", "applies_to", "contested", "when"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One reading of the protocol, or one deviation from it.

    Attributes
    ----------
    id
        R1, R2, ... for readings; D1, D2, ... for deviations.
    title, text
        What it is about, and what is done.
    where
        The protocol's section.
    applies_to
        Outcomes and analyses that it touches.
    contested
        Whether a careful reader might have read otherwise: a table then marks it.
    when
        For a deviation, when it was decided relative to seeing results.
    """

    id: str
    title: str
    text: str
    where: str
    applies_to: tuple[str, ...] = ()
    contested: bool = False
    when: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """All readings and deviations, in order."""

    readings: tuple[Entry, ...]
    deviations: tuple[Entry, ...]

    def marks(self, name: str) -> str:
        """Return the marks that an analysis's or an outcome's label carries."""
        mark = DEVIATION_MARK if any(name in entry.applies_to for entry in self.deviations) else ""
        if any(name in entry.applies_to and entry.contested for entry in self.readings):
            mark += READING_MARK
        return mark

    def notes(self, names: list[str]) -> list[str]:
        """Say what the marks in a table stand for: one line a mark that is used."""
        used = set(names)
        lines = []
        for phrase, entries in (
            ("registers.mark_deviation", self.deviations),
            ("registers.mark_reading", tuple(e for e in self.readings if e.contested)),
        ):
            hit = [entry for entry in entries if used & set(entry.applies_to)]
            if hit:
                told = "; ".join(f"{entry.id}, {labels.in_sentence(entry.title)}" for entry in hit)
                lines.append(say(phrase, entries=told))
        return lines


def read_register(path: Path) -> Register:
    """Read the registers.

    Raises
    ------
    Refusal
        The file is absent or an entry lacks a field or has an unknown one.
    """
    if not path.is_file():
        raise Refusal("chapters/register.yml: no such file; the tables' marks come from it")
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return Register(
        readings=tuple(_entry(item) for item in content.get("readings", [])),
        deviations=tuple(_entry(item) for item in content.get("deviations", [])),
    )


def _entry(item: dict[str, object]) -> Entry:
    name = item.get("id", "an entry without an id")
    unknown, lacking = set(item) - KEYS, {"id", "title", "text", "where"} - set(item)
    if unknown or lacking:
        fault = f"unknown key {sorted(unknown)[0]}" if unknown else f"no {sorted(lacking)[0]}"
        raise Refusal(f"chapters/register.yml: {name}: {fault}")
    applies = item.get("applies_to", [])
    return Entry(
        id=str(item["id"]),
        title=_flat(item["title"]),
        text=_flat(item["text"]),
        where=_flat(item["where"]),
        applies_to=tuple(str(x) for x in applies) if isinstance(applies, list) else (),
        contested=bool(item.get("contested", False)),
        when=_flat(item.get("when", "")),
    )


def _flat(text: object) -> str:
    return " ".join(str(text).split())
