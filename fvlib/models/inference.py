"""From an estimate to an interval and a p; many estimates to one; many p to an adjusted few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Limits of a two-sided interval, and the p of the null hypothesis of zero."""

    low: float
    high: float
    p_value: float


class RubinEstimate(NamedTuple):
    """Rubin's rules: one estimate from several imputations."""

    estimate: float
    std_error: float
    df: float
    fmi: float
    p_value: float


class WeightedMean(NamedTuple):
    """Inverse-variance weighted mean of independent estimates."""

    estimate: float
    std_error: float
    heterogeneity: float
    heterogeneity_p: float


def interval(estimate: float, std_error: float, df: float = math.inf, *, alpha: float) -> Interval:
    """Wald interval and p from t with ``df`` degrees of freedom (normal when infinite).

    NaN in, NaN out: an estimate that doesn't exist has no interval.

    Raises
    ------
    ValueError
        When ``alpha`` is not between 0 and 1, the standard error is negative or ``df`` not
        positive.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: {alpha!r} is not between 0 and 1")
    if std_error < 0:
        raise ValueError(f"std_error: {std_error!r} is negative")
    if df <= 0:
        raise ValueError(f"df: {df!r} is not positive")
    if math.isnan(estimate) or math.isnan(std_error) or math.isnan(df):
        return Interval(math.nan, math.nan, math.nan)
    quantile = special.ndtri(alpha / 2.0) if math.isinf(df) else special.stdtrit(df, alpha / 2.0)
    reach = -float(quantile) * std_error
    return Interval(estimate - reach, estimate + reach, _two_sided(estimate, std_error, df))


def _two_sided(estimate: float, std_error: float, df: float) -> float:
    """P of a value as far from zero, under t with ``df`` degrees of freedom."""
    if std_error == 0.0:
        return 1.0 if estimate == 0.0 else 0.0
    t = -abs(estimate) / std_error
    return 2.0 * float(special.ndtr(t) if math.isinf(df) else special.stdtr(df, t))


def pool_rubin(
    estimates: ArrayLike, variances: ArrayLike, df_complete: float = math.inf
) -> RubinEstimate:
    """Pool the estimates of m imputations.

    Total variance = within + (1 + 1/m) between (Rubin 1987); degrees of freedom by Barnard and
    Rubin (1999, doi 10.1093/biomet/86.4.948); ``fmi`` = (r + 2 / (df + 3)) / (r + 1) with r the
    relative increase of the variance.

    Raises
    ------
    ValueError
        When lengths differ, nothing is given, a value is not finite or a variance negative.
    """
    q = np.atleast_1d(np.asarray(estimates, dtype=np.float64))
    u = np.atleast_1d(np.asarray(variances, dtype=np.float64))
    if q.shape != u.shape or q.ndim != 1 or len(q) == 0:
        raise ValueError(f"estimates and variances: shapes {q.shape} and {u.shape} don't pair up")
    bad = int((~np.isfinite(q) | ~np.isfinite(u)).sum())
    if bad:
        raise ValueError(f"estimates, variances: {bad} of {len(q)} imputations are not finite")
    if (u < 0).any():
        raise ValueError("variances: a variance is negative")
    if df_complete <= 0:
        raise ValueError(f"df_complete: {df_complete!r} is not positive")
    m, mean, within = len(q), float(q.mean()), float(u.mean())
    between = float(q.var(ddof=1)) if m > 1 else 0.0
    total = within + (1.0 + 1.0 / m) * between
    share = (1.0 + 1.0 / m) * between / total if total > 0 else 0.0
    if math.isinf(df_complete):
        observed = math.inf
    else:
        observed = (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - share)
    old = (m - 1) / share**2 if share > 0 else math.inf
    if math.isinf(old):
        df = observed
    elif math.isinf(observed):
        df = old
    else:
        df = old * observed / (old + observed) if observed > 0 else 0.0
    r = share / (1.0 - share) if share < 1 else math.inf
    fmi = (r + 2.0 / (df + 3.0)) / (r + 1.0) if math.isfinite(r) else 1.0
    error = math.sqrt(total)
    return RubinEstimate(mean, error, df, fmi, _two_sided(mean, error, df))


def hochberg(p_values: ArrayLike) -> Floats:
    """Hochberg's step-up adjusted p-values, in the order given.

    NaN stays NaN and is not counted (Hochberg 1988, doi 10.1093/biomet/75.4.800).

    Raises
    ------
    ValueError
        When a value lies outside 0 to 1.
    """
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("p_values: a value is not between 0 and 1")
    order = np.argsort(-p[known], kind="stable")
    steps = np.minimum.accumulate(np.arange(1, known.sum() + 1) * p[known][order])
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(steps, 1.0)
    out = np.full(p.shape, np.nan)
    out[known] = adjusted
    return out


def inverse_variance(
    estimates: Sequence[float], std_errors: Sequence[float], correlation: float = 0.0
) -> WeightedMean:
    """Pool estimates with weights 1 / variance; the SE takes a common correlation into account.

    With ``correlation`` r between every two estimates the variance of the weighted mean is
    sum_i sum_j w_i w_j r_ij s_i s_j; the weights stay those of independence. Heterogeneity is
    Cochran's Q and its chi-squared p when the estimates are independent; for two correlated ones
    it is the squared difference over its variance.

    Raises
    ------
    ValueError
        When lengths differ, a standard error is not positive, or the correlation is outside -1..1.
    """
    b = np.asarray(estimates, dtype=np.float64)
    s = np.asarray(std_errors, dtype=np.float64)
    if b.shape != s.shape or b.ndim != 1 or len(b) == 0:
        raise ValueError(f"estimates and std_errors: shapes {b.shape} and {s.shape} don't pair up")
    if not (np.isfinite(b).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("std_errors: each must be positive and finite, as must the estimates")
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"correlation: {correlation!r} is not between -1 and 1")
    w = s**-2 / np.sum(s**-2)
    between = np.where(np.eye(len(b), dtype=bool), 1.0, correlation) * np.outer(s, s)
    mean = float(w @ b)
    variance = float(w @ between @ w)
    if len(b) == 1:
        return WeightedMean(mean, math.sqrt(variance), 0.0, math.nan)
    contrast = np.eye(len(b))[1:] - np.eye(len(b))[0]
    spread = contrast @ between @ contrast.T
    apart = contrast @ b
    q = float(apart @ np.linalg.pinv(spread) @ apart)
    return WeightedMean(
        mean, math.sqrt(max(variance, 0.0)), q, float(special.chdtrc(len(b) - 1, q))
    )


def cell_df(cells: int, clusters: int, periods: int, cluster_covariates: int = 0) -> int:
    """Degrees of freedom for an effect that is compared between cluster-period cells.

    Cells, less one for each cluster, each period but the first, the treatment, and each covariate
    that belongs to clusters: what is left when cell means are regressed on them (the analysis
    plan's rule for the model with a cluster-period intercept; 19 for 5 clusters in 6 periods).

    Raises
    ------
    ValueError
        When nothing is left.
    """
    df = cells - clusters - (periods - 1) - 1 - cluster_covariates
    if df < 1:
        raise ValueError(
            f"cells: {cells} cells of {clusters} clusters in {periods} periods, with "
            f"{cluster_covariates} cluster covariates, leave no degree of freedom"
        )
    return df
