"""The outcomes described, exactly: over time, by days on plans, by term, and how much is observed.

Crude numbers are "not comparable: calendar time". All pass the disclosure gate before anyone reads
them.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh, add_months
from fvlib.trial.calendar import months_later
from fvlib.trial.frames import CONDITIONS, coded, day, days
from fvlib.trial.outcomes import period_counts
from fvlib.trial.terms import PER_YEAR, deciding_terms, term_dates, term_number

if TYPE_CHECKING:
    from fvlib.trial.trial import Trial

CLASS_DAYS: Final = 30  # width of a class of S3
NONE, PART, WHOLE = "none", "part", "whole"  # of the window, on plans


def outcome_periods(trial: Trial) -> pd.DataFrame:
    """Count each outcome by LA, period and condition.

    Returns
    -------
    pandas.DataFrame
        outcome, la, period, condition, n (analysed; S6: child-terms), events (NaN for S3 and S6),
        mean (NaN when n is 0), children (who stand behind n).
    """
    tables = []
    for outcome in protocol.OUTCOMES:
        table = period_counts(trial, outcome)
        mean = table["events"] / table["n"].where(table["n"] > 0)
        if outcome in protocol.LINEAR_OUTCOMES:
            table["events"] = np.nan
        tables.append(table.assign(outcome=outcome, mean=mean))
    columns = ["outcome", "la", "period", "condition", "n", "events", "mean", "children"]
    return pd.concat(tables, ignore_index=True)[columns]


def s3_distribution(trial: Trial) -> pd.DataFrame:
    """Count children by days on plans, with the heaps at no day and at the window's every day.

    Returns
    -------
    pandas.DataFrame
        condition, share_of_window (`none`, `part`, `whole`), first_day, last_day (of the class,
        both in it; NaN for `whole`, since windows differ by a few days in length), n. Every
        condition has every class.
    """
    frame = trial.outcomes["S3"]
    frame = frame[frame["state"] == "analysed"]
    start = days(frame["index_date"])
    length = (months_later(start, protocol.WINDOW_MONTHS["S3"]) - start).astype(np.int64) + 1
    spent = frame["value"].to_numpy(np.float64).astype(np.int64)
    longest = 31 * protocol.WINDOW_MONTHS["S3"]
    classes = -(-longest // CLASS_DAYS)
    position = np.select(
        [spent == 0, spent >= length], [0, classes + 1], (spent - 1) // CLASS_DAYS + 1
    )
    treated = trial.cohort["treated"].loc[frame["child"]].to_numpy(np.int64)
    width = classes + 2
    counts = np.bincount(treated * width + position, minlength=len(CONDITIONS) * width)
    first = np.array([0, *(CLASS_DAYS * k + 1 for k in range(classes)), np.nan])
    last = np.array([0, *(CLASS_DAYS * (k + 1) for k in range(classes)), np.nan])
    return pd.DataFrame(
        {
            "condition": coded(np.repeat([0, 1], width), CONDITIONS),
            "share_of_window": [NONE, *[PART] * classes, WHOLE] * len(CONDITIONS),
            "first_day": np.tile(first, len(CONDITIONS)),
            "last_day": np.tile(last, len(CONDITIONS)),
            "n": counts,
        }
    )


def s6_terms(trial: Trial, attendance: pd.DataFrame) -> pd.DataFrame:
    """Average unauthorised absence by position of the term after the referral.

    Parameters
    ----------
    trial
        The trial.
    attendance
        The extracts' attendance rows: they tell which terms were closed.

    Returns
    -------
    pandas.DataFrame
        term (1, 2, 3: first to third after the referral), la (with `all`), condition, n (children
        analysed), mean (per cent of possible sessions; NaN when n is 0).
    """
    frame = trial.outcomes["S6"]
    frame = frame[frame["state"] == "analysed"]
    position, number = deciding_terms(trial.cohort, attendance)
    place = np.arange(len(position)) % protocol.SCHOOL_TERMS_FOLLOWED + 1
    all_terms = pd.MultiIndex.from_arrays([trial.cohort.index.to_numpy()[position], number])
    mine = term_number(frame.rename(columns={"term_year": "academic_year"}))
    found = all_terms.get_indexer(pd.MultiIndex.from_arrays([frame["child"], mine]))
    of_child = trial.cohort.loc[frame["child"]]
    rows = pd.DataFrame(
        {
            "term": place[found],
            "la": of_child["la"].astype(object).to_numpy(),
            "treated": of_child["treated"].to_numpy(),
            "value": frame["value"].to_numpy(),
        }
    )
    both = pd.concat([rows, rows.assign(la="all")])
    sums = both.groupby(["term", "la", "treated"])["value"].agg(["size", "mean"])
    grid = pd.MultiIndex.from_product(
        [range(1, protocol.SCHOOL_TERMS_FOLLOWED + 1), [*protocol.LA_KEYS, "all"], [0, 1]],
        names=sums.index.names,
    )
    table = sums.reindex(grid).reset_index()
    return pd.DataFrame(
        {
            "term": table["term"],
            "la": table["la"],
            "condition": coded(table["treated"], CONDITIONS),
            "n": table["size"].fillna(0).astype(np.int64),
            "mean": table["mean"],
        }
    )


def observed_so_far(trial: Trial) -> pd.DataFrame:
    """Count how much of each outcome's sample is observed: an early refresh sees more controls.

    Returns
    -------
    pandas.DataFrame
        outcome, condition, n (sample so far; S6: child-terms), observed (window closed), share,
        all_observed_from (the day on which the last possible window has closed); the children
        behind n, behind observed and behind the rest in `children`, `observed_children` and
        `open_children`.
    """
    rows = []
    for outcome in protocol.OUTCOMES:
        frame = trial.outcomes[outcome]
        treated = trial.cohort["treated"].loc[frame["child"]].to_numpy()
        open_still = (frame["state"] == "not_observable").to_numpy()
        child = frame["child"]
        for code, condition in enumerate(CONDITIONS):
            mine = treated == code
            n, observed = int(mine.sum()), int((mine & ~open_still).sum())
            rows.append(
                {
                    "outcome": outcome,
                    "condition": condition,
                    "n": n,
                    "observed": observed,
                    "share": observed / n if n else np.nan,
                    "all_observed_from": last_window(trial.refresh, outcome),
                    "children": child[mine].nunique(),
                    "observed_children": child[mine & ~open_still].nunique(),
                    "open_children": child[mine & open_still].nunique(),
                }
            )
    return pd.DataFrame.from_records(rows)


def last_window(refresh: Refresh, outcome: str) -> date:
    """Return the last day of the window of a child referred on the trial's last day.

    For S5, of one who entered care on it. For S6, of the third term after it, closed terms apart.
    """
    end = refresh.trial_dates[1]
    if outcome in protocol.WINDOW_MONTHS:
        return add_months(end, protocol.WINDOW_MONTHS[outcome])
    candidates = np.arange(end.year * PER_YEAR, (end.year + 3) * PER_YEAR)
    first, last = term_dates(candidates)
    third: Any = last[first > day(end)][protocol.SCHOOL_TERMS_FOLLOWED - 1]
    return date.fromisoformat(str(third))
