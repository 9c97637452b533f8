"""The implementation and process evaluation in sentences: what arrived, what met its threshold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pandas as pd

from fvlib.contract import codes
from fvlib.ipe.indicators import BEFORE, INDICATORS, MET, Indicator
from fvlib.ipe.schedule import ARRIVED, IN_PART, LATE, MISSING, NOT_DUE
from fvlib.ipe.trial_schedule import COLLECTIONS as COLLECTED
from fvlib.report.bundle import ReleasedBundle
from fvlib.report.words import labels, numbers
from fvlib.report.words.ipe_labels import COLLECTIONS, TIMES, value
from fvlib.report.words.phrases import say

# Chapters mark a place for qualitative findings with this line; see `empty_places`.
TO_BE_WRITTEN: Final = "*To be written.*"
PLACE: Final = re.compile(r"^::: \{\.callout-note[^}]*\}\n## ([^\n]+)\n(.*?)^:::", re.M | re.S)


def strings(bundle: ReleasedBundle) -> dict[str, str]:
    """Make the ready strings of the chapter."""
    return {
        "ipe.arrived": arrived(bundle.table("ipe_schedule"), "returns"),
        "ipe.trial_arrived": arrived(bundle.table("trial_schedule"), "collections"),
        "ipe.trial_schedule": trial_schedule(),
        "ipe.fidelity": judged(bundle, "1a"),
        "ipe.fidelity_spread": spread(bundle, "1a"),
        "ipe.facilitating": judged(bundle, "1b"),
        "ipe.facilitating_spread": spread(bundle, "1b"),
        "ipe.acceptability": judged(bundle, "3b"),
        "ipe.acceptability_spread": spread(bundle, "3b"),
    }


def arrived(table: pd.DataFrame, what: str) -> str:
    """Say how many of the returns or collections that were due arrived."""
    counts = table["state"].value_counts()
    due = int(counts.drop(NOT_DUE, errors="ignore").sum())
    if due == 0:
        return say(f"implementation.{what}", "none_due")
    told = [
        f"{numbers.count(counts[state])} {state}"
        for state in (ARRIVED, IN_PART, LATE, MISSING)
        if state in counts
    ]
    return say(f"implementation.{what}", "some", due=numbers.count(due), told=numbers.listing(told))


def trial_schedule() -> str:
    """Say what the trial collects, and how often."""
    told = [
        say(
            "implementation.schedule",
            "always" if one.until is None else "after_trial",
            what=labels.in_sentence(COLLECTIONS[one.source]),
            months=str(one.every),
        )
        for one in COLLECTED
    ]
    return numbers.listing(told)


def judged(bundle: ReleasedBundle, question: str) -> str:
    """Say in how many LAs each of a question's indicators met its threshold, latest returns."""
    wanted = [row for row in INDICATORS if row.question == question and row.threshold]
    told = [text for row in wanted if (text := _met(bundle.table("ipe"), row))]
    return say("implementation.judged", "some" if told else "none", told="; ".join(told))


def spread(bundle: ReleasedBundle, question: str) -> str:
    """Say on which of a question's judged shares LAs differ most, and from where to where."""
    table = bundle.table("ipe")
    table = table[table["value"].notna()]
    shares = [
        row
        for row in INDICATORS
        if row.question == question and row.threshold and row.kind == "share"
    ]
    found = [
        (row, point, at)
        for row in shares
        for point, at in _compared(table[table["indicator"] == row.id])
    ]
    if not found:
        return say("implementation.spread", "none")
    row, point, at = max(found, key=lambda one: one[2].max() - one[2].min())
    if at.max() == at.min():
        return say("implementation.spread", "alike")
    low, high = str(at.idxmin()), str(at.idxmax())
    return say(
        "implementation.spread",
        "most" if len(shares) > 1 else "one",
        indicator=labels.in_sentence(row.label),
        low=value(row, at[low]),
        low_la=labels.LAS[low],
        high=value(row, at[high]),
        high_la=labels.LAS[high],
        when=say(
            "implementation.when", "before" if point == BEFORE else "after", time=TIMES[point]
        ),
    )


def _compared(part: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield the latest of the time points that most LAs have, with its values by LA."""
    counts = part["time_point"].value_counts()
    points = [point for point in codes.TIME_POINT.written if counts.get(point, 0) > 1]
    if points:
        point = max(points, key=lambda name: (counts[name], points.index(name)))
        at = part[part["time_point"] == point].set_index("la")["value"].astype(float)
        yield point, at


def _met(table: pd.DataFrame, row: Indicator) -> str:
    part = table[(table["indicator"] == row.id) & table["met"].notna() & (table["met"] != "")]
    if part.empty:
        return ""
    order = part["time_point"].map({name: at for at, name in enumerate(codes.TIME_POINT.written)})
    latest = part[order == order.groupby(part["la"]).transform("max")]
    n = int((latest["met"] == MET).sum())
    return say(
        "implementation.judged_one",
        met=numbers.SMALL_NUMBERS[n] if n else say("implementation.judged_no_la"),
        las=numbers.SMALL_NUMBERS[len(latest)],
        indicator=labels.in_sentence(row.label),
    )


def empty_places(source: str) -> list[str]:
    """List the places for qualitative findings that a chapter's source still has empty."""
    return [title.strip() for title, body in PLACE.findall(source) if TO_BE_WRITTEN in body]
