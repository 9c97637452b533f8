"""The implementation and process evaluation in sentences: what arrived, what met its threshold."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from fvlib.data import codes
from fvlib.ipe.indicators import INDICATORS, MET, Indicator
from fvlib.ipe.schedule import ARRIVED, IN_PART, LATE, MISSING, NOT_DUE
from fvlib.report import words
from fvlib.report.bundle import Bundle

# Chapters mark a place for qualitative findings with this line; see `empty_places`.
TO_BE_WRITTEN: Final = "*To be written.*"
PLACE: Final = re.compile(r"^::: \{\.callout-note[^}]*\}\n## ([^\n]+)\n(.*?)^:::", re.M | re.S)


def strings(bundle: Bundle) -> dict[str, str]:
    """Make the ready strings of the chapter."""
    return {
        "ipe.arrived": arrived(bundle),
        "ipe.fidelity": judged(bundle, "1a"),
        "ipe.facilitating": judged(bundle, "1b"),
        "ipe.acceptability": judged(bundle, "3b"),
    }


def arrived(bundle: Bundle) -> str:
    """Say how many of the returns that were due arrived."""
    table = bundle.table("ipe_schedule")
    counts = table["state"].value_counts()
    due = int(counts.drop(NOT_DUE, errors="ignore").sum())
    if due == 0:
        return "No return was due by the date of this refresh."
    told = [
        f"{words.count(counts[state])} {state}"
        for state in (ARRIVED, IN_PART, LATE, MISSING)
        if state in counts
    ]
    return f"Of {words.count(due)} returns that were due, {words.listing(told)}."


def judged(bundle: Bundle, question: str) -> str:
    """Say in how many LAs each of a question's indicators met its threshold, latest returns."""
    wanted = [row for row in INDICATORS if row.question == question and row.threshold]
    told = [text for row in wanted if (text := _met(bundle.table("ipe"), row))]
    if not told:
        return "No indicator of this question could be held against its threshold."
    return f"At each local authority\u2019s latest return: {'; '.join(told)}."


def _met(table: pd.DataFrame, row: Indicator) -> str:
    part = table[(table["indicator"] == row.id) & table["met"].notna() & (table["met"] != "")]
    if part.empty:
        return ""
    order = part["time_point"].map({name: at for at, name in enumerate(codes.TIME_POINT.written)})
    latest = part[order == order.groupby(part["la"]).transform("max")]
    n = int((latest["met"] == MET).sum())
    count = words.SMALL_NUMBERS[n] if n else "none"
    return f"{words.in_sentence(row.label)}, met by {count} of {words.SMALL_NUMBERS[len(latest)]}"


def empty_places(source: str) -> list[str]:
    """List the places for qualitative findings that a chapter's source still has empty."""
    return [title.strip() for title, body in PLACE.findall(source) if TO_BE_WRITTEN in body]
