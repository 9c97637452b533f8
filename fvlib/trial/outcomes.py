"""The seven outcomes, one function each: value, window, observability.

Every window is [index date, index date + N calendar months], both days included, and is observable
when it has closed: its last day is on or before the LA's `data_through`, whatever has been seen so
far. An event seen in an open window does not count yet. Where an LA has not sent the rows that an
outcome is read from (`Histories.reported`), it is missing; so it is where a row that was set aside
could have changed it (`Histories.lost_under`), or where a child is unknown before the window's
end (`Histories.followed`) and nothing was seen until then that decides it.

Each function returns one row a sample member (S6: a child-term): child, index_date, value (NaN
unless analysed), state (`analysed`, `not_observable`, `missing`), reason (why it is missing: the
rule under which a row was set aside, or one of `REASONS`; else empty). A child outside an outcome's
sample has no row.

Source: protocol, RCT Design Table (it takes precedence over the prose) and Outcome measures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial.calendar import DAY, DAYS_A_YEAR, MONTHS_A_YEAR, age_in_months, months_later
from fvlib.trial.frames import Bools, Days, Floats, Ints, Texts, coded, days, stamps
from fvlib.trial.histories import Histories, any_starts, first_by_name, first_ended_spell
from fvlib.trial.spells import merge
from fvlib.trial.terms import deciding_terms, term_dates, term_names, term_number, term_year

STATES: Final = ("analysed", "not_observable", "missing")
# Why an outcome is missing, beside the rules under which rows are set aside.
NOT_SENT, UNKNOWN_AFTER = "not sent", "unknown after"
NO_PLACEMENT, NO_END_REASON = "no placement", "no end reason"
NO_TERM, NO_SESSIONS = "no row for the term", "no sessions"
REASONS: Final = (NOT_SENT, UNKNOWN_AFTER, NO_PLACEMENT, NO_END_REASON, NO_TERM, NO_SESSIONS)
KINSHIP_PLACEMENTS: Final = ("U1", "U2", "U3")  # RCT Design Table, secondary outcome 4


def became_looked_after(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """P1. "Coded 1 if the child has become looked after at any point within 18 months of referral".

    1 if a period of care *starts* in the window; a child already in care at the referral counts
    only if a new period starts. Sample: the cohort.
    """
    entered = histories.entered_in_window()
    return rows_of(
        histories.cohort.index,
        histories.referral,
        entered,
        histories.window_end("P1") <= histories.data_through,
        why=first_of(
            why_no_care(histories, "P1"),
            unless(entered | histories.followed(histories.window_end("P1")), UNKNOWN_AFTER),
        ),
    )


def unless(told: Bools, reason: str) -> Texts:
    """Give the reason where it isn't told, else an empty text."""
    reasons: Texts = np.where(told, "", reason)
    return reasons


def first_of(*reasons: Texts) -> Texts:
    """Give each child's first reason of several."""
    first, *later = reasons
    for reason in later:
        first = np.where(first != "", first, reason)
    return first


def why_no_care(histories: Histories, outcome: str) -> Texts:
    """Say why episodes of care up to the window's end are not there or can't be used."""
    return first_of(
        unless(histories.reported(histories.periods_of_care), NOT_SENT),
        histories.lost_under("care_episodes", histories.window_end(outcome)),
    )


