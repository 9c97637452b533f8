"""One row of the plan over one trial: its rows, its complete data sets, its estimates.

There is no branch by analysis here: what differs stands in the row. An analysis that can't be
fitted is an estimate row with a status and a reason; it never takes the report down.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis import estimates
from fvlib.analysis.design import (
    Codes,
    Design,
    NotEstimable,
    Terms,
    check_estimable,
    collapse_alike_rows,
    count_fixed_effects,
    fixed_effects,
    merge_ethnicities,
    small_ethnicities,
)
from fvlib.analysis.fit import CombinedFits, Fit, FitFailed
from fvlib.analysis.imputations import Imputations
from fvlib.analysis.plan import Analysis, Derived
from fvlib.errors import debugging, trace_of
from fvlib.remarks import Code, join, remark
from fvlib.trial import Trial
from fvlib.trial.covariates import missing_too_often
from fvlib.trial.exposure import DatesNeeded


@dataclass(frozen=True, slots=True)
class Result:
    """What one row of the plan gave.

    Attributes
    ----------
    analysis
        The row's id.
    rows
        Estimate rows, columns as in `estimates.COLUMNS`.
    intercepts
        `(la, mode, standard deviation)` of the LA intercepts, on the model's scale.
    tables
        What is no scalar (curves, permutation draws), by side table's name.
    seconds
        Time taken; for `timings.csv` only.
    trace
        Of an analysis that broke, where it did (`errors.trace_of`); for the run's log only.
    """

    analysis: str
    rows: tuple[dict[str, Any], ...]
    intercepts: tuple[tuple[str, float, float], ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    seconds: float = 0.0
    trace: str = ""


def analyse(
    analysis: Analysis, trial: Trial, imputations: Mapping[str, Imputations] | None = None
) -> Result:
    """Fit one row of the plan to the trial.

    Parameters
    ----------
    analysis
        The row.
    trial
        The trial's analysable rows.
    imputations
        Completed covariates by the name of their set (`Analysis.imputed`); a row whose set is not
        there analyses complete cases.
    """
    begun = time.perf_counter()
    counts: dict[str, Any] = {"n": np.nan, "events": np.nan}
    intercepts: tuple[tuple[str, float, float], ...] = ()
    facts: dict[str, Any] = {}
    combined = CombinedFits([{"term": "treatment"}])
    status, reason, trace = "estimated", "", ""
    try:
        rows = sample_rows(analysis, trial)
        counts = _counts(rows, analysis.outcome)
        check_heard(analysis, trial, rows)
        prepared = prepare(analysis, rows, missing_too_often(trial.cohort))
        fits: list[Fit] = []
        copies = (imputations or {}).get(analysis.imputed)
        for complete in complete_data_sets(prepared, copies):
            counts = _counts(complete, analysis.outcome)
            apart = analysis.method.apart(complete)
            design = design_of(complete, prepared.terms, apart)
            fits.append(analysis.method.fit(design, fits[-1].start if fits else None))
        facts = estimates.diary(fits)
        facts["dropped"] = join(*prepared.notes, facts["dropped"])
        if not facts["converged"]:
            raise FitFailed(Code.NOT_CONVERGED)
        combined = analysis.method.combine(fits)
        facts["warnings"] = join(facts["warnings"], *combined.warnings)
        modes = fits[0].la_intercepts
        intercepts = tuple((protocol.LA_KEYS[la], *modes[la]) for la in sorted(modes))
    except (NotEstimable, DatesNeeded) as told:
        status, reason = "not_yet_estimable", str(told)
    except FitFailed as told:
        status, reason = "failed", str(told)
    except Exception as error:  # an analysis never takes the report down; no value is quoted
        if debugging():
            raise
        status, reason = "failed", remark(Code.UNEXPECTED_FITTING, type(error).__name__)
        trace = trace_of(error)
    base = {
        "analysis": analysis.id,
        "role": analysis.role,
        "outcome": analysis.outcome,
        **counts,
        "status": status,
        "reason": reason,
        **facts,
    }
    return Result(
        analysis.id,
        tuple(base | row for row in combined.rows),
        intercepts,
        _named(analysis.id, combined),
        seconds=time.perf_counter() - begun,
        trace=trace,
    )


def analyse_each(
    rows: Sequence[Analysis], trial: Trial, imputations: Mapping[str, Imputations]
) -> list[Result]:
    """Fit rows of one cohort, one after the other; see :func:`analyse`."""
    return [analyse(row, trial, imputations) for row in rows]


def derive(row: Derived, results: Mapping[str, Result], trial: Trial) -> Result:
    """Make one derived row of the plan from the results that it needs."""
    combined = CombinedFits([{"term": "treatment"}])
    status, reason, trace = "estimated", "", ""
    try:
        combined = row.make({name: results[name].rows for name in row.needs}, trial)
    except NotEstimable as told:
        status, reason = "not_yet_estimable", str(told)
    except Exception as error:  # as for an analysis
        if debugging():
            raise
        status, reason = "failed", remark(Code.UNEXPECTED_DERIVING, type(error).__name__)
        trace = trace_of(error)
    base = {
        "analysis": row.id,
        "role": row.role,
        "outcome": row.outcome,
        "status": status,
        "reason": reason,
        # It has no fit of its own: it is made of results that converged, or it isn't made.
        "converged": status == "estimated",
        "warnings": join(*combined.warnings),
    }
    return Result(
        row.id,
        tuple(base | entry for entry in combined.rows),
        tables=_named(row.id, combined),
        trace=trace,
    )


def _named(analysis: str, combined: CombinedFits) -> dict[str, pd.DataFrame]:
    """Put the analysis's id before the columns of its side tables."""
    return {
        name: table.assign(analysis=analysis)[["analysis", *table.columns]]
        for name, table in combined.tables.items()
    }


