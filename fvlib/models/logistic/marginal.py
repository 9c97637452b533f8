"""Adjusted risks and average marginal effects of a logistic fit, with delta-method variances.

With theta = (beta, log sigmas) and C its covariance, a mean risk r(theta) has variance g'Cg, g its
gradient. At the conditional modes a(theta), r is the mean of expit(x beta + a), and g takes in
how the modes move: a was differentiated implicitly in the fit (``intercept_slopes``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fvlib.models import arguments
from fvlib.models.clusters import number_clusters
from fvlib.models.identify import settles
from fvlib.models.logistic.quadrature import bernoulli, hermite
from fvlib.models.logistic.switch import Pair, Switch
from fvlib.models.records import LogisticFit

Floats = NDArray[np.float64]

# Nodes for the law of a new cluster's intercept, and rows integrated at a time.
_NODES = 31
_CHUNK = 1 << 16


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
    """Mean over the sample of the difference in risk, at the clusters' conditional modes.

    Parameters
    ----------
    fit
        A logistic fit.
    X_treated, X_control : (rows, columns) arrays
        The sample under each condition: all the columns that were passed to the fit, in that
        order, those that it dropped too. Rows of a level in which the outcome never or always
        happens have a risk of 0 or 1 and a change of zero.
    groups, subgroups
        The rows' clusters, each known to the fit; ``subgroups`` when the fit has them.
    weights : (rows,) array, optional
    offset : (rows,) array, optional

    Returns
    -------
    MarginalEffect
        Proportions. Delta method over (beta, log sigma) jointly, the modes moving with them.

    Raises
    ------
    ValueError
        When shapes differ, values are not finite, or a cluster is unknown to the fit.
    """
    treated, control, w, o = _sample(fit, X_treated, X_control, weights, offset)
    cell = _cells(fit, groups, subgroups, len(w))
    return _contrast(fit, *_conditional_risks(fit, Pair(treated, control), o, cell, w))


def switched_effect(
    fit: LogisticFit,
    X: Any,
    column: str,
    groups: Any,
    weights: ArrayLike | None = None,
    *,
    subgroups: Any = None,
    offset: ArrayLike | None = None,
) -> MarginalEffect:
    """:func:`average_marginal_effect` where the conditions differ in one column: 1 against 0.

    Parameters
    ----------
    X : (rows, columns) array
        The sample: all the columns that were passed to the fit, in that order.
    column
        The one that is switched, by name.

    Raises
    ------
    ValueError
        As there; or when the fit has no such column.
    """
    X, _ = arguments.design(X, fit.columns)
    if column not in fit.columns:
        raise ValueError(f"column: the fit has none named {column!r}")
    w, o = _weights(weights, len(X)), arguments.vector("offset", offset, len(X))
    cell = _cells(fit, groups, subgroups, len(X))
    sample = Switch(X, fit.columns.index(column))
    return _contrast(fit, *_conditional_risks(fit, sample, o, cell, w))


def population_average_effect(
    fit: LogisticFit,
    X_treated: Any,
    X_control: Any,
    weights: ArrayLike | None = None,
    *,
    offset: ArrayLike | None = None,
) -> MarginalEffect:
    """Mean difference in risk over the sample's covariates in clusters like those of the fit.

    As :func:`average_marginal_effect`, but each row's risk is the mean over the normal law of a new
    cluster's intercept (group and subgroup together) in place of the risk at a known one's mode.
    """
    treated, control, w, o = _sample(fit, X_treated, X_control, weights, offset)
    return _contrast(fit, *(_marginal_risk(fit, X, o, w) for X in (treated, control)))


def _sample(
    fit: LogisticFit,
    X_treated: Any,
    X_control: Any,
    weights: ArrayLike | None,
    offset: ArrayLike | None,
) -> tuple[Floats, Floats, Floats, Floats]:
    treated, _ = arguments.design(X_treated, fit.columns)
    control, _ = arguments.design(X_control, fit.columns)
    if treated.shape != control.shape:
        raise ValueError(f"X_treated, X_control: shapes {treated.shape} and {control.shape} differ")
    w, o = _weights(weights, len(treated)), arguments.vector("offset", offset, len(treated))
    return treated, control, w, o


def _weights(weights: ArrayLike | None, rows: int) -> Floats:
    """Give each row its share of the whole weight."""
    w = arguments.vector("weights", weights, rows, 1.0)
    if (w < 0).any() or not w.any():
        raise ValueError("weights: they must not be negative, nor all zero")
    return np.asarray(w / w.sum())


def _contrast(
    fit: LogisticFit, treated: tuple[float, Floats], control: tuple[float, Floats]
) -> MarginalEffect:
    (risk_1, slope_1), (risk_0, slope_0) = treated, control

    def error(slope: Floats) -> float:
        return float(np.sqrt(slope @ fit.parameters_covariance @ slope))

    return MarginalEffect(
        risk_1 - risk_0, error(slope_1 - slope_0), risk_1, risk_0, error(slope_1), error(slope_0)
    )


def _cells(fit: LogisticFit, groups: Any, subgroups: Any, rows: int) -> NDArray[np.intp]:
    """Find each row's cell among those of the fit."""
    if (subgroups is None) != (not fit.subgroup_labels):
        raise ValueError("subgroups: to be given if, and only if, the fit has them")
    given = number_clusters(groups, subgroups, rows)
    known = pd.Index(fit.subgroup_labels or fit.group_labels, tupleize_cols=False)
    place = known.get_indexer(pd.Index(given.cells or given.groups, tupleize_cols=False))
    if (place < 0).any():
        unknown = int((place[given.cell] < 0).sum())
        raise ValueError(f"groups: {unknown} of {rows} rows are in a cluster the fit didn't see")
    return np.asarray(place[given.cell])


