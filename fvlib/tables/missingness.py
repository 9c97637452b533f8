"""What is missing of the covariates, and whether being missing has patterns.

Protocol, Handling missing data: "statistical analyses to determine whether there are any patterns".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.design import INTERCEPT, TREATMENT, Terms, fixed_effects, merge_ethnicities
from fvlib.models.inference import interval
from fvlib.models.mixed import Separation, Unidentified, fit_logistic
from fvlib.remarks import Code, remark
from fvlib.trial import Trial
from fvlib.trial.covariates import (
    ALL,
    CHILD_COVARIATES,
    ETHNICITIES,
    LA_COVARIATES,
    missing_too_often,
    recordable,
)
from fvlib.trial.frames import CONDITIONS, LA_DTYPE, coded

COLUMNS: Final = (
    "covariate", "term", "odds_ratio", "ci_low", "ci_high", "p_value", "n", "missing", "left_out",
    "notes",
)  # fmt: skip
# Below this many missing or known values a regression of thirty terms says nothing.
FEWEST: Final = 50


def missingness_by_period(trial: Trial) -> pd.DataFrame:
    """Count missing covariates by LA, period and condition.

    Free school meals count among children of school age only: below it nothing can be missing.

    Returns
    -------
    pandas.DataFrame
        covariate, la, period, condition, n (children for whom it could be recorded), missing.
        Only combinations that the cohort has.
    """
    names = [*CHILD_COVARIATES, *LA_COVARIATES, *trial.refresh.context_columns]
    cells = [trial.cohort["la"].astype(object), trial.cohort["period"], trial.cohort["treated"]]
    tables = []
    for name in names:
        counted = pd.DataFrame(
            {"n": recordable(trial.cohort[name]), "missing": trial.cohort[name].isna()}
        )
        sums = counted.astype(np.int64).groupby(cells).sum().reset_index()
        tables.append(sums.assign(covariate=name))
    table = pd.concat(tables, ignore_index=True)
    table["la"] = table["la"].astype(LA_DTYPE)
    table["condition"] = coded(table["treated"], CONDITIONS)
    table = table.sort_values(["la", "period", "condition"], kind="stable")
    order = pd.Categorical(table["covariate"], names).codes.argsort(kind="stable")
    columns = ["covariate", "la", "period", "condition", "n", "missing"]
    return table.iloc[order][columns].reset_index(drop=True)


def missingness(trial: Trial) -> pd.DataFrame:
    """Count missing covariates by LA and condition, with their margins, as above.

    Returns
    -------
    pandas.DataFrame
        covariate, la (with `all`), condition (with `all`), n, missing, share (NaN when n is 0).
        Every combination has its row.
    """
    cells = missingness_by_period(trial)
    names = list(dict.fromkeys(cells["covariate"]))
    text = cells.astype({"la": object, "condition": object})
    stacked = pd.concat(
        [
            text,
            text.assign(la=ALL),
            text.assign(condition=ALL),
            text.assign(la=ALL, condition=ALL),
        ]
    )
    sums = stacked.groupby(["covariate", "la", "condition"])[["n", "missing"]].sum()
    grid = pd.MultiIndex.from_product(
        [names, [*protocol.LA_KEYS, ALL], [*CONDITIONS, ALL]], names=sums.index.names
    )
    table = sums.reindex(grid, fill_value=0).reset_index()
    return table.assign(share=table["missing"] / table["n"].where(table["n"] > 0))


def missing_patterns(trial: Trial) -> pd.DataFrame:
    """Regress being missing on the other covariates, period and treatment, covariate by covariate.

    A logistic model with a random intercept for each LA, on children with every other covariate
    recorded; covariates that the models drop are no regressors, and an LA in which the covariate
    is missing for all is left out. Free school meals concern those of school age.

    Returns
    -------
    pandas.DataFrame
        covariate, term (as in a design matrix), odds_ratio, ci_low, ci_high, p_value, n, missing
        (rows of the fit), left_out (children whom the covariate concerns and who are not among
        these rows), notes. A covariate that can't be regressed is one row with the reason in
        `notes` (`fvlib.remarks`); one without missing values has none.
    """
    cohort = trial.cohort.assign(
        ethnicity=merge_ethnicities(trial.cohort["ethnicity"], ETHNICITIES)
    )
    names = [*CHILD_COVARIATES, *LA_COVARIATES]
    dropped = missing_too_often(trial.cohort)
    usable = [name for name in names if name not in dropped]
    rows = [
        row
        for name in CHILD_COVARIATES
        if cohort[name].isna().any()
        for row in _pattern(cohort, name, [other for other in usable if other != name])
    ]
    return pd.DataFrame.from_records(rows, columns=list(COLUMNS))


def _pattern(cohort: pd.DataFrame, name: str, others: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one covariate."""
    concerned = cohort
    if name == "fsm":  # below school age it can't be missing
        concerned = cohort[cohort[name].isna() | cohort[name].isin(("yes", "no"))]
    rows = concerned[concerned[others].notna().all(axis=1)]
    wholly = rows[name].isna().groupby(rows["la"], observed=True).transform("mean") == 1
    rows = rows[~wholly]
    missing = rows[name].isna().to_numpy()
    facts = {
        "covariate": name, "n": len(rows), "missing": int(missing.sum()),
        "left_out": len(concerned) - len(rows), "notes": "",
    }  # fmt: skip
    if min(missing.sum(), len(rows) - missing.sum()) < FEWEST:
        yield facts | {"notes": str(Code.FEW_VALUES)}
        return
    terms = Terms(
        tuple(other for other in CHILD_COVARIATES if other in others),
        tuple(other for other in LA_COVARIATES if other in others),
    )
    X, columns = fixed_effects(rows, terms)
    try:
        fit = fit_logistic(
            missing.astype(np.float64), X, rows["la"].astype(str).to_numpy(), names=columns,
            quadrature=1, preference=(*terms.la, *columns[::-1]), protected=(INTERCEPT,),
        )  # fmt: skip
    except (Separation, Unidentified) as told:
        yield facts | {"notes": told.remark}
        return
    if not fit.converged:
        yield facts | {"notes": str(Code.NOT_CONVERGED)}
        return
    facts["notes"] = remark(Code.LEFT_OUT, fit.dropped) if fit.dropped else ""
    for term, estimate, error in zip(fit.names, fit.coefficients, fit.std_errors, strict=True):
        if term == INTERCEPT:
            continue
        low, high, p = interval(float(estimate), float(error), alpha=protocol.ALPHA)
        exponents = np.exp([float(estimate), low, high])
        scale = dict(zip(("odds_ratio", "ci_low", "ci_high"), exponents.tolist(), strict=True))
        yield facts | {"term": "treated" if term == TREATMENT else term, **scale, "p_value": p}
