"""The seven outcomes, one function each: value, window, observability.

Every window is [index date, index date + N calendar months], both days included, and is observable
when it has closed: its last day is on or before the LA's `data_through`, whatever has been seen so
far. An event seen in an open window does not count yet.

Each function returns one row a sample member (S6: a child-term): child, index_date, value (NaN
unless analysed), state (`analysed`, `not_observable`, `missing`). A child outside an outcome's
sample has no row.

Source: protocol, RCT Design Table (it takes precedence over the prose) and Outcome measures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial.calendar import DAY, DAYS_A_YEAR, MONTHS_A_YEAR, age_in_months, months_later
from fvlib.trial.frames import Bools, Days, Floats, Ints, coded, day, days, stamps
from fvlib.trial.spells import merge
from fvlib.trial.terms import deciding_terms, term_dates, term_names, term_number, term_year

STATES: Final = ("analysed", "not_observable", "missing")
KINSHIP_PLACEMENTS: Final = ("U1", "U2", "U3")  # RCT Design Table, secondary outcome 4


@dataclass(frozen=True)
class Histories:
    """What the outcomes are read from: the cohort and its children's spells and rows.

    Attributes
    ----------
    cohort
        `fvlib.trial.cohort.select`'s frame.
    periods_of_care, plans, plan_spells
        `fvlib.trial.spells`' frames; they may hold children outside the cohort.
    attendance
        The extracts' attendance rows of every child, inside the cohort or not.
    """

    cohort: pd.DataFrame
    periods_of_care: pd.DataFrame
    plans: pd.DataFrame
    plan_spells: pd.DataFrame
    attendance: pd.DataFrame

    @property
    def referral(self) -> Days:
        """Referral date of each cohort child."""
        return days(self.cohort["referral_date"])

    @property
    def data_through(self) -> Days:
        """Last day that the data of each cohort child's LA cover."""
        return days(self.cohort["data_through"])

    def window_end(self, outcome: str) -> Days:
        """Last day of the outcome's window after the referral."""
        return months_later(self.referral, protocol.WINDOW_MONTHS[outcome])

    def of_cohort(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
        """Rows of cohort children only, and each one's position in the cohort."""
        position = self.cohort.index.get_indexer(pd.Index(rows["child"]))
        inside = position >= 0
        return rows[inside], position[inside].astype(np.int64)

    @cached_property
    def first_care(self) -> pd.DataFrame:
        """First period of care that starts on or after the referral, one row a cohort child.

        Returns
        -------
        pandas.DataFrame
            Index of the cohort: start, end, first_place, end_reason; all missing without one.
        """
        periods, position = self.of_cohort(self.periods_of_care)
        after = days(periods["start"]) >= self.referral[position]
        first = periods[after].drop_duplicates("child").set_index("child")
        return first.reindex(self.cohort.index)[["start", "end", "first_place", "end_reason"]]


def became_looked_after(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """P1. "Coded 1 if the child has become looked after at any point within 18 months of referral".

    1 if a period of care *starts* in the window; a child already in care at the referral counts
    only if a new period starts. Sample: the cohort.
    """
    observable = histories.window_end("P1") <= histories.data_through
    return _rows(
        histories.cohort.index, histories.referral, entered_in_window(histories), observable
    )


def returned_to_services(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S1. "Finishes a CPP or CIN plan and then returns to statutory services" within 36 months.

    1 if a plan spell that contains a plan begun on or after the referral ends, and then either a
    new spell starts (so at least one clear day off plans) or a period of care starts on the day
    the spell ended or later; both the end and the return in the window. Staying on a plan,
    stepping from one type straight to the other, and care that starts while a plan runs are no
    return. Sample: the cohort.
    """
    end = histories.window_end("S1")
    ended, next_start = _first_ended_spell(histories, end)
    back_on_plan = next_start <= end
    back_in_care = _any_starts(histories, histories.periods_of_care, ended, end)
    return _rows(
        histories.cohort.index,
        histories.referral,
        back_on_plan | back_in_care,
        end <= histories.data_through,
    )


def started_cpp(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S2. "Coded 1 if the child begins a CPP within 12 months of being referred".

    1 if a CPP *starts* in the window, also when the child was already on another plan; a CPP that
    began before the referral does not count. Sample: the cohort.
    """
    end = histories.window_end("S2")
    cpps = histories.plans[histories.plans["plan_type"] == "CPP"]
    begun = _any_starts(histories, cpps, histories.referral, end)
    return _rows(histories.cohort.index, histories.referral, begun, end <= histories.data_through)


def days_on_plans(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S3. "Days that the child has been on CPPs or CIN Plans over 18 months from initial referral".

    Days from the referral to the window's last day, that day included, on which the child is on a
    CIN plan or a CPP. A plan's start day counts and its end day does not (duration as the
    published statistics have it), so a plan that another follows on the next day leaves its end
    day uncounted. Each day counts once, over all referrals. Sample: the cohort.

    The further column `censored` is true for a child on a plan on the window's last day.
    """
    end = histories.window_end("S3")
    plans, position = histories.of_cohort(histories.plans)
    beyond = end[position] + DAY
    begin = np.maximum(days(plans["start"]), histories.referral[position])
    finish = np.fmin(days(plans["end"]), beyond)  # fmin: an open plan runs to the window's end
    some = begin < finish
    covered = merge(position[some], begin[some], finish[some], gap=0)
    length = (covered.end - covered.start).astype(np.int64)
    count = np.bincount(covered.child, weights=length, minlength=len(end))
    censored = np.zeros(len(end), dtype=bool)
    censored[position[some & (finish == beyond)]] = True
    return _rows(
        histories.cohort.index,
        histories.referral,
        count,
        end <= histories.data_through,
        censored=censored,
    )


def kinship_care(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S4. "Coded 1 if the child went into kinship foster care as their first episode of care".

    Sample: cohort children who became looked after within 18 months of the referral. The value is
    read from PLACE (U1, U2, U3) of the first counted episode of the first period of care that
    starts on or after the referral. An entrant whose 18 months have not closed is not observable;
    one without PLACE is missing. The window is P1's, so `index_date` is the referral; the start of
    care stands in `care_start`.
    """
    end = histories.window_end("S4")
    care = histories.first_care
    frame = _rows(
        histories.cohort.index,
        histories.referral,
        care["first_place"].isin(KINSHIP_PLACEMENTS).to_numpy(),
        end <= histories.data_through,
        known=care["first_place"].notna().to_numpy(),
        care_start=care["start"].to_numpy(),
    )
    return frame[entered_in_window(histories)].reset_index(drop=True)


def reunified(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S5. "Left care and returned home ... within 18 months of beginning the period of care".

    Sample: cohort children whose first period of care starts inside the trial period, without
    those whose 18th birthday (first of the birth month + 18 years) falls on or before care start +
    18 months. 1 if *that* period ends by a return code in the window (E4A, "as part of the care
    plan"; E4B only under the `reunification_codes` setting), also if the child comes back into
    care later; a return from a later period is 0. A period that ended in the window without a
    reason is missing. The window runs from `care_start`, which is the `index_date`.
    """
    care = histories.first_care
    start, left = days(care["start"]), days(care["end"])
    end = months_later(start, protocol.WINDOW_MONTHS["S5"])
    in_window = left <= end
    frame = _rows(
        histories.cohort.index,
        start,
        in_window & care["end_reason"].isin(refresh.reunification_codes).to_numpy(),
        end <= histories.data_through,
        known=~in_window | care["end_reason"].notna().to_numpy(),
        care_start=care["start"].to_numpy(),
    )
    sample = entered_in_trial_period(histories, refresh) & ~turns_adult(histories)
    return frame[sample].reset_index(drop=True)


def entered_in_window(histories: Histories) -> Bools:
    """Tell whether a cohort child's first period of care starts within P1's window."""
    inside: Bools = days(histories.first_care["start"]) <= histories.window_end("P1")
    return inside


def entered_in_trial_period(histories: Histories, refresh: Refresh) -> Bools:
    """Tell whether a cohort child's first period of care starts inside the trial period."""
    inside: Bools = days(histories.first_care["start"]) <= day(refresh.trial_dates[1])
    return inside


def turns_adult(histories: Histories) -> Bools:
    """Tell whether the 18th birthday falls on or before the first care start + 18 months."""
    birthday = months_later(
        days(histories.cohort["birth_month"]), protocol.ADULT_AGE * MONTHS_A_YEAR
    )
    start = days(histories.first_care["start"])
    turns: Bools = birthday <= months_later(start, protocol.WINDOW_MONTHS["S5"])
    return turns


def _rows(
    child: pd.Index[int],
    index_date: Days,
    value: npt.NDArray[Any],
    observable: Bools,
    known: Bools | None = None,
    **more: npt.NDArray[Any] | pd.Categorical[Any],
) -> pd.DataFrame:
    """Put values and states together; a value stands only where it is analysed."""
    missing = np.zeros(len(child), dtype=bool) if known is None else ~known
    codes = np.select([~observable, missing], [1, 2], default=0)
    return pd.DataFrame(
        {
            "child": child.to_numpy(),
            "index_date": stamps(index_date),
            "value": np.where(codes == 0, value.astype(np.float64), np.nan),
            "state": coded(codes, STATES),
            **more,
        }
    )


def _any_starts(histories: Histories, spells: pd.DataFrame, first: Days, last: Days) -> Bools:
    """Tell, for each cohort child, whether any of its spells starts in [first, last]; NaT = no."""
    rows, position = histories.of_cohort(spells)
    start = days(rows["start"])
    inside = (start >= first[position]) & (start <= last[position])
    found = np.zeros(len(histories.cohort), dtype=bool)
    found[position[inside]] = True
    return found


def _first_ended_spell(histories: Histories, end: Days) -> tuple[Days, Days]:
    """First plan spell with a plan begun on or after the referral that ended by `end`.

    A later one adds nothing to S1: its own start is already a return after the first.

    Returns
    -------
    ended, next_start
        For each cohort child: that spell's end and the start of the child's next one; NaT without.
    """
    plans, position = histories.of_cohort(histories.plans)
    begun_after = days(plans["start"]) >= histories.referral[position]
    qualifies = np.zeros(len(histories.plan_spells), dtype=bool)
    qualifies[plans["spell"].to_numpy()[begun_after]] = True

    spells = histories.plan_spells
    following = spells["start"].shift(-1).where(spells["child"] == spells["child"].shift(-1))
    rows, position = histories.of_cohort(spells.assign(following=following)[qualifies])
    closed = days(rows["end"]) <= end[position]
    rows, position = rows[closed], position[closed]
    position, chosen = np.unique(position, return_index=True)
    ended = np.full(len(end), np.datetime64("NaT"), dtype="datetime64[D]")
    next_start = ended.copy()
    ended[position] = days(rows["end"])[chosen]
    next_start[position] = days(rows["following"])[chosen]
    return ended, next_start


def unauthorised_absence(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S6. "Percentage of sessions missed due to unauthorised absence ... over three terms".

    100 x unauthorised sessions / possible sessions, one row a child and term. The first three
    terms that begin strictly after the referral decide, closed ones passed over (`terms`). Of
    these, one on whose first day the child is not of school age is not in the sample; one that
    has not ended by `data_through` is not observable; one without a row for the child, or with the
    child's own possible sessions at zero or either number empty, is missing. None of them is
    replaced by a fourth.

    Further columns: term, academic_year (its first calendar year), time_since_referral (years
    from the referral to the term's last day: the protocol measures "at the end of three terms").
    """
    cohort = histories.cohort
    position, number = deciding_terms(cohort, histories.attendance)
    first_day, last_day = term_dates(number)
    age = age_in_months(days(cohort["birth_month"])[position], first_day) // MONTHS_A_YEAR
    youngest, oldest = protocol.SCHOOL_AGES
    of_school_age = (age >= youngest) & (age <= oldest)
    position, number = position[of_school_age], number[of_school_age]
    last_day = last_day[of_school_age]

    child = cohort.index.to_numpy()[position]
    possible, unauthorised = _sessions(histories.attendance, child, number)
    known = (possible > 0) & ~np.isnan(unauthorised)
    rate = 100 * np.divide(unauthorised, possible, out=np.zeros(len(known)), where=known)
    referral = histories.referral[position]
    return _rows(
        pd.Index(child),
        referral,
        rate,
        last_day <= histories.data_through[position],
        known=known,
        term=term_names(number),
        academic_year=term_year(number),
        time_since_referral=(last_day - referral).astype(np.int64) / DAYS_A_YEAR,
    )


def _sessions(attendance: pd.DataFrame, child: Ints, number: Ints) -> tuple[Floats, Floats]:
    """Possible and unauthorised sessions of each child-term; NaN without a row or a number."""
    rows = pd.MultiIndex.from_arrays([attendance["child"], term_number(attendance)])
    found = rows.get_indexer(pd.MultiIndex.from_arrays([child, number]))
    columns = ("sessions_possible", "sessions_unauthorised")
    possible, unauthorised = (
        np.append(attendance[column].to_numpy(np.float64, na_value=np.nan), np.nan)[found]
        for column in columns
    )
    return possible, unauthorised


OUTCOMES: Final[dict[str, Callable[[Histories, Refresh], pd.DataFrame]]] = {
    "P1": became_looked_after,
    "S1": returned_to_services,
    "S2": started_cpp,
    "S3": days_on_plans,
    "S4": kinship_care,
    "S5": reunified,
    "S6": unauthorised_absence,
}


def measure(histories: Histories, refresh: Refresh) -> dict[str, pd.DataFrame]:
    """Measure all outcomes: outcome id -> frame."""
    return {outcome: value(histories, refresh) for outcome, value in OUTCOMES.items()}
