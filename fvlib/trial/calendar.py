"""Calendar arithmetic on arrays of days: months, ages, periods, school terms.

Arrays of days are `datetime64[D]`; a window, an age or a period is counted in calendar months.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from fvlib import protocol
from fvlib.refresh import add_months
from fvlib.trial.frames import Days, Ints

DAY: Final = np.timedelta64(1, "D")
MONTHS_A_YEAR: Final = 12
DAYS_A_YEAR: Final = 365.25


def months_later(start: Days, months: int) -> Days:
    """Add calendar months, clamped: 31 August 2019 + 18 months = 28 February 2021.

    The array twin of `fvlib.refresh.add_months`; NaT stays NaT.
    """
    month = start.astype("datetime64[M]")
    target = month + np.timedelta64(months, "M")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - DAY
    later: Days = np.minimum(target.astype("datetime64[D]") + (start - month), last)
    return later


def age_in_months(birth_month: Days, on: Days) -> Ints:
    """Whole months of age, counted from the first of the birth month; negative = not yet born."""
    return _month_number(on) - _month_number(birth_month)


def whole_periods(dates: Days, start: date) -> Ints:
    """Whole six-month periods that have passed since `start`; -1 before it. No NaT allowed."""
    if len(dates) == 0:
        return np.zeros(0, dtype=np.int64)
    last = dates.max().astype(object)
    boundaries = [start]
    while boundaries[-1] <= last:
        boundaries.append(add_months(start, len(boundaries) * protocol.PERIOD_MONTHS))
    edges = np.array(boundaries, dtype="datetime64[D]")
    return np.searchsorted(edges, dates, side="right").astype(np.int64) - 1


def academic_year(dates: Days) -> Ints:
    """First calendar year of the September to August year that a day falls in."""
    first_month = protocol.TERM_STARTS["autumn"][0]
    months = _month_number(dates) - (first_month - 1)
    return months // MONTHS_A_YEAR


def _month_number(dates: Days) -> Ints:
    """Months since January of the year 0."""
    return dates.astype("datetime64[M]").astype(np.int64) + 1970 * MONTHS_A_YEAR
