"""Adjusted risks and the average marginal effect of a logistic fit, with delta-method variances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fvlib.models import arguments
from fvlib.models.clusters import nest
from fvlib.models.quadrature import bernoulli
from fvlib.models.records import LogisticFit

Floats = NDArray[np.float64]

_MOVED = 1e-6


class MarginalEffect(NamedTuple):
    """Mean difference in risk, and the two mean risks it is the difference of."""

    estimate: float
    std_error: float
    risk_treated: float
    risk_control: float
    risk_treated_se: float
    risk_control_se: float


def average_marginal_effect(
    fit: LogisticFit,
    X_treated: Any,
    X_control: Any,
    groups: Any,
    weights: ArrayLike | None = None,
    *,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
) -> MarginalEffect:
    """Mean over the sample of the difference in risk at the groups' conditional modes.

    Delta method over (beta, log sigma) jointly, the modes moving with them.
    """
    treated, _ = arguments.design(X_treated, fit.columns)
    control, _ = arguments.design(X_control, fit.columns)
    if treated.shape != control.shape:
        raise ValueError(f"X_treated, X_control: shapes {treated.shape} and {control.shape} differ")
    n = len(treated)
    w = arguments.vector("weights", weights, n, 1.0)
    o = arguments.vector("offset", offset, n)
    cell = _cells(fit, groups, subgroups, n)
    w = w / w.sum()
    risk_1, slope_1 = _risk(fit, treated, o, cell, w)
    risk_0, slope_0 = _risk(fit, control, o, cell, w)
    V = fit.parameters_covariance

    def error(slope: Floats) -> float:
        return float(np.sqrt(slope @ V @ slope))

    return MarginalEffect(
        risk_1 - risk_0, error(slope_1 - slope_0), risk_1, risk_0, error(slope_1), error(slope_0)
    )


def _cells(fit: LogisticFit, groups: Any, subgroups: Any, rows: int) -> NDArray[np.intp]:
    """Find each row's cell among those of the fit."""
    if (subgroups is None) != (not fit.subgroup_labels):
        raise ValueError("subgroups: to be given if, and only if, the fit has them")
    given = nest(groups, subgroups, rows)
    known = pd.Index(fit.subgroup_labels or fit.group_labels, tupleize_cols=False)
    place = known.get_indexer(pd.Index(given.cells or given.groups, tupleize_cols=False))
    if (place < 0).any():
        unknown = int((place[given.cell] < 0).sum())
        raise ValueError(f"groups: {unknown} of {rows} rows are in a cluster the fit didn't see")
    return np.asarray(place[given.cell])


def _risk(
    fit: LogisticFit, X: Floats, offset: Floats, cell: NDArray[np.intp], weight: Floats
) -> tuple[float, Floats]:
    """Weighted mean risk, and its derivative by the parameters."""
    kept = [fit.columns.index(name) for name in fit.names]
    Z = X[:, kept]
    p, variance, _ = bernoulli(offset + Z @ fit.coefficients + fit.intercepts[cell])
    slope = weight * variance
    for direction in reversed(fit.separated):
        along = X @ direction.slopes
        settled = np.abs(along) > _MOVED
        p = np.where(settled, along > 0, p)
        slope = np.where(settled, 0.0, slope)
    by_cell = np.bincount(cell, weights=slope, minlength=len(fit.intercept_slopes))
    gradient = by_cell @ fit.intercept_slopes
    gradient[: len(kept)] += Z.T @ slope
    return float(weight @ p), gradient
