"""Descriptions of who was referred: volume, profiles, and balance of the covariates.

All counts are exact; they pass the disclosure gate before anyone reads them. A crude contrast of
the conditions is "not comparable: calendar time".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.trial import Trial
from fvlib.trial.calendar import whole_periods
from fvlib.trial.covariates import CHILD_COVARIATES, LA_COVARIATES
from fvlib.trial.frames import LA_DTYPE, Bools, Floats, Ints, day, days

PROFILED = ("age", "sex", "primary_need")


def referral_volume(trial: Trial) -> pd.DataFrame:
    """Count all referrals of the trial period by LA and calendar month.

    Those with no further action, of adults and of unborn children are counted too.

    Returns
    -------
    pandas.DataFrame
        la, month (its first day), referrals; every LA has every month.
    """
    rows = _in_trial_period(trial)
    first, last = (day(date).astype("datetime64[M]") for date in trial.refresh.trial_dates)
    months = np.arange(first, last + 1)
    number = (days(rows["referral_date"]).astype("datetime64[M]") - first).astype(np.int64)
    return pd.DataFrame(
        {
            "la": _repeated_las(len(months)),
            "month": np.tile(months.astype("datetime64[s]"), len(protocol.LA_KEYS)),
            "referrals": _grid(rows, number, len(months)).ravel(),
        }
    )


def referrals_by_period(trial: Trial) -> pd.DataFrame:
    """Count referrals by LA and period, and how many of them stayed open.

    The programme may change who stays in the sample.

    Returns
    -------
    pandas.DataFrame
        la, period, referrals, stayed_open (not "no further action"); every LA has every period.
    """
    rows = _in_trial_period(trial)
    start, end = trial.refresh.trial_dates
    period = whole_periods(days(rows["referral_date"]), start)
    periods = int(whole_periods(np.array([day(end)]), start)[0]) + 1
    stayed = ~rows["referral_nfa"].to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "la": _repeated_las(periods),
            "period": np.tile(np.arange(periods), len(protocol.LA_KEYS)),
            "referrals": _grid(rows, period, periods).ravel(),
            "stayed_open": _grid(rows[stayed], period[stayed], periods).ravel(),
        }
    )


def profiles(trial: Trial) -> pd.DataFrame:
    """Count the cohort by LA and age, sex and main need.

    Returns
    -------
    pandas.DataFrame
        la, characteristic (`age`, `sex`, `primary_need`), level (text), n; a covariate that isn't
        recorded is the level `missing`. Every LA has every level.
    """
    tables = []
    for name in PROFILED:
        values = trial.cohort[name]
        levels = range(protocol.ADULT_AGE) if name == "age" else values.cat.categories
        known = pd.Index(list(levels)).get_indexer(pd.Index(values.astype(object)))
        code = np.where(known < 0, len(levels), known)
        tables.append(
            pd.DataFrame(
                {
                    "la": _repeated_las(len(levels) + 1),
                    "characteristic": name,
                    "level": [*map(str, levels), "missing"] * len(protocol.LA_KEYS),
                    "n": _grid(trial.cohort, code, len(levels) + 1).ravel(),
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    return table.sort_values("la", kind="stable").reset_index(drop=True)


def balance(trial: Trial) -> pd.DataFrame:
    """Compare the covariates between conditions, crudely and within LA and period.

    Differences are treatment less control in standard deviations: the root of the mean of the two
    conditions' variances. The adjusted one is the coefficient of treatment in a least-squares fit
    with LA and period indicators. Children without the covariate are left out of its rows.

    Returns
    -------
    pandas.DataFrame
        covariate, level (empty for LA covariates), n_control, n_treatment, count_control,
        count_treatment (NaN for LA covariates), mean_control, mean_treatment (a level's is its
        share), crude_difference, adjusted_difference (NaN where treatment, LA and period can't be
        told apart or nothing varies).
    """
    rows = []
    for name in (*CHILD_COVARIATES, *LA_COVARIATES):
        values = trial.cohort[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = values.cat.codes.to_numpy()
            levels = [str(level) for level in values.cat.categories]
            indicators = (codes[:, None] == np.arange(len(levels))).astype(np.float64)
            rows += _contrasts(trial, name, levels, indicators, codes >= 0, counts=True)
        else:
            column = values.to_numpy(np.float64)
            rows += _contrasts(trial, name, [""], column[:, None], ~np.isnan(column), counts=False)
    return pd.DataFrame.from_records(rows)


def _contrasts(
    trial: Trial, name: str, levels: list[str], columns: Floats, known: Bools, *, counts: bool
) -> list[dict[str, Any]]:
    """Make one row of `balance` a column."""
    cohort = trial.cohort[known]
    columns = columns[known]
    treated = cohort["treated"].to_numpy() == 1
    groups = {"control": columns[~treated], "treatment": columns[treated]}
    n = {group: len(rows) for group, rows in groups.items()}
    none = np.full(columns.shape[1], np.nan)
    mean = {g: rows.mean(axis=0) if n[g] else none for g, rows in groups.items()}
    spread = [rows.var(axis=0) if n[g] else none for g, rows in groups.items()]
    deviation = np.sqrt(np.mean(spread, axis=0))
    deviation[deviation == 0] = np.nan
    crude = (mean["treatment"] - mean["control"]) / deviation
    adjusted = _within_la_and_period(cohort, treated, columns) / deviation
    return [
        {
            "covariate": name,
            "level": level,
            **{f"n_{g}": n[g] for g in groups},
            **{f"count_{g}": rows[:, i].sum() if counts else np.nan for g, rows in groups.items()},
            **{f"mean_{g}": mean[g][i] for g in groups},
            "crude_difference": crude[i],
            "adjusted_difference": adjusted[i],
        }
        for i, level in enumerate(levels)
    ]


def _within_la_and_period(cohort: pd.DataFrame, treated: Bools, columns: Floats) -> Floats:
    """Coefficients of treatment beside LA and period indicators, one a column."""
    indicators = [
        (cohort[name].to_numpy() == level).astype(np.float64)
        for name in ("la", "period")
        for level in pd.unique(cohort[name])
    ]
    if not indicators:
        return np.full(columns.shape[1], np.nan)
    base = np.column_stack(indicators)
    # Frisch-Waugh: what LA and period leave of treatment carries the coefficient.
    left = treated - base @ np.linalg.lstsq(base, treated.astype(np.float64), rcond=None)[0]
    sum_of_squares = float(left @ left)
    if sum_of_squares < np.sqrt(np.finfo(float).eps) * len(left):
        return np.full(columns.shape[1], np.nan)
    coefficients: Floats = left @ columns / sum_of_squares
    return coefficients


def _in_trial_period(trial: Trial) -> pd.DataFrame:
    first, last = (day(date) for date in trial.refresh.trial_dates)
    dates = days(trial.referrals["referral_date"])
    return trial.referrals[(dates >= first) & (dates <= last)]


def _repeated_las(times: int) -> pd.Categorical[Any]:
    return pd.Categorical(np.repeat(list(protocol.LA_KEYS), times), dtype=LA_DTYPE)


def _grid(rows: pd.DataFrame, column: Ints, width: int) -> Ints:
    """Count rows by LA (down) and `column` 0..width-1 (across)."""
    cell = rows["la"].cat.codes.to_numpy(np.int64) * width + column
    counts = np.bincount(cell, minlength=len(protocol.LA_KEYS) * width)
    return counts.reshape(len(protocol.LA_KEYS), width)
