"""Whether missingness has patterns: being missing, regressed on the other covariates.

Protocol, Handling missing data: "statistical analyses to determine whether there are any patterns".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from fvlib import protocol
from fvlib.analysis.design import (
    INTERCEPT,
    TREATMENT,
    Terms,
    fixed_effects,
    merge_ethnicities,
)
from fvlib.models.inference import interval
from fvlib.models.mixed import Separation, Unidentified, fit_logistic
from fvlib.remarks import Code, remark
from fvlib.trial import Trial
from fvlib.trial.covariates import CHILD_COVARIATES, ETHNICITIES, LA_COVARIATES, missing_too_often

COLUMNS: Final = (
    "covariate", "term", "odds_ratio", "ci_low", "ci_high", "p_value", "n", "missing", "left_out",
    "notes",
)  # fmt: skip
# Below this many missing or known values a regression of thirty terms says nothing.
FEWEST: Final = 50


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
