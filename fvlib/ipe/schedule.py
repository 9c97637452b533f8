"""What the protocol's schedule asks for against what arrived, LA by LA.

The returns carry no date of arrival. A time point that is due and has not arrived is `late` until
the time between two collections has gone by or a later one has arrived; then it is `missing`.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import pandas as pd

from fvlib import protocol
from fvlib.intake import Extracts
from fvlib.ipe.indicators import FGC_TIMES, FOLLOW_UPS, INDICATORS, MONTHS_FROM_LIVE
from fvlib.refresh import Refresh, add_months

ARRIVED: Final = "arrived"
IN_PART: Final = "in part"
LATE: Final = "late"
MISSING: Final = "missing"
NOT_DUE: Final = "not yet due"
# Months between the first two follow-ups (protocol, IPE, Timeline).
GRACE_MONTHS: Final = MONTHS_FROM_LIVE["12m"] - MONTHS_FROM_LIVE["6m"]

# Protocol, Data Collection Schedule and table of indicators: return, its time points.
SCHEDULE: Final = (
    ("admin", tuple(MONTHS_FROM_LIVE)),
    ("survey", FOLLOW_UPS),
    ("fgc", FGC_TIMES),
    ("training", FOLLOW_UPS),
)
COLUMNS: Final = (
    "la", "source", "time_point", "due", "items_expected", "items_arrived", "state",
)  # fmt: skip


def schedule(extracts: Extracts, refresh: Refresh) -> pd.DataFrame:
    """Set what is expected by LA, return and time point against what arrived.

    Returns
    -------
    la, source, time_point, due (from the LA's own live date), items_expected and items_arrived
    (indicators of the admin return; else one return), state.
    """
    frames = {
        "admin": extracts.ipe_admin,
        "survey": extracts.ipe_survey,
        "fgc": extracts.ipe_fgc,
        "training": extracts.ipe_training,
    }
    rows = []
    for la in protocol.LA_KEYS:
        through = refresh.data_through[la]
        for source, points in SCHEDULE:
            of_la = frames[source][frames[source]["la"].astype("str") == la]
            sent = {
                str(point): _items(source, part)
                for point, part in of_la.groupby("time_point", observed=True)
            }
            arrived = [point for point in points if sent.get(point)]
            for point in points:
                due = add_months(refresh.live_date(la), MONTHS_FROM_LIVE[point])
                expected, n = _expected(source, point), sent.get(point, 0)
                overtaken = any(points.index(other) > points.index(point) for other in arrived)
                state = state_of(n, expected, due, through, overtaken)
                rows.append((la, source, point, due.isoformat(), expected, n, state))
    return pd.DataFrame.from_records(rows, columns=list(COLUMNS))


def _expected(source: str, point: str) -> int:
    if source != "admin":
        return 1
    return sum(row.source == "admin" and point in row.time_points for row in INDICATORS)


def _items(source: str, part: pd.DataFrame) -> int:
    if source != "admin":
        return int(len(part) > 0)
    known = {row.id for row in INDICATORS if row.source == "admin"}
    return int(part["indicator"].astype("str").isin(known).sum())


def state_of(n: int, expected: int, due: date, through: date, overtaken: bool) -> str:
    """Say what became of a collection, from how many of its items arrived.

    Parameters
    ----------
    n, expected
        Items that arrived, and all.
    due, through
        When it was due; until when the authority's data are complete.
    overtaken
        Whether a later collection has arrived.
    """
    if n:
        return ARRIVED if n >= expected else IN_PART
    if due > through:
        return NOT_DUE
    return MISSING if overtaken or add_months(due, GRACE_MONTHS) <= through else LATE
