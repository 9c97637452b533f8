"""The outcomes counted, exactly: by authority and condition, over time, by days, by term.

Crude numbers are "not comparable: calendar time". All pass the disclosure gate before anyone reads
them.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.refresh import Refresh, add_months
from fvlib.trial import Trial
from fvlib.trial.calendar import months_later
from fvlib.trial.frames import CONDITIONS, LA_DTYPE, Bools, Floats, coded, day, days
from fvlib.trial.terms import PER_YEAR, deciding_terms, term_dates, term_number

CLASS_DAYS: Final = 30  # width of a class of S3
NONE, PART, WHOLE = "none", "part", "whole"  # of the window, on plans


def crude_counts(trial: Trial) -> pd.DataFrame:
    """Count each outcome by LA and condition, unrounded: "not comparable: calendar time".

    Returns
    -------
    pandas.DataFrame
        outcome, la (with `all`), condition, n (analysed), events (NaN for S3 and S6), mean (NaN
        when n is 0), not_observable, missing. Every combination has its row. S6 counts
        child-terms; how many children stand behind each count is in `n_children`,
        `not_observable_children` and `missing_children`.
    """
    keys = pd.MultiIndex.from_product(
        [[*protocol.LA_KEYS, "all"], CONDITIONS], names=["la", "condition"]
    )
    tables = []
    for outcome in protocol.OUTCOMES:
        frame = trial.outcomes[outcome]
        of_child = trial.cohort.loc[frame["child"]]
        counts = pd.DataFrame(_tally(frame, of_child["la"].cat.codes, of_child["treated"]), keys)
        tables.append(counts.reset_index().assign(outcome=outcome))
    table = pd.concat(tables, ignore_index=True)
    table = table.astype(dict.fromkeys(("n", "not_observable", "missing"), np.int64))
    table["mean"] = table["events"] / table["n"].where(table["n"] > 0)
    table.loc[table["outcome"].isin(protocol.LINEAR_OUTCOMES), "events"] = np.nan
    columns = ["outcome", "la", "condition", "n", "events", "mean", "not_observable", "missing"]
    return table[[*columns, *(f"{name}_children" for name in ("n", *columns[-2:]))]]


def _tally(frame: pd.DataFrame, la: pd.Series[Any], treated: pd.Series[Any]) -> dict[str, Floats]:
    """Sum an outcome's states and values over LA and condition, then over condition alone."""
    shape = (len(protocol.LA_KEYS), len(CONDITIONS))
    cell = np.ravel_multi_index((la.to_numpy(np.int64), treated.to_numpy()), shape)
    state = frame["state"].to_numpy()
    counted = {
        "n": state == "analysed",
        "not_observable": state == "not_observable",
        "missing": state == "missing",
    }
    summands = {
        **counted,
        "events": frame["value"].fillna(0).to_numpy(),
        **{
            f"{name}_children": keep_one_row_a_child(frame["child"], rows)
            for name, rows in counted.items()
        },
    }
    sums = {}
    for name, summand in summands.items():
        by_cell = np.bincount(cell, weights=summand, minlength=shape[0] * shape[1]).reshape(shape)
        sums[name] = np.vstack([by_cell, by_cell.sum(axis=0)]).ravel()
    return sums


def keep_one_row_a_child(child: pd.Series[Any], rows: Bools) -> Bools:
    """Keep one of each child's rows: a child-term counts terms, and the gate counts children."""
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.flatnonzero(rows)[~child[rows].duplicated().to_numpy()]] = True
    return kept


def period_counts(trial: Trial, outcome: str) -> pd.DataFrame:
    """Count an outcome by LA, period and condition, unrounded.

    Returns
    -------
    pandas.DataFrame
        la, period, condition, n (analysed), events (sum of the values), children (who stand behind
        n: fewer for S6, which counts child-terms). An LA and period has a row for each condition
        that its live date leaves possible, with zeros where nobody is analysed.
    """
    frame = trial.outcomes[outcome]
    analysed = frame[frame["state"] == "analysed"]
    rows = trial.cohort.loc[analysed["child"], ["la", "period", "treated"]]
    rows = rows.assign(
        value=analysed["value"].to_numpy(),
        la=rows["la"].astype(object),
        child=keep_one_row_a_child(analysed["child"], np.ones(len(rows), dtype=bool)),
    )
    groups = rows.groupby(["la", "period", "treated"])
    sums = groups["value"].agg(["size", "sum"]).assign(children=groups["child"].sum())
    cells = pd.MultiIndex.from_tuples(
        [(la, *cell) for la in protocol.LA_KEYS for cell in _possible_cells(trial.refresh, la)],
        names=["la", "period", "treated"],
    )
    counts = sums.reindex(cells, fill_value=0).reset_index()
    return pd.DataFrame(
        {
            "la": counts["la"].astype(LA_DTYPE),
            "period": counts["period"],
            "condition": coded(counts["treated"], CONDITIONS),
            "n": counts["size"].astype(np.int64),
            "events": counts["sum"].astype(np.float64),
            "children": counts["children"].astype(np.int64),
        }
    )


def _possible_cells(refresh: Refresh, la: str) -> list[tuple[int, int]]:
    """Periods of the trial with the conditions (0, 1) that an LA can have in each."""
    (start, end), live = refresh.trial_dates, refresh.live_date(la)
    cells = []
    opens, period = start, 0
    while opens <= end:
        next_opens = add_months(start, (period + 1) * protocol.PERIOD_MONTHS)
        cells += [(period, 0)] if opens < live else []
        cells += [(period, 1)] if live < next_opens and live <= end else []
        opens, period = next_opens, period + 1
    return cells


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


def missing_by_reason(trial: Trial) -> pd.DataFrame:
    """Count why outcomes are missing: each child (S6: child-term) under its first reason.

    Returns
    -------
    pandas.DataFrame
        outcome, reason (the rule under which a row was set aside, or one of `outcomes.REASONS`),
        condition, n, children (who stand behind n). A reason that an outcome has stands under both
        conditions.
    """
    tables = []
    for outcome in protocol.OUTCOMES:
        frame = trial.outcomes[outcome]
        rows = frame.loc[frame["state"] == "missing", ["child", "reason"]]
        rows = rows.assign(condition=trial.cohort["treated"].loc[rows["child"]].to_numpy())
        grid = pd.MultiIndex.from_product(
            [sorted(set(rows["reason"])), range(len(CONDITIONS))], names=["reason", "condition"]
        )
        counted = rows.groupby(["reason", "condition"])["child"].agg(n="size", children="nunique")
        tables.append(counted.reindex(grid, fill_value=0).reset_index().assign(outcome=outcome))
    table = pd.concat(tables, ignore_index=True)
    table["condition"] = coded(table["condition"], CONDITIONS)
    return table[["outcome", "reason", "condition", "n", "children"]]


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
