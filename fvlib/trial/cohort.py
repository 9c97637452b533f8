"""Who is in the trial: ordered eligibility rules, the index referral, and the flow of children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh
from fvlib.trial.calendar import MONTHS_A_YEAR, age_in_months, whole_periods
from fvlib.trial.frames import Bools, Days, Ints, by_la, day, days, long_counts, per_la, stamps


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of eligibility: the box of those whom it stops, and which referrals pass it."""

    step: str
    passes: Callable[[pd.DataFrame, Refresh], Bools]


def _in_trial_period(referrals: pd.DataFrame, refresh: Refresh) -> Bools:
    start, end = refresh.trial_dates
    dates = days(referrals["referral_date"])
    return (dates >= day(start)) & (dates <= day(end))


def _born(referrals: pd.DataFrame, refresh: Refresh) -> Bools:
    # A comparison with NaT is false: no birth month yet = not born.
    return days(referrals["birth_month"]) <= days(referrals["referral_date"])


def _child(referrals: pd.DataFrame, refresh: Refresh) -> Bools:
    months = age_in_months(days(referrals["birth_month"]), days(referrals["referral_date"]))
    return months < protocol.ADULT_AGE * MONTHS_A_YEAR


def _remained_open(referrals: pd.DataFrame, refresh: Refresh) -> Bools:
    return ~referrals["referral_nfa"].to_numpy(dtype=bool)


# In order: a child stands in the box of the first rule that none of its referrals gets past.
ELIGIBILITY: Final = (
    Rule("outside_trial_period", _in_trial_period),
    Rule("unborn", _born),
    Rule("not_aged_0_to_17", _child),
    Rule("no_further_action", _remained_open),
)
# Ours, not pre-specified: referrals that ended in no further action count too.
ALL_REFERRALS: Final = ELIGIBILITY[:-1]


def select(
    children: pd.DataFrame,
    referrals: pd.DataFrame,
    refresh: Refresh,
    rules: tuple[Rule, ...] = ELIGIBILITY,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose each child's index referral: its earliest one that is eligible by itself.

    An earlier ineligible referral doesn't bar the child. Of two eligible ones on the same day, the
    one whose referral_id sorts first is taken.

    Parameters
    ----------
    children, referrals
        The extracts' frames.
    refresh
        Gives the trial period, live dates and `data_through`.
    rules
        The rules in order.

    Returns
    -------
    cohort
        Index `child`, ascending: la, birth_month, referral_date, primary_need, n_previous_cpp,
        live_date, data_through, period, treated, exposure_time, first_referral, age, age_months.
    boxes
        la, step, n: `children` (all of the extracts), then one box a rule in order, beginning with
        `no_referral`, then `cohort`. The boxes and the cohort sum to `children` in each LA.
    """
    child = referrals["child"].to_numpy(np.int64)
    birth_month = days(children["birth_month"])
    candidates = referrals.assign(birth_month=birth_month[child])
    passed = np.cumprod([rule.passes(candidates, refresh) for rule in rules], axis=0).sum(axis=0)
    best = np.full(len(children), -1, dtype=np.int64)
    np.maximum.at(best, child, passed)

    in_period = passed > 0
    earliest = _first_of_child(candidates[in_period].sort_values(["child", "referral_date"]))
    eligible = candidates[passed == len(rules)]
    index = _first_of_child(eligible.sort_values(["child", "referral_date", "referral_id"]))
    first = index["referral_date"] == earliest["referral_date"].reindex(index.index)
    cohort = _described(index, children["la"].loc[index.index], refresh, first)
    return cohort, _boxes(children["la"], best, rules)


def _first_of_child(ordered: pd.DataFrame) -> pd.DataFrame:
    return ordered.drop_duplicates("child").set_index("child")


def _described(
    index: pd.DataFrame, la: pd.Series[Any], refresh: Refresh, first: pd.Series[bool]
) -> pd.DataFrame:
    referral = days(index["referral_date"])
    birth_month = days(index["birth_month"])
    live = per_la(la, refresh.live_date).astype("datetime64[D]")
    through = per_la(la, lambda key: refresh.data_through[key]).astype("datetime64[D]")
    months = age_in_months(birth_month, referral)
    return pd.DataFrame(
        {
            "la": la.array,
            "birth_month": stamps(birth_month),
            "referral_date": stamps(referral),
            "primary_need": index["primary_need"].array,
            "n_previous_cpp": index["n_previous_cpp"].array,
            "live_date": stamps(live),
            "data_through": stamps(through),
            "period": whole_periods(referral, refresh.trial_dates[0]),
            "treated": (referral >= live).astype(np.int64),
            "exposure_time": _exposure_time(la, referral, refresh),
            "first_referral": first.to_numpy(dtype=bool),
            "age": months // MONTHS_A_YEAR,
            "age_months": months,
        },
        index=index.index,
    )


def _exposure_time(la: pd.Series[Any], referral: Days, refresh: Refresh) -> Ints:
    """Whole periods since the LA's own live date; -1 before it."""
    passed = np.full(len(la), -1, dtype=np.int64)
    for key in protocol.LA_KEYS:
        rows = (la == key).to_numpy()
        passed[rows] = whole_periods(referral[rows], refresh.live_date(key))
    return passed


def _boxes(la: pd.Series[Any], best: Ints, rules: tuple[Rule, ...]) -> pd.DataFrame:
    steps = ["no_referral", *(rule.step for rule in rules), "cohort"]
    counts = {"children": by_la(la)}
    counts |= {step: by_la(la, best == passed) for passed, step in enumerate(steps, start=-1)}
    return long_counts(pd.DataFrame(counts), "step", "n")
