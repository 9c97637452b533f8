"""School terms: their nominal dates, which were closed, and which three follow a referral.

A term is an integer, three to an academic year, so that terms in order of time are integers in
order: 3 x the academic year's first calendar year + 0 (autumn), 1 (spring), 2 (summer).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.trial.calendar import DAY
from fvlib.trial.frames import Bools, Days, Ints, coded, days

NAMES: Final = tuple(protocol.TERM_STARTS)  # autumn, spring, summer
PER_YEAR: Final = len(NAMES)


def term_number(attendance: pd.DataFrame) -> Ints:
    """Terms of attendance rows, from their columns academic_year and term."""
    codes = pd.Categorical(attendance["term"], list(NAMES)).codes.astype(np.int64)
    return attendance["academic_year"].to_numpy(np.int64) * PER_YEAR + codes


def term_year(number: Ints) -> Ints:
    """First calendar year of a term's academic year."""
    return number // PER_YEAR


def term_names(number: Ints) -> pd.Categorical[Any]:
    """Name each term `autumn`, `spring` or `summer`."""
    return coded(number % PER_YEAR, NAMES)


def term_dates(number: Ints) -> tuple[Days, Days]:
    """First and last day: from the nominal first day to the day before the next term's."""
    return _first_day(number), _first_day(number + 1) - DAY


def _first_day(number: Ints) -> Days:
    starts = np.array(list(protocol.TERM_STARTS.values()))
    month, day_of_month = starts[number % PER_YEAR].T
    # Autumn opens the academic year; the terms after it lie in the next calendar year.
    year = term_year(number) + (month < starts[0, 0])
    months = (year - 1970) * 12 + month - 1
    first: Days = months.astype("datetime64[M]").astype("datetime64[D]") + (day_of_month - 1)
    return first


def deciding_terms(cohort: pd.DataFrame, attendance: pd.DataFrame) -> tuple[Ints, Ints]:
    """Find the first three terms that begin strictly after each referral, closed ones left out.

    A term was closed when it has ended by `data_through` and no child of the LA has possible
    sessions in it. An LA without any attendance row tells nothing about closures: none of its
    terms is passed over, and their rows will be missing.

    Parameters
    ----------
    cohort
        Cohort children: la, referral_date, data_through.
    attendance
        Attendance rows of every child of the extracts.

    Returns
    -------
    position, number
        One entry a child-term: the child's position in the cohort, and the term.
    """
    held = attendance["sessions_possible"].fillna(0).to_numpy() > 0
    terms = term_number(attendance)
    positions, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for la, members in cohort.groupby("la", observed=True, sort=True):
        of_la = (attendance["la"] == la).to_numpy()
        referral = days(members["referral_date"])
        candidates = _open_terms(
            referral, days(members["data_through"]).max(), terms[of_la & held], bool(of_la.any())
        )
        after = np.searchsorted(_first_day(candidates), referral, side="right")
        chosen = candidates[after[:, None] + np.arange(protocol.SCHOOL_TERMS_FOLLOWED)]
        positions.append(
            np.repeat(cohort.index.get_indexer(members.index), protocol.SCHOOL_TERMS_FOLLOWED)
        )
        numbers.append(chosen.ravel())
    position, number = np.concatenate(positions), np.concatenate(numbers)
    order = np.lexsort((number, position))
    return position[order], number[order]


def _open_terms(referral: Days, through: np.datetime64, held: Ints, informed: bool) -> Ints:
    """List an LA's terms in order without closed ones, far enough for three after a referral."""
    first_year = int(referral.min().astype("datetime64[Y]").astype(int)) + 1970 - 1
    last = max(referral.max(), through).astype("datetime64[Y]")
    last_year = int(last.astype(int)) + 1970 + 2
    terms = np.arange(first_year * PER_YEAR, last_year * PER_YEAR, dtype=np.int64)
    ended: Bools = term_dates(terms)[1] <= through
    closed = ended & ~np.isin(terms, held)
    return terms[~(closed & informed)]