def _settle(moves: Sequence[Floats], p: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Give rows of separated levels their certain outcome; the first direction found decides.

    ``moves`` are how far each direction, in the order found, moves the rows.
    """
    for move in reversed(moves):
        settled = settles(move)
        p = np.where(settled, move > 0, p)
        slope = np.where(settled, 0.0, slope)
    return p, slope


def _over_columns(fit: LogisticFit) -> tuple[Floats, list[int]]:
    """Coefficients over all the columns as passed, zero where one was dropped; where the kept are.

    So X is read as it is, and not copied to leave a column out.
    """
    kept = [fit.columns.index(name) for name in fit.names]
    beta = np.zeros(len(fit.columns))
    beta[kept] = fit.coefficients
    return beta, kept


def _conditional_risks(
    fit: LogisticFit, sample: Pair | Switch, offset: Floats, cell: NDArray[np.intp], weight: Floats
) -> list[tuple[float, Floats]]:
    """Weighted mean risk at the modes under each condition, with derivatives by the parameters."""
    beta, kept = _over_columns(fit)
    law = bernoulli(sample.predictors(beta) + (offset + fit.intercepts[cell]))
    moves = [sample.predictors(direction.slopes) for direction in fit.separated]
    p, slopes = _settle(moves, law.p, weight * law.variance)
    by_column = sample.sums(slopes)[:, kept]
    told = []
    for risk, slope, at in zip(p @ weight, slopes, by_column, strict=True):
        by_cell = np.bincount(cell, weights=slope, minlength=len(fit.intercepts))
        gradient = by_cell @ fit.intercept_slopes
        gradient[: len(kept)] += at
        told.append((float(risk), gradient))
    return told


def _marginal_risk(
    fit: LogisticFit, X: Floats, offset: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Weighted mean risk in a new cluster, and its derivative by the parameters."""
    beta, kept = _over_columns(fit)
    z, w = hermite(_NODES)
    sigmas = np.array(fit.sigmas)
    total = float(np.sqrt(sigmas @ sigmas))
    risk, gradient = 0.0, np.zeros(len(fit.parameters_covariance))
    for begin in range(0, len(X), _CHUNK):
        here = slice(begin, begin + _CHUNK)
        Z, share = X[here], weight[here]
        law = bernoulli((offset[here] + Z @ beta)[:, None] + total * z)
        moves = [Z @ direction.slopes for direction in fit.separated]
        p, slope = _settle(moves, law.p @ w, share * (law.variance @ w))
        _, by_total = _settle(moves, p, share * (law.variance @ (w * z)))
        risk += float(share @ p)
        gradient[: len(kept)] += (slope @ Z)[kept]
        if total > 0:
            # d total / d log sigma_k = sigma_k^2 / total, for the sigmas that are not zero.
            gradient[len(kept) :] += by_total.sum() * sigmas[sigmas > 0] ** 2 / total
    return risk, gradient