def sample_rows(analysis: Analysis, trial: Trial) -> pd.DataFrame:
    """Join an outcome's analysed rows with exposure and covariates, and keep the sample.

    Returns
    -------
    One row a sample member: child, la, period, treated, value, covariates (NaN = missing), and
    the outcome frame's own further columns.
    """
    return _joined(analysis, trial, "analysed")


def check_heard(analysis: Analysis, trial: Trial, rows: pd.DataFrame) -> None:
    """Wait for an LA of the sample that has sent nothing which the outcome could be read from.

    Raises
    ------
    NotEstimable
        The outcome is missing for every child of an LA, ten at least, whose window has closed.
    """
    missing = _joined(analysis, trial, "missing").drop_duplicates("child")["la"].value_counts()
    heard = set(rows["la"].unique())
    silent = [
        la
        for la in protocol.LA_KEYS
        if missing.get(la, 0) >= protocol.MINIMUM_EVENTS_PER_LEVEL and la not in heard
    ]
    if silent:
        raise NotEstimable(remark(Code.OUTCOME_MISSING, silent))


def _joined(analysis: Analysis, trial: Trial, state: str) -> pd.DataFrame:
    """Join an outcome's rows in a state with exposure and covariates, and keep the sample."""
    outcome = (trial.outcomes | trial.variants)[analysis.outcome]
    exposed = analysis.exposure(trial)
    outcome = outcome[(outcome["state"] == state) & outcome["child"].isin(exposed.index)]
    child = outcome["child"].to_numpy()
    parts = (
        outcome.drop(columns="state"),
        trial.cohort.drop(columns=["treated", "period"]).loc[child],
        exposed.loc[child],
    )
    rows = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
    return analysis.sample(rows)


def _counts(rows: pd.DataFrame, outcome: str) -> dict[str, Any]:
    binary = outcome not in protocol.LINEAR_OUTCOMES
    return {
        "n": float(len(rows)),
        "events": float(rows["value"].sum()) if binary else np.nan,
        estimates.PERSONS: float(rows["child"].nunique()),
    }


