"""Regressions without random intercepts: tobit, fractional logit.

Both are likelihoods (or quasi-likelihoods) that no maintained library fits with random intercepts;
they take the clusters as indicators among their columns. With five large clusters these cost five
parameters and make no assumption on how clusters differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr

from fvlib.models.identify import Unidentified
from fvlib.remarks import Code

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Newton stops when the decrement (twice the gain still to be had) is under this.
TOLERANCE: Final = 1e-10
STEPS: Final = 60
# Rows multiplied at a time: they stay in the processor's cache.
_BLOCK: Final = 4096
_LOG_ROOT_2PI: Final = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Coefficients with their covariance; a tobit's last parameter is the log of sigma."""

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    converged: bool
    sigma: float = float("nan")


def tobit(
    y: Floats,
    X: Floats,
    *,
    above: Bools | None = None,
    below: Bools | None = None,
    start: Regression | None = None,
) -> Regression:
    """Fit a linear model with normal errors to values censored at themselves.

    A row in `above` says only that its value is at least y; one in `below`, at most y. Newton in
    Olsen's (1978, doi 10.2307/1913073) parameters beta / sigma and 1 / sigma, in which the
    log-likelihood is concave; the covariance is that of (beta, log sigma), from the Hessian there.
    `start` is a neighbour's solution with the same columns; the maximum doesn't depend on it.

    Raises
    ------
    ValueError
        When no row is uncensored or the columns are collinear.
    """
    high = np.zeros(len(y), bool) if above is None else above
    low = np.zeros(len(y), bool) if below is None else below
    seen = ~(high | low)
    if seen.sum() <= X.shape[1]:
        raise Unidentified("tobit: too few uncensored rows for the columns", Code.FEW_UNCENSORED)
    # Censored rows look along sign * (y h - x g): log Phi of what is beyond.
    sign = np.where(high, -1.0, 1.0)
    W = np.column_stack([-X, y])
    if start is None:
        beta, *_ = np.linalg.lstsq(X, y, rcond=None)
        h = 1.0 / float(np.std(y - X @ beta))
    else:
        beta, h = start.coefficients, 1.0 / start.sigma
    theta = np.append(beta * h, h)

    def value(at: Floats) -> float:
        if at[-1] <= 0:
            return -np.inf
        z = W @ at
        inside = np.log(at[-1]) - 0.5 * z[seen] ** 2 - _LOG_ROOT_2PI
        return float(inside.sum() + log_ndtr((sign * z)[~seen]).sum())

    def slopes(at: Floats) -> tuple[Floats, Floats]:
        z = W @ at
        t = sign * z
        mills = np.exp(-0.5 * t**2 - _LOG_ROOT_2PI - log_ndtr(t))
        slope = np.where(seen, -z, sign * mills)
        weight = np.where(seen, 1.0, mills * (mills + t))
        gradient = W.T @ slope
        gradient[-1] += seen.sum() / at[-1]
        information = _weighted(W, weight)
        information[-1, -1] += seen.sum() / at[-1] ** 2
        return gradient, information

    theta, current, information, converged = _climb(theta, value, slopes, "tobit")
    sigma = 1.0 / theta[-1]
    # From (g, h) to (beta, log sigma): beta = g / h, log sigma = -log h.
    J = np.eye(len(theta)) * sigma
    J[:-1, -1] = -theta[:-1] * sigma**2
    J[-1, -1] = -sigma
    covariance = J @ np.linalg.inv(information) @ J.T
    return Regression(theta[:-1] * sigma, covariance, current, converged, float(sigma))


def fractional_logit(
    y: Floats, X: Floats, *, start: Regression | None = None
) -> tuple[Regression, Floats]:
    """Fit a logit to shares by Bernoulli quasi-likelihood (Papke and Wooldridge 1996).

    Source: doi 10.1002/(SICI)1099-1255(199611)11:6<619::AID-JAE418>3.0.CO;2-1. `start` is as in
    :func:`tobit`.

    Returns
    -------
    The fit, whose covariance is the inverse information (to be made robust by
    :func:`cluster_robust`), and the rows' scores, shape (n, p).

    Raises
    ------
    ValueError
        When a share is outside 0 to 1 or the columns are collinear.
    """
    if ((y < 0) | (y > 1)).any():
        raise ValueError("fractional_logit: a share is not between 0 and 1")

    def value(at: Floats) -> float:
        eta = X @ at
        return float(y @ eta - np.logaddexp(0.0, eta).sum())

    def slopes(at: Floats) -> tuple[Floats, Floats]:
        p = expit(X @ at)
        return X.T @ (y - p), _weighted(X, p * (1.0 - p))

    begin = np.zeros(X.shape[1]) if start is None else start.coefficients
    beta, current, information, converged = _climb(begin, value, slopes, "fractional logit")
    fit = Regression(beta, np.asarray(np.linalg.inv(information)), current, converged)
    return fit, X * (y - expit(X @ beta))[:, None]


def cluster_robust(bread: Floats, scores: Floats, cluster: NDArray[np.int64]) -> Floats:
    """Sandwich covariance with scores summed in clusters, times G / (G - 1).

    The factor is that of R's sandwich::vcovCL with ``cadjust`` and ``type="HC0"``.
    """
    _, of = np.unique(cluster, return_inverse=True)
    groups = int(of.max()) + 1
    order = np.argsort(of, kind="stable")
    begin = np.searchsorted(of[order], np.arange(groups))
    sums = np.add.reduceat(scores[order], begin, axis=0)
    return np.asarray(groups / (groups - 1.0) * bread @ (sums.T @ sums) @ bread)


def _weighted(X: Floats, weight: Floats) -> Floats:
    """X' diag(weight) X for weights of zero or more: a matrix times itself is half the work."""
    out, root = np.zeros((X.shape[1],) * 2), np.sqrt(weight)[:, None]
    for begin in range(0, len(X), _BLOCK):
        rooted = X[begin : begin + _BLOCK] * root[begin : begin + _BLOCK]
        out += rooted.T @ rooted
    return out


def _climb(
    theta: Floats,
    value: Callable[[Floats], float],
    slopes: Callable[[Floats], tuple[Floats, Floats]],
    model: str,
) -> tuple[Floats, float, Floats, bool]:
    """Newton with halved steps to the maximum of a concave function.

    Returns
    -------
    The maximum's place and value, the information where the last step began, and whether it
    converged.
    """
    current, converged = value(theta), False
    for _ in range(STEPS):
        gradient, information = slopes(theta)
        step = _solve(information, gradient, model)
        converged = float(gradient @ step) < TOLERANCE
        size, there = 1.0, value(theta + step)
        while not converged and there < current and size > TOLERANCE:
            size /= 2.0
            there = value(theta + size * step)
        theta, current = theta + size * step, there
        if converged:
            break
    return theta, current, information, converged


def _solve(information: Floats, gradient: Floats, model: str) -> Floats:
    scale = 1.0 / np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    try:
        root = np.linalg.cholesky(information * np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise Unidentified(
            f"{model}: the columns can't be told apart", Code.COLUMNS_ALIASED
        ) from error
    return np.asarray(scale * np.linalg.solve(root.T, np.linalg.solve(root, scale * gradient)))
