"""The trial's own collections, beside the IPE's: what the protocol asks for against what arrived.

A refresh holds everything up to its date, so a collection has arrived when its files are there
and reach into the time that it covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import count, takewhile
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.intake import Extracts
from fvlib.ipe.schedule import state_of
from fvlib.refresh import Refresh, add_months

COLUMNS: Final = ("la", "source", "due", "files_expected", "files_arrived", "state")
# Children carry no date, and absence is followed for three terms only.
UNDATED: Final = ("children", "attendance")
# A figure of the authority holds until the next one.
HOLDING: Final = ("la_context",)


@dataclass(frozen=True, slots=True)
class Collection:
    """One row of the protocol's table (Data gathering).

    Attributes
    ----------
    source
        What is collected.
    files
        The files that hold it.
    every
        Months between two collections.
    until
        Months after the trial period until which it is collected; None within the period.
    """

    source: str
    files: tuple[str, ...]
    every: int
    until: int | None = None


COLLECTIONS: Final = (
    Collection("sample", ("children", "referrals"), every=12),
    Collection("outcomes", ("plans", "care_episodes", "attendance"), every=18, until=36),
    Collection("authority", ("la_context",), every=6),
)


def trial_schedule(extracts: Extracts, refresh: Refresh) -> pd.DataFrame:
    """Set each collection of the trial, by LA, against the files of this refresh.

    Returns
    -------
    la, source (`sample`, `outcomes`, `authority`), due (last day that the collection covers),
    files_expected, files_arrived, state (as in `ipe_schedule`).
    """
    rows = []
    for la in protocol.LA_KEYS:
        through = refresh.data_through[la]
        of_la = extracts.arrivals[extracts.arrivals["la"].astype("str") == la]
        for one in COLLECTIONS:
            spans = days_covered(one, refresh)
            found = {
                due: _arrived(of_la, one.files, after, due)
                for after, due in spans
                if due <= through
            }
            for _, due in spans:
                n, expected = found.get(due, 0), len(one.files)
                overtaken = any(found[other] for other in found if other > due)
                state = state_of(n, expected, due, through, overtaken)
                rows.append((la, one.source, due.isoformat(), expected, n, state))
    return pd.DataFrame.from_records(rows, columns=list(COLUMNS))


def days_covered(collection: Collection, refresh: Refresh) -> list[tuple[date, date]]:
    """Return the first and last day that each collection covers, both included."""
    start, last = refresh.trial_dates
    end = last + date.resolution
    if collection.until is None:
        origin, first, until = start, collection.every, end
    else:
        origin, first, until = end, 0, add_months(end, collection.until)
    months = takewhile(
        lambda months: add_months(origin, months) <= until, count(first, collection.every)
    )
    return [
        (add_months(origin, at - collection.every), add_months(origin, at) - date.resolution)
        for at in months
    ]


def _arrived(files: pd.DataFrame, names: tuple[str, ...], after: date, due: date) -> int:
    """Count the files that hold rows and reach into the time that a collection covers."""
    held = files[(files["rows_kept"] > 0) & files["file"].isin(names)]
    reaches = held["last_date"] >= pd.Timestamp(after)
    holds = held["first_date"] <= pd.Timestamp(due)
    there = reaches.where(~held["file"].isin(HOLDING), holds)
    return int((there | held["file"].isin(UNDATED)).sum())
