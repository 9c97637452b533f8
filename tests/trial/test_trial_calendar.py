"""Calendar arithmetic on arrays against the date arithmetic of one day at a time."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fvlib.refresh import add_months
from fvlib.trial.calendar import academic_year, age_in_months, months_later, whole_periods
from fvlib.trial.terms import term_dates, term_names, term_year

DATES = st.dates(min_value=date(1995, 1, 1), max_value=date(2040, 12, 31))


def array(*days: date) -> np.ndarray:
    return np.array(days, dtype="datetime64[D]")


@given(day=DATES, months=st.integers(min_value=0, max_value=240))
def test_months_are_added_as_for_one_date(day: date, months: int) -> None:
    assert months_later(array(day), months)[0].astype(object) == add_months(day, months)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2019, 8, 31), 18, date(2021, 2, 28)),  # the plan's own example
        (date(2018, 8, 31), 18, date(2020, 2, 29)),
        (date(2020, 2, 29), 12, date(2021, 2, 28)),
        (date(2019, 10, 31), 18, date(2021, 4, 30)),
        (date(2020, 2, 28), 18, date(2021, 8, 28)),
    ],
)
def test_month_ends_are_clamped(start: date, months: int, end: date) -> None:
    assert months_later(array(start), months)[0].astype(object) == end


def test_no_date_stays_no_date() -> None:
    assert np.isnat(months_later(np.array(["NaT"], dtype="datetime64[D]"), 18)).all()


@given(born=DATES, on=DATES)
def test_age_counts_from_the_first_of_the_birth_month(born: date, on: date) -> None:
    born = born.replace(day=1)
    months = age_in_months(array(born), array(on))[0]
    if on < born:
        assert months < 0
    else:
        assert add_months(born, int(months)) <= on < add_months(born, int(months) + 1)


@given(on=DATES, start=st.dates(min_value=date(2019, 1, 1), max_value=date(2023, 12, 31)))
def test_a_period_is_six_calendar_months(on: date, start: date) -> None:
    period = int(whole_periods(array(on), start)[0])
    if on < start:
        assert period == -1
    else:
        assert add_months(start, 6 * period) <= on < add_months(start, 6 * (period + 1))


def test_the_trials_six_periods() -> None:
    starts = [date(2019, 10, 1), date(2020, 4, 1), date(2020, 10, 1)]
    starts += [date(2021, 4, 1), date(2021, 10, 1), date(2022, 4, 1)]
    before = [start - timedelta(days=1) for start in starts]
    assert whole_periods(array(*starts), date(2019, 10, 1)).tolist() == [0, 1, 2, 3, 4, 5]
    assert whole_periods(array(*before), date(2019, 10, 1)).tolist() == [-1, 0, 1, 2, 3, 4]


def test_academic_years_run_from_september_to_august() -> None:
    days = array(date(2020, 8, 31), date(2020, 9, 1), date(2021, 1, 1), date(1969, 12, 31))
    assert academic_year(days).tolist() == [2019, 2020, 2020, 1969]


def test_terms_follow_each_other_without_a_gap() -> None:
    number = np.arange(3 * 2018, 3 * 2026)
    first, last = term_dates(number)
    assert (first[1:] == last[:-1] + np.timedelta64(1, "D")).all()
    spring = 3 * 2020 + 1
    assert term_names(np.array([spring]))[0] == "spring"
    assert term_year(np.array([spring]))[0] == 2020
    assert [str(day[spring - 3 * 2018]) for day in (first, last)] == ["2021-01-01", "2021-03-31"]