def why_no_plans(histories: Histories, outcome: str, kind: str | None = None) -> Texts:
    """Say why plans up to the window's end are not there or can't be used."""
    return first_of(
        unless(histories.reported(histories.plans), NOT_SENT),
        histories.lost_under("plans", histories.window_end(outcome), kind),
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
    returned = returned_after_plan(histories)
    return rows_of(
        histories.cohort.index,
        histories.referral,
        returned,
        end <= histories.data_through,
        why=first_of(
            why_no_plans(histories, "S1"),
            unless(histories.reported(histories.periods_of_care), NOT_SENT),
            unless(returned | histories.followed(end), UNKNOWN_AFTER),
        ),
    )


def returned_after_plan(histories: Histories) -> Bools:
    """Tell which cohort children returned as S1 has it, whether or not the window has closed."""
    end = histories.window_end("S1")
    ended, next_start = first_ended_spell(histories, end)
    back_on_plan = next_start <= end
    returned: Bools = back_on_plan | any_starts(histories, histories.periods_of_care, ended, end)
    return returned


def started_cpp(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S2. "Coded 1 if the child begins a CPP within 12 months of being referred".

    1 if a CPP *starts* in the window, also when the child was already on another plan; a CPP that
    began before the referral does not count. Sample: the cohort.
    """
    end = histories.window_end("S2")
    cpps = histories.plans[histories.plans["plan_type"] == "CPP"]
    begun = any_starts(histories, cpps, histories.referral, end)
    return rows_of(
        histories.cohort.index,
        histories.referral,
        begun,
        end <= histories.data_through,
        why=first_of(
            why_no_plans(histories, "S2", kind="CPP"),
            unless(begun | histories.followed(end), UNKNOWN_AFTER),
        ),
    )


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
    return rows_of(
        histories.cohort.index,
        histories.referral,
        count,
        end <= histories.data_through,
        why=first_of(why_no_plans(histories, "S3"), unless(histories.followed(end), UNKNOWN_AFTER)),
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
    frame = rows_of(
        histories.cohort.index,
        histories.referral,
        care["first_place"].isin(KINSHIP_PLACEMENTS).to_numpy(),
        end <= histories.data_through,
        why=first_of(
            histories.lost_under("care_episodes", end),
            unless(care["first_place"].notna().to_numpy(), NO_PLACEMENT),
        ),
        care_start=care["start"].to_numpy(),
    )
    return frame[histories.entered_in_window()].reset_index(drop=True)


def reunified(histories: Histories, refresh: Refresh) -> pd.DataFrame:
    """S5. "Left care and returned home ... within 18 months of beginning the period of care".

    Sample: cohort children whose first period of care starts inside the trial period, without
    those whose 18th birthday (first of the birth month + 18 years) falls on or before care start +
    18 months. 1 if *that* period ends by a return code in the window (E4A, "as part of the care
    plan"; E4B only under the `reunification_codes` setting), also if the child comes back into
    care later; a return from a later period is 0. A period that ended in the window without a
    reason is missing. The window runs from `care_start`, which is the `index_date`.
    """
    start = days(histories.first_care["start"])
    home, why = went_home(histories, refresh)
    frame = rows_of(
        histories.cohort.index,
        start,
        home,
        months_later(start, protocol.WINDOW_MONTHS["S5"]) <= histories.data_through,
        why=why,
        care_start=stamps(start),
    )
    sample = histories.entered_in_trial_period(refresh) & ~histories.turns_adult()
    return frame[sample].reset_index(drop=True)


def went_home(histories: Histories, refresh: Refresh) -> tuple[Bools, Texts]:
    """Tell whose first period of care ended by a return code within S5's window.

    Returns
    -------
    home, why
        For each cohort child, and why it can't be told: among others where the period ended in the
        window without a reason.
    """
    care = histories.first_care
    end = months_later(days(care["start"]), protocol.WINDOW_MONTHS["S5"])
    left = days(care["end"]) <= end
    home = left & care["end_reason"].isin(refresh.reunification_codes).to_numpy()
    told = ~left | care["end_reason"].notna().to_numpy()
    return home, first_of(
        histories.lost_under("care_episodes", end),
        unless(told, NO_END_REASON),
        unless(home | histories.followed(end), UNKNOWN_AFTER),
    )


def rows_of(
    child: pd.Index[int],
    index_date: Days,
    value: npt.NDArray[Any],
    observable: Bools,
    why: Texts,
    **more: npt.NDArray[Any] | pd.Categorical[Any],
) -> pd.DataFrame:
    """Put values and states together; a value stands only where it is analysed."""
    codes = np.select([~observable, why != ""], [1, 2], default=0)
    return pd.DataFrame(
        {
            "child": child.to_numpy(),
            "index_date": stamps(index_date),
            "value": np.where(codes == 0, value.astype(np.float64), np.nan),
            "state": coded(codes, STATES),
            "reason": np.where(codes == 2, why, "").astype(object),
            **more,
        }
    )


def unauthorised_absence(histories: Histories, attendance: pd.DataFrame) -> pd.DataFrame:
    """S6. "Percentage of sessions missed due to unauthorised absence ... over three terms".

    100 x unauthorised sessions / possible sessions, one row a child and term. The first three
    terms that begin strictly after the referral decide, closed ones passed over (`terms`). Of
    these, one on whose first day the child is not of school age is not in the sample; one that
    has not ended by `data_through` is not observable; one without a row for the child, or with the
    child's own possible sessions at zero or either number empty, is missing. None of them is
    replaced by a fourth.

    Further columns: term, term_year (first calendar year of its academic year; `academic_year` is
    the covariate, the referral's), time_since_referral (years from the referral to the term's first
    day; to its end, when the protocol measures, it would differ by the term's length alone, which
    the term indicators take up).

    Parameters
    ----------
    histories
        The cohort.
    attendance
        The extracts' attendance rows of every child, inside the cohort or not.
    """
    cohort = histories.cohort
    position, number = deciding_terms(cohort, attendance)
    first_day, last_day = term_dates(number)
    age = age_in_months(days(cohort["birth_month"])[position], first_day) // MONTHS_A_YEAR
    youngest, oldest = protocol.SCHOOL_AGES
    of_school_age = (age >= youngest) & (age <= oldest)
    position, number = position[of_school_age], number[of_school_age]
    first_day, last_day = first_day[of_school_age], last_day[of_school_age]

    child = cohort.index.to_numpy()[position]
    sent, possible, unauthorised = _sessions(attendance, child, number)
    known = (possible > 0) & ~np.isnan(unauthorised)
    lost = _rows_lost(histories, child, first_day, last_day)
    rate = np.divide(100 * unauthorised, possible, out=np.zeros(len(known)), where=known)
    referral = histories.referral[position]
    return rows_of(
        pd.Index(child),
        referral,
        rate,
        last_day <= histories.data_through[position],
        why=np.where(known, "", first_of(lost, np.where(sent, NO_SESSIONS, NO_TERM))),
        term=term_names(number),
        term_year=term_year(number),
        time_since_referral=(first_day - referral).astype(np.int64) / DAYS_A_YEAR,
    )


def _sessions(attendance: pd.DataFrame, child: Ints, number: Ints) -> tuple[Bools, Floats, Floats]:
    """Whether each child-term has a row; its possible and unauthorised sessions, or NaN."""
    rows = pd.MultiIndex.from_arrays([attendance["child"], term_number(attendance)])
    found = rows.get_indexer(pd.MultiIndex.from_arrays([child, number]))
    columns = ("sessions_possible", "sessions_unauthorised")
    possible, unauthorised = (
        np.append(attendance[column].to_numpy(np.float64, na_value=np.nan), np.nan)[found]
        for column in columns
    )
    return found >= 0, possible, unauthorised


def _rows_lost(histories: Histories, child: Ints, first_day: Days, last_day: Days) -> Texts:
    """Name the rule under which a row that could be the child-term's was set aside, or none."""
    lost = histories.lost[histories.lost["file"] == "attendance"]
    terms = pd.DataFrame({"child": child, "position": np.arange(len(child))})
    rows = lost.merge(terms, on="child")
    position, begins = rows["position"].to_numpy(np.int64), days(rows["first"])
    same = ~(begins < first_day[position]) & ~(begins > last_day[position])
    return first_by_name(rows["rule"][same], position[same], len(child))


_OF_SPELLS: Final[dict[str, Callable[[Histories, Refresh], pd.DataFrame]]] = {
    "P1": became_looked_after,
    "S1": returned_to_services,
    "S2": started_cpp,
    "S3": days_on_plans,
    "S4": kinship_care,
    "S5": reunified,
}


def measure(
    histories: Histories, attendance: pd.DataFrame, refresh: Refresh
) -> dict[str, pd.DataFrame]:
    """Measure all outcomes: outcome id -> frame, in the protocol's order."""
    measured = {outcome: value(histories, refresh) for outcome, value in _OF_SPELLS.items()}
    return measured | {"S6": unauthorised_absence(histories, attendance)}
