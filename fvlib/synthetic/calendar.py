"""Days, calendar months and school terms as integer arrays, for the simulator.

A day is the number of days since 1970-01-01, a month the number of months since January 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fvlib import protocol

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EPOCH: Final = date(1970, 1, 1)
FAR: Final = (date(9999, 12, 31) - EPOCH).days  # "never", in sums and comparisons
TERM_NAMES: Final = tuple(protocol.TERM_STARTS)

# Schools in the pandemic: no sessions for anyone in these LAs, and a part of them in others.
# Academic years by their first calendar year.
CLOSED_TERMS: Final = {
    (2019, "summer"): ("warwickshire", "coventry", "sefton"),
    (2020, "spring"): ("coventry", "solihull"),
}
PARTLY_CLOSED: Final = {(2019, "summer"): 0.4, (2020, "spring"): 0.5}
_FIRST_ACADEMIC_YEAR: Final = 2018


def day_number(day: date) -> int:
    """Days from 1970-01-01 to `day`."""
    return (day - EPOCH).days


# Tables for the years 1900 to 2199: numpy's own conversions cost more than all else here.
_EARLIEST_MONTH: Final = (1900 - EPOCH.year) * 12
_FIRST_DAYS: Final = (
    np.arange(_EARLIEST_MONTH, (2200 - EPOCH.year) * 12)
    .astype("M8[M]")
    .astype("M8[D]")
    .astype(np.int64)
)
_MONTHS: Final = np.repeat(
    np.arange(_EARLIEST_MONTH, _EARLIEST_MONTH + len(_FIRST_DAYS) - 1), np.diff(_FIRST_DAYS)
)


def month_of(days: Ints) -> Ints:
    """Month number of each day."""
    months: Ints = _MONTHS[days - _FIRST_DAYS[0]]
    return months


def first_day(months: Ints) -> Ints:
    """Day number of the first of each month."""
    days: Ints = _FIRST_DAYS[months - _EARLIEST_MONTH]
    return days


def months_after(days: Ints, months: int) -> Ints:
    """Add calendar months, clamped to the month's last day: 31 August + 18 = 28 February."""
    month = month_of(days)
    day_of_month = days - first_day(month)
    target = first_day(month + months)
    length = first_day(month + months + 1) - target
    moved: Ints = target + np.minimum(day_of_month, length - 1)
    return moved


@dataclass(frozen=True, slots=True)
class SchoolTerms:
    """School terms in order, and which of them each LA's schools were open in.

    Attributes
    ----------
    first_month, last_day : (terms,) months, days
    academic_year : (terms,) first calendar year
    name : (terms,) position in `TERM_NAMES`
    open_share : (LAs, terms) share of a term's usual sessions that took place, 0 = closed
    """

    first_month: Ints
    last_day: Ints
    academic_year: Ints
    name: Ints
    open_share: Floats

    def following(self, la: Ints, days: Ints, count: int) -> Ints:
        """Positions of the first `count` open terms that begin after each day: (rows, count).

        Where fewer are known, the position is the number of terms.
        """
        terms = len(self.first_month)
        open_terms = self.open_share > 0
        order = np.full((len(open_terms), terms + count + 1), terms, dtype=np.int64)
        for row, is_open in enumerate(open_terms):
            positions = np.flatnonzero(is_open)
            order[row, : len(positions)] = positions
        open_before = np.zeros((len(open_terms), terms + 1), dtype=np.int64)
        open_before[:, 1:] = np.cumsum(open_terms, axis=1)
        later = np.searchsorted(first_day(self.first_month), days, side="right")
        first = open_before[la, later]
        found: Ints = order[la[:, None], first[:, None] + np.arange(count)]
        return found


def school_terms(through: date) -> SchoolTerms:
    """Terms from autumn 2018 on that have ended by `through`."""
    first_month, year_of, name_of = [], [], []
    for year in range(_FIRST_ACADEMIC_YEAR, through.year + 2):
        for position, (month, _) in enumerate(protocol.TERM_STARTS.values()):
            calendar_year = year if month >= protocol.TERM_STARTS["autumn"][0] else year + 1
            first_month.append((calendar_year - EPOCH.year) * 12 + month - 1)
            year_of.append(year)
            name_of.append(position)
    starts = np.array(first_month, dtype=np.int64)
    last_day = first_day(starts[1:]) - 1
    ended = int(np.searchsorted(last_day, day_number(through), side="right"))
    open_share = np.ones((len(protocol.LA_KEYS), ended))
    for position in range(ended):
        key = (year_of[position], TERM_NAMES[name_of[position]])
        if key in CLOSED_TERMS:
            open_share[:, position] = PARTLY_CLOSED[key]
            closed = [protocol.LA_KEYS.index(la) for la in CLOSED_TERMS[key]]
            open_share[closed, position] = 0.0
    return SchoolTerms(
        first_month=starts[:ended],
        last_day=last_day[:ended],
        academic_year=np.array(year_of[:ended], dtype=np.int64),
        name=np.array(name_of[:ended], dtype=np.int64),
        open_share=open_share,
    )
