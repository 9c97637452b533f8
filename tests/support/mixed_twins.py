"""Slow, obvious versions of what the engine computes: one cluster after another, no derivatives."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, gammaln


def log_binomial(y: np.ndarray, m: np.ndarray) -> float:
    return float(np.sum(gammaln(m + 1) - gammaln(y + 1) - gammaln(m - y + 1)))


def row_loglik(y: np.ndarray, m: np.ndarray, eta: np.ndarray) -> np.ndarray:
    return y * eta - m * np.logaddexp(0.0, eta)


def mode_of(y: np.ndarray, m: np.ndarray, eta: np.ndarray, sigma: float) -> float:
    """Conditional mode of one cluster's intercept: where the slope crosses zero, to all digits."""

    def slope(b: float) -> float:
        return float(np.sum(y - m * expit(eta + b)) - b / sigma**2)

    return float(brentq(slope, -50.0, 50.0, xtol=1e-14, rtol=1e-14))


def adaptive_loglik(  # noqa: PLR0917
    y: np.ndarray, m: np.ndarray, eta: np.ndarray, g: np.ndarray, sigma: float, q: int
) -> float:
    """Adaptive Gauss-Hermite log-likelihood of one random intercept, cluster by cluster."""
    z, w = np.polynomial.hermite.hermgauss(q)  # weight exp(-z^2)
    total = 0.0
    for k in np.unique(g):
        here = g == k
        b = mode_of(y[here], m[here], eta[here], sigma)
        p = expit(eta[here] + b)
        scale = np.sqrt(2.0 / (np.sum(m[here] * p * (1 - p)) + 1 / sigma**2))
        at = b + scale * z
        terms = [row_loglik(y[here], m[here], eta[here] + x).sum() for x in at]
        terms = np.array(terms) - 0.5 * (at / sigma) ** 2 + z**2
        top = terms.max()
        total += np.log(scale / (sigma * np.sqrt(2 * np.pi)))
        total += top + np.log(w @ np.exp(terms - top))
    return float(total)


def nested_loglik(  # noqa: PLR0917
    y: np.ndarray,
    m: np.ndarray,
    eta: np.ndarray,
    g: np.ndarray,
    s: np.ndarray,
    sigmas: tuple[float, float],
    nodes: int = 101,
) -> float:
    """Log-likelihood of nested intercepts by plain, very fine quadrature at both levels."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    total = 0.0
    for k in np.unique(g):
        log_inner = np.zeros(nodes)
        for c in np.unique(s[g == k]):
            here = (g == k) & (s == c)
            a = sigmas[0] * z[:, None] + sigmas[1] * z[None, :]
            at = eta[here][:, None, None] + a
            each = (y[here][:, None, None] * at).sum(0)
            each = each - (m[here][:, None, None] * np.logaddexp(0.0, at)).sum(0)
            top = each.max()
            log_inner += top + np.log(np.exp(each - top) @ w)
        top = log_inner.max()
        total += top + np.log(np.exp(log_inner - top) @ w)
    return float(total)


def linear_loglik(
    y: np.ndarray, X: np.ndarray, V: np.ndarray, reml: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, coefficients and covariance of a linear model, with V written out in full."""
    inverse = np.linalg.inv(V)
    A = X.T @ inverse @ X
    beta = np.linalg.solve(A, X.T @ inverse @ y)
    r = y - X @ beta
    n, p = X.shape
    value = n * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + r @ inverse @ r
    if reml:
        value += np.linalg.slogdet(A)[1] - p * np.log(2 * np.pi)
    return -0.5 * value, beta, np.linalg.inv(A)