@dataclass(frozen=True, slots=True)
class Prepared:
    """An analysis's rows and terms, ready for its complete data sets.

    Attributes
    ----------
    rows
        The sample's rows, covariates as recorded.
    terms
        Covariates that the model can have.
    small
        Ethnicity codes to be merged into their main group.
    notes
        What was dropped or merged, and why: remarks (`fvlib.remarks`).
    """

    rows: pd.DataFrame
    terms: Terms
    small: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(analysis: Analysis, rows: pd.DataFrame, dropped: tuple[str, ...]) -> Prepared:
    """Take an analysis's sample rows as far as its complete data sets.

    Parameters
    ----------
    analysis, rows
        The row of the plan, and its sample (`sample_rows`).
    dropped
        Covariates that no model has (`missing_too_often`).

    Raises
    ------
    NotEstimable
        The data can't tell (yet); the message is the reason, a remark.
    """
    binary = analysis.outcome not in protocol.LINEAR_OUTCOMES
    terms, notes = _usable_terms(analysis.terms, rows, dropped)
    terms, collinear = check_estimable(rows, terms, binary=binary)
    small = small_ethnicities(rows) if binary and "ethnicity" in terms.child else ()
    if small:
        notes.append(remark(Code.MERGED, small))
    prepared = Prepared(rows, terms, small, (*notes, *collinear))
    size = count_fixed_effects(_merged(rows, prepared), terms) + rows["la"].nunique()
    if rows["child"].nunique() <= size:
        raise NotEstimable(remark(Code.FEW_CHILDREN, size))
    return prepared


def design_of(complete: pd.DataFrame, terms: Terms, apart: Sequence[Codes] | None = None) -> Design:
    """Make the design of one complete data set.

    Parameters
    ----------
    complete, terms
        The rows, and the model's covariates.
    apart
        What the method says of rows that are alike (`Method.apart`).
    """
    y, trials = complete["value"].to_numpy(np.float64), None
    if apart is not None:
        complete, y, trials = collapse_alike_rows(complete, terms, apart)
    X, names = fixed_effects(complete, terms)
    la = (
        complete["la"]
        .cat.set_categories(list(protocol.LA_KEYS))
        .cat.codes.to_numpy()
        .astype(np.int64)
    )
    period = complete["period"].to_numpy(np.int64)
    return Design(
        y=y,
        X=X,
        names=names,
        la=la,
        cell=la * (period.max() + 1) + period,
        child=complete["child"].to_numpy(np.int64),
        frame=complete,
        trials=trials,
    )


def complete_data_sets(
    prepared: Prepared, imputations: Imputations | None
) -> Iterator[pd.DataFrame]:
    """Yield complete data sets: the imputed copies, or the complete cases where there are none.

    Raises
    ------
    NotEstimable
        Nobody has every covariate recorded.
    """
    rows, names = prepared.rows, list(prepared.terms.child)
    incomplete = rows[names].isna().any(axis=None) if names else False
    if imputations is None or not incomplete:
        complete = rows.dropna(subset=names) if incomplete else rows
        if complete.empty:
            raise NotEstimable(Code.NO_COMPLETE_CASE)
        yield _merged(complete, prepared)
        return
    child = rows["child"].to_numpy()
    for number in range(imputations.count):
        drawn = imputations.completed(number, child)[names].set_axis(rows.index)
        yield _merged(rows.assign(**{name: drawn[name] for name in names}), prepared)


def _merged(complete: pd.DataFrame, prepared: Prepared) -> pd.DataFrame:
    if not prepared.small:
        return complete
    return complete.assign(ethnicity=merge_ethnicities(complete["ethnicity"], prepared.small))


def _usable_terms(
    terms: Terms, rows: pd.DataFrame, dropped: tuple[str, ...]
) -> tuple[Terms, list[str]]:
    """Drop covariates that are missing too often, and LA covariates missing at all; name them."""
    over = [name for name in (*terms.child, *terms.la) if name in dropped]
    partly = [name for name in terms.la if rows[name].isna().any() and name not in over]
    notes = [remark(Code.MISSING_TOO_OFTEN, name) for name in over]
    notes += [remark(Code.NOT_RECORDED_THROUGHOUT, name) for name in partly]
    return terms.without([*over, *partly]), notes
